# SPDX-License-Identifier: MIT
# Dropout: sets a random part of the elements to 0 and scales the others, so that the expected sum stays.
import triton
import triton.language as tl


# run: dropout | *fp32:16,*fp32:16,i32,fp32,i32 | BLOCK=64 | 4 | r[250],z[250],250,0.3,1234
@triton.jit
def dropout(x_ptr, out_ptr, n, p, seed, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = i < n
    x = tl.load(x_ptr + i, mask=inside)
    # Philox makes the number from the seed and the element's index: the same on every machine and for every BLOCK, so the backward
    # pass computes the same choice again instead of reading it from memory.
    keep = tl.rand(seed, i) > p
    tl.store(out_ptr + i, tl.where(keep, x / (1 - p), 0.0), mask=inside)
