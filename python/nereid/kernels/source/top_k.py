# SPDX-License-Identifier: MIT
# The K largest numbers of rows of any length, and their positions.
import triton
import triton.language as tl


@triton.jit
def to_key(x, i):
    # One 64-bit integer has both and sorts by value, then by the lower index. The bits of positive floats sort like integers;
    # negative ones the other way round, so theirs are flipped. Adding zero makes -0.0 the same as 0.0.
    bits = (x + 0.0).to(tl.int32, bitcast=True)
    ordered = tl.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
    return (ordered.to(tl.int64) << 32) | (0x7FFFFFFF - i).to(tl.int64)


@triton.jit
def put(best, values_ptr, indices_ptr, at):
    ordered = (best >> 32).to(tl.int32)
    tl.store(values_ptr + at, tl.where(ordered < 0, ordered ^ 0x7FFFFFFF, ordered).to(tl.float32, bitcast=True))
    tl.store(indices_ptr + at, 0x7FFFFFFF - (best & 0x7FFFFFFF).to(tl.int32))


# run: top_k | *fp32:16,*fp32:16,*i32:16,i32 | indices_in_ptr=None,K=8,BLOCK=32 | 5,2 | r[250],z[80],z[80],50
# run: top_k | *fp32:16,*i32,*fp32:16,*i32:16,i32 | K=8,BLOCK=64 | 5,1 | r[250],i[250],z[40],z[40],50
@triton.jit
def top_k(x_ptr, indices_in_ptr, values_ptr, indices_ptr, columns, K: tl.constexpr, BLOCK: tl.constexpr):
    # A program sorts the largest numbers of BLOCK columns; the lower index is first among equals. If the row has fewer numbers than K, -infinity
    # and indices from `columns` on fill the rest. The results of several blocks are a shorter row, for another launch: then `indices_in_ptr` has the
    # index of each number.
    row = tl.program_id(0)
    block = tl.program_id(1)
    i = block * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * columns + i, mask=i < columns, other=-float("inf")).to(tl.float32)
    index = i
    if indices_in_ptr is not None:
        index = tl.load(indices_in_ptr + row * columns + i, mask=i < columns, other=0x7FFFFFFF)
    put(tl.topk(to_key(x, index), K), values_ptr, indices_ptr, (row * tl.num_programs(1) + block) * K + tl.arange(0, K))


# run: first_columns | *i32:16,*i32:16,i32,i32,i32 | BLOCK=32 | 2 | r[80],z[50],50,5,8
@triton.jit
def first_columns(x_ptr, out_ptr, size, columns, stride, BLOCK: tl.constexpr):
    # The first `columns` numbers of rows of `stride` numbers, together `size`.
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + i, tl.load(x_ptr + i // columns * stride + i % columns, mask=i < size), mask=i < size)
