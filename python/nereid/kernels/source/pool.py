# SPDX-License-Identifier: MIT
# One row for each sequence of rows.
import triton
import triton.language as tl


# run: pool | *fp32:16,*i32,*fp32:16,i32,i32 | KIND='mean',NORMALIZE=True,BLOCK=64 | 4 | r[1200],i[4],z[200],6,50 | tol=1e-6 | target=1e-6
# run: pool | *fp32:16,*fp16:16,i32,i32 | lengths_ptr=None,KIND='max',NORMALIZE=False,BLOCK=64 | 4 | r[1200],z[200],6,50
# run: pool | *fp32:16,*fp32:16,i32,i32 | lengths_ptr=None,KIND='first',NORMALIZE=False,BLOCK=64 | 4 | r[1200],z[200],6,50
@triton.jit
def pool(x_ptr, lengths_ptr, out_ptr, length, columns, KIND: tl.constexpr, NORMALIZE: tl.constexpr, BLOCK: tl.constexpr):
    # The mean, maximum, or first of the first lengths[b] of `length` rows (of all if `lengths_ptr` is None), of at most BLOCK columns.
    # With NORMALIZE the result has length 1. A sequence of no rows gives zeros.
    sequence = tl.program_id(0)
    i = tl.arange(0, BLOCK)
    inside = i < columns
    end = length
    if lengths_ptr is not None:
        end = tl.minimum(tl.load(lengths_ptr + sequence), length)
    x_ptr += sequence * length * columns
    if KIND == "first":
        out = tl.load(x_ptr + i, mask=inside & (end > 0), other=0.0).to(tl.float32)
    elif KIND == "max":
        out = tl.full([BLOCK], -float("inf"), tl.float32)
        for row in range(0, end):
            out = tl.maximum(out, tl.load(x_ptr + row * columns + i, mask=inside, other=0.0).to(tl.float32))
        out = tl.where(inside & (end > 0), out, 0.0)
    else:
        tl.static_assert(KIND == "mean", "unknown kind of pooling")
        out = tl.zeros([BLOCK], tl.float32)
        for row in range(0, end):
            out += tl.load(x_ptr + row * columns + i, mask=inside, other=0.0).to(tl.float32)
        out /= tl.maximum(end, 1).to(tl.float32)
    if NORMALIZE:
        squares = tl.sum(out * out, axis=0)
        out *= tl.where(squares > 0, 1.0 / tl.sqrt(squares), 0.0)
    tl.store(out_ptr + sequence * columns + i, out.to(out_ptr.dtype.element_ty), mask=inside)
