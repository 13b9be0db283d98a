# SPDX-License-Identifier: MIT
"""2. Softmax of the rows of a matrix: fusion and reductions.

Step by step (maximum, difference, exponential, sum, quotient) each step would read and write the whole matrix. One kernel that keeps a row
at hand reads it once and writes it once. A tile has a power of two elements, so it is as long as the row or longer; what lies past the row's end is
loaded as -inf, which changes neither the maximum nor the sum. A program takes several rows, so that there need not be as many programs as rows.
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
