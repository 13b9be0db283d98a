# SPDX-License-Identifier: MIT
# The sum of two vectors: the smallest kernel that shows how programs share work.
import triton
import triton.language as tl


# run: vector_add | *fp32:16,*fp32:16,*fp32:16,i32 | BLOCK=64 | 4 | r[250],r[250],z[250],250
@triton.jit
def vector_add(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):
    # Each program of the grid adds BLOCK elements.
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    # The last program has fewer: the mask keeps it inside the arrays.
    inside = i < n
    x = tl.load(x_ptr + i, mask=inside)
    y = tl.load(y_ptr + i, mask=inside)
    tl.store(out_ptr + i, x + y, mask=inside)
