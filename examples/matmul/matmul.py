# SPDX-License-Identifier: MIT
# A matrix product of any shape, computed in f32 from f16 or f32.
import triton
import triton.language as tl


# run: matmul | *fp32:16,*fp32:16,*fp32:16,i32,i32,i32,i32,i32,i32 | BM=16,BN=32,BK=16,GROUP=2 | 6 | r[1080],r[1800],z[1500],30,50,36,36,50,50 | tol=1e-5 | target=1e-6
# run: matmul | *fp16:16,*fp16:16,*fp16:16,i32,i32,i32,i32,i32,i32 | BM=16,BN=32,BK=16,GROUP=2 | 6 | r[1080],r[1800],z[1500],30,50,36,36,50,50 | tol=1e-3
@triton.jit
def matmul(a_ptr, b_ptr, c_ptr, M, N, K, a_stride, b_stride, c_stride,  #
           BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, GROUP: tl.constexpr):
    # One program per BM x BN tile of the result. Consecutive programs should read the same data: programs go down GROUP rows of tiles,
    # then to the next column, so that a group reads its rows of A repeatedly while they are in the cache.
    program = tl.program_id(0)
    tile_rows = tl.cdiv(M, BM)
    tile_columns = tl.cdiv(N, BN)
    first_row = program // (GROUP * tile_columns) * GROUP
    group_rows = min(GROUP, tile_rows - first_row)
    in_group = program % (GROUP * tile_columns)
    tile_row = first_row + in_group % group_rows
    tile_column = in_group // group_rows

    m = tile_row * BM + tl.arange(0, BM)
    n = tile_column * BN + tl.arange(0, BN)
    k = tl.arange(0, BK)
    a_ptrs = a_ptr + m[:, None] * a_stride + k[None, :]
    b_ptrs = b_ptr + k[:, None] * b_stride + n[None, :]
    sum = tl.zeros((BM, BN), dtype=tl.float32)
    for start in range(0, K, BK):
        # Zeros outside the matrices add nothing.
        a = tl.load(a_ptrs, mask=(m[:, None] < M) & (start + k[None, :] < K), other=0.0)
        b = tl.load(b_ptrs, mask=(start + k[:, None] < K) & (n[None, :] < N), other=0.0)
        # "ieee": a GPU would otherwise round f32 to tf32.
        sum = tl.dot(a, b, sum, input_precision="ieee")
        a_ptrs += BK
        b_ptrs += BK * b_stride
    c_ptrs = c_ptr + m[:, None] * c_stride + n[None, :]
    tl.store(c_ptrs, sum.to(c_ptr.dtype.element_ty), mask=(m[:, None] < M) & (n[None, :] < N))
