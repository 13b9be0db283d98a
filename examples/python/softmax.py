# SPDX-License-Identifier: MIT
"""2. Softmax of the rows of a matrix: fusion and reductions.

As separate steps (maximum, difference, exponential, sum, quotient), each step would read and write the whole matrix. A fused kernel works on a
row at a time, and reads and writes it once. A tile has a power of two elements, so it is at least as long as the row. Elements past the
end of the row are loaded as -inf, which changes neither the maximum nor the sum. Each program handles several rows in a loop.
"""
import numpy as np

from common import check, rate, triton
import triton.language as tl


@triton.jit
def softmax_kernel(out_ptr, x_ptr, x_stride, out_stride, rows, columns, BLOCK: tl.constexpr):
    for row in tl.range(tl.program_id(0), rows, tl.num_programs(0)):
        i = tl.arange(0, BLOCK)
        x = tl.load(x_ptr + row * x_stride + i, mask=i < columns, other=-float("inf"))
        e = tl.exp(x - tl.max(x, axis=0))
        tl.store(out_ptr + row * out_stride + i, e / tl.sum(e, axis=0), mask=i < columns)


def softmax(x):
    rows, columns = x.shape
    out = np.empty_like(x)
    programs = min(rows, 64)
    softmax_kernel[(programs, )](out, x, x.strides[0] // x.itemsize, columns, rows, columns, BLOCK=triton.next_power_of_2(columns))
    return out


def reference(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1823, 781), dtype=np.float32)
    check("softmax", softmax(x), reference(x.astype(np.float64)), 1e-6)
    x = rng.standard_normal((4096, 1024), dtype=np.float32)
    rate("softmax, 4096 x 1024", lambda: softmax(x), bytes=2 * x.nbytes)
    rate("NumPy", lambda: reference(x), bytes=2 * x.nbytes)
