# SPDX-License-Identifier: MIT
# Rows of a table.
import triton
import triton.language as tl


# run: embedding | *i32,*fp32:16,*fp32:16,*fp32:16,i32,i32,i32 | scales_ptr=None,BLOCK=64 | 6 | r[6]:-1:12,r[500],r[150],z[300],50,10,3
# run: embedding | *i32,*fp16:16,*fp32:16,i32,i32,i32 | scales_ptr=None,positions_ptr=None,BLOCK=64 | 6 | r[6]:0:10,r[500],z[300],50,10,3
# run: embedding | *i32,*i8:16,*fp32,*fp32:16,i32,i32,i32 | positions_ptr=None,BLOCK=64 | 6 | r[6]:-1:12,r[500],r[10],z[300],50,10,3
@triton.jit
def embedding(ids_ptr, table_ptr, scales_ptr, positions_ptr, out_ptr, columns, entries, length, BLOCK: tl.constexpr):
    # out[i] = table[ids[i]] * scales[ids[i]] + positions[i % length]; `scales_ptr` and `positions_ptr` may be None. An id outside of the table
    # counts as a row of zeros.
    row = tl.program_id(0)
    id = tl.load(ids_ptr + row)
    exists = (id >= 0) & (id < entries)
    i = tl.arange(0, BLOCK)
    inside = i < columns
    x = tl.load(table_ptr + id * columns + i, mask=inside & exists, other=0.0).to(tl.float32)
    if scales_ptr is not None:
        x *= tl.load(scales_ptr + id, mask=exists, other=0.0)
    if positions_ptr is not None:
        x += tl.load(positions_ptr + row % length * columns + i, mask=inside, other=0.0).to(tl.float32)
    tl.store(out_ptr + row * columns + i, x.to(out_ptr.dtype.element_ty), mask=inside)
