# SPDX-License-Identifier: MIT
# Small kernels that only benchmarks need.
import triton
import triton.language as tl


@triton.jit
def row_sum(x_ptr, out_ptr, columns, stride, BLOCK: tl.constexpr):
    # One program per row, in blocks of columns.
    row = tl.program_id(0)
    i = tl.arange(0, BLOCK)
    sum = tl.zeros((BLOCK, ), dtype=tl.float32)
    for start in range(0, columns, BLOCK):
        sum += tl.load(x_ptr + row * stride + start + i, mask=start + i < columns, other=0.0)
    tl.store(out_ptr + row, tl.sum(sum, axis=0))


@triton.jit
def exp(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + i, tl.exp(tl.load(x_ptr + i, mask=i < n)), mask=i < n)


@triton.jit
def empty():
    pass
