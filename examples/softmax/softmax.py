# SPDX-License-Identifier: MIT
# Softmax of each row of a matrix, fused: the row is read from memory once, not once for each of max, exp, sum and quotient.
import triton
import triton.language as tl


# run: softmax | *fp32:16,*fp32:16,i32,i32,i32 | BLOCK=64 | 5 | r[250],z[250],50,50,50 | tol=1e-6 | target=1e-6
@triton.jit
def softmax(x_ptr, out_ptr, columns, x_stride, out_stride, BLOCK: tl.constexpr):
    # One program per row. BLOCK is a power of two and at least the number of columns.
    row = tl.program_id(0)
    i = tl.arange(0, BLOCK)
    inside = i < columns
    # Elements outside are -inf: they do not change the maximum, and their exponential is 0.
    x = tl.load(x_ptr + row * x_stride + i, mask=inside, other=-float("inf"))
    # Without the maximum, exp would overflow from 89 on.
    e = tl.exp(x - tl.max(x, axis=0))
    tl.store(out_ptr + row * out_stride + i, e / tl.sum(e, axis=0), mask=inside)
