# SPDX-License-Identifier: MIT
# The K largest numbers of each row and their positions, as a mixture-of-experts router or a sampler needs them.
import triton
import triton.language as tl


@triton.jit
def to_key(x, i):
    # One 64-bit integer holds both and sorts by value, then by the lower index. The bits of positive floats sort like integers;
    # negative ones the other way round, so theirs are flipped.
    bits = x.to(tl.int32, bitcast=True)
    ordered = tl.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
    return (ordered.to(tl.int64) << 32) | (0x7FFFFFFF - i).to(tl.int64)


# run: top_k | *fp32:16,*fp32:16,*i32:16,i32 | K=8,BLOCK=64 | 5 | r[250],z[40],z[40],50
@triton.jit
def top_k(x_ptr, values_ptr, indices_ptr, columns, K: tl.constexpr, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    i = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * columns + i, mask=i < columns, other=-float("inf"))
    best = tl.topk(to_key(x, i), K)  # largest first
    ordered = (best >> 32).to(tl.int32)
    values = tl.where(ordered < 0, ordered ^ 0x7FFFFFFF, ordered).to(tl.float32, bitcast=True)
    indices = 0x7FFFFFFF - (best & 0x7FFFFFFF).to(tl.int32)
    o = row * K + tl.arange(0, K)
    tl.store(values_ptr + o, values)
    tl.store(indices_ptr + o, indices)
