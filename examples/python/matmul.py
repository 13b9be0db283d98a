# SPDX-License-Identifier: MIT
"""3. Matrix product: two-dimensional tiles, an accumulator, tuning.

Each program computes a tile of C, in steps of BLOCK_K along the summed axis. Programs traverse C in groups of rows, so that programs which run
at about the same time find the same parts of A and B in the cache. The best tile sizes depend on the machine: autotune measures some.
An activation can be applied before the tile is stored: a constexpr selects it, so an unused one costs nothing.
"""
import numpy as np

from common import check, rate, triton
import triton.language as tl


@triton.jit
def leaky_relu(x):
    return tl.where(x >= 0, x, 0.01 * x)


@triton.autotune(
    configs=[
        triton.Config({"BLOCK_M": 32, "BLOCK_N": 64, "BLOCK_K": 64, "GROUP": 8}),
        triton.Config({"BLOCK_M": 64, "BLOCK_N": 64, "BLOCK_K": 64, "GROUP": 8}),
        triton.Config({"BLOCK_M": 64, "BLOCK_N": 128, "BLOCK_K": 64, "GROUP": 4}),
    ],
    key=["M", "N", "K"],
)
@triton.jit
def matmul_kernel(a_ptr, b_ptr, c_ptr, M, N, K, stride_am, stride_ak, stride_bk, stride_bn, stride_cm, stride_cn,  #
                  BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr, ACTIVATION: tl.constexpr):
    pid = tl.program_id(axis=0)
    tiles_m, tiles_n = tl.cdiv(M, BLOCK_M), tl.cdiv(N, BLOCK_N)
    in_group = GROUP * tiles_n
    first_m = pid // in_group * GROUP
    rows = min(tiles_m - first_m, GROUP)
    pid_m = first_m + pid % in_group % rows
    pid_n = pid % in_group // rows

    # Rows and columns past the end wrap around; the mask of the store drops their results.
    m = (pid_m * BLOCK_M + tl.arange(0, BLOCK_M)) % M
    n = (pid_n * BLOCK_N + tl.arange(0, BLOCK_N)) % N
    k = tl.arange(0, BLOCK_K)
    a_ptrs = a_ptr + m[:, None] * stride_am + k[None, :] * stride_ak
    b_ptrs = b_ptr + k[:, None] * stride_bk + n[None, :] * stride_bn
    acc = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float32)
    for step in range(0, tl.cdiv(K, BLOCK_K)):
        a = tl.load(a_ptrs, mask=k[None, :] < K - step * BLOCK_K, other=0.0)
        b = tl.load(b_ptrs, mask=k[:, None] < K - step * BLOCK_K, other=0.0)
        acc = tl.dot(a, b, acc)
        a_ptrs += BLOCK_K * stride_ak
        b_ptrs += BLOCK_K * stride_bk
    if ACTIVATION == "leaky_relu":
        acc = leaky_relu(acc)
    m = pid_m * BLOCK_M + tl.arange(0, BLOCK_M)
    n = pid_n * BLOCK_N + tl.arange(0, BLOCK_N)
    tl.store(c_ptr + m[:, None] * stride_cm + n[None, :] * stride_cn, acc.to(c_ptr.dtype.element_ty), mask=(m[:, None] < M) & (n[None, :] < N))


def matmul(a, b, activation=""):
    (M, K), (_, N) = a.shape, b.shape
    c = np.empty((M, N), a.dtype)
    strides = lambda x: [s // x.itemsize for s in x.strides]
    matmul_kernel[lambda meta: (triton.cdiv(M, meta["BLOCK_M"]) * triton.cdiv(N, meta["BLOCK_N"]), )](a, b, c, M, N, K, *strides(a), *strides(b), *strides(c), ACTIVATION=activation)
    return c


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((300, 200), dtype=np.float32), rng.standard_normal((250, 200), dtype=np.float32).T
    wanted = a.astype(np.float64) @ b
    check("matmul with a transposed operand", matmul(a, b), wanted, 1e-4)
    check("matmul, leaky ReLU", matmul(a, b, "leaky_relu"), np.where(wanted >= 0, wanted, 0.01 * wanted), 1e-4)
    half = matmul(a.astype(np.float16), b.astype(np.float16))
    check("matmul in f16", half, a.astype(np.float16).astype(np.float64) @ b.astype(np.float16).astype(np.float64), 0.05)
    a, b = rng.standard_normal((512, 512), dtype=np.float32), rng.standard_normal((512, 512), dtype=np.float32)
    rate("matmul, f32 512", lambda: matmul(a, b), flops=2 * 512**3)
    rate("NumPy", lambda: a @ b, flops=2 * 512**3)
