# SPDX-License-Identifier: MIT
# Keys and values of earlier positions, in pages: position p of sequence s is row table[s, p // PAGE] * PAGE + p % PAGE of the cache.
import triton
import triton.language as tl


# run: store_keys | *fp32:16,*i32,*i32,*fp32,*fp32,*fp32:16,*fp32:16,i32,i32,i32 | PAGE=4,D=16 | 6,2 | r[192],r[2]:3:8,i[4],r[64],r[64],z[64],z[1024],2,2,2 | tol=1e-6 | target=1e-6
@triton.jit
def store_keys(x_ptr, positions_ptr, table_ptr, cos_ptr, sin_ptr, q_ptr, cache_ptr, heads, kv_heads, table_stride,  #
               PAGE: tl.constexpr, D: tl.constexpr):
    # A row of x has the queries of `heads` heads, then the keys and the values of `kv_heads` heads, of D numbers each. Queries and keys are rotated by the angles
    # of the row's position, each even number with the odd one after it; without angles (None) they are only copied. Queries go to q, keys and values to the cache,
    # whose rows have both.
    head = tl.program_id(0)
    row = tl.program_id(1)
    h = tl.arange(0, D // 2)
    position = tl.load(positions_ptr + row)
    at = x_ptr + (row * (heads + 2 * kv_heads) + head) * D + 2 * h
    even, odd = tl.load(at).to(tl.float32), tl.load(at + 1).to(tl.float32)
    if cos_ptr is not None:
        turned = head < heads + kv_heads
        cos = tl.where(turned, tl.load(cos_ptr + position * (D // 2) + h), 1.0)
        sin = tl.where(turned, tl.load(sin_ptr + position * (D // 2) + h), 0.0)
        even, odd = even * cos - odd * sin, even * sin + odd * cos
    if head < heads:
        to = q_ptr + (row * heads + head) * D + 2 * h
        tl.store(to, even.to(q_ptr.dtype.element_ty))
        tl.store(to + 1, odd.to(q_ptr.dtype.element_ty))
    else:
        slot = tl.load(table_ptr + row * table_stride + position // PAGE) * PAGE + position % PAGE
        place = cache_ptr + (slot * 2 * kv_heads + head - heads) * D + 2 * h
        tl.store(place, even.to(cache_ptr.dtype.element_ty))
        tl.store(place + 1, odd.to(cache_ptr.dtype.element_ty))


# run: attend_cached | *fp32:16,*fp32:16,*fp32:16,*i32,*i32,*fp32:16,i32,i32,i32,i32,fp32 | PAGE=4,BN=16,D=16 | 4,2 | r[128],r[2048],r[2048],r[2]:5:30,i[16],z[128],4,2,32,8,0.25 | tol=3e-6 | target=5e-6
@triton.jit
def attend_cached(q_ptr, k_ptr, v_ptr, positions_ptr, table_ptr, out_ptr, heads, group, kv_stride, table_stride, scale,  #
                  PAGE: tl.constexpr, BN: tl.constexpr, D: tl.constexpr):
    # softmax(scale * q k^T) v of one query for each row and head, over the positions up to its own. `group` heads share the keys and values of one.
    # Without a table, `table_stride` is the number of keys of all rows, and key p is row p.
    head = tl.program_id(0)
    row = tl.program_id(1)
    d = tl.arange(0, D)
    n = tl.arange(0, BN)
    q = tl.load(q_ptr + (row * heads + head) * D + d).to(tl.float32) * (scale * 1.4426950408889634)
    end = table_stride
    if table_ptr is not None:
        end = tl.load(positions_ptr + row) + 1
        table_ptr += row * table_stride
    k_ptr += head // group * D
    v_ptr += head // group * D
    maximum = tl.full([], -float("inf"), tl.float32)
    total = tl.full([], 0.0, tl.float32)
    out = tl.zeros([D], tl.float32)
    for start in range(0, end, BN):
        p = start + n
        inside = p < end
        slot = p
        if table_ptr is not None:
            slot = tl.load(table_ptr + p // PAGE, mask=inside, other=0) * PAGE + p % PAGE
        k = tl.load(k_ptr + slot[:, None] * kv_stride + d[None, :], mask=inside[:, None], other=0.0).to(tl.float32)
        scores = tl.where(inside, tl.sum(q[None, :] * k, axis=1), -float("inf"))
        larger = tl.maximum(maximum, tl.max(scores, axis=0))
        weights = tl.exp2(scores - larger)
        fade = tl.exp2(maximum - larger)
        v = tl.load(v_ptr + slot[:, None] * kv_stride + d[None, :], mask=inside[:, None], other=0.0).to(tl.float32)
        out = out * fade + tl.sum(weights[:, None] * v, axis=0)
        total = total * fade + tl.sum(weights, axis=0)
        maximum = larger
    tl.store(out_ptr + (row * heads + head) * D + d, (out / total).to(out_ptr.dtype.element_ty))
