# SPDX-License-Identifier: MIT
# Loads, stores, atomics, block pointers, descriptors.
import triton
import triton.language as tl


# run: masked | *fp32,*fp32,i32 | N=32 | 1 | r[32],z[96],20
@triton.jit
def masked(x_ptr, out_ptr, n, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=i < n, other=-1))
    tl.store(out_ptr + N + i, tl.load(x_ptr + i, mask=i >= n, other=0.5, cache_modifier=".cg", eviction_policy="evict_first"))
    tl.store(out_ptr + 2 * N + i, 7, mask=(i > 3) & (i < n))


# run: scalars | *fp32,*i32,*fp32,i32 | | 2 | r[8],i[8],z[8],3
@triton.jit
def scalars(x_ptr, i_ptr, out_ptr, n):
    pid = tl.program_id(0)
    x = tl.load(x_ptr + pid)
    k = tl.load(i_ptr + n)
    tl.store(out_ptr + pid, x * k)
    tl.store(out_ptr + pid + 4, tl.load(x_ptr + pid, mask=pid > 0, other=9.0), mask=pid < 2)


# run: strided | *fp32,*fp32,i32,i32 | M=8,N=4 | 1 | r[64],z[32],8,2
# run: strided | *fp32,*fp32,i32,i32:1 | M=8,N=4 | 1 | r[64],z[32],8,1
@triton.jit
def strided(x_ptr, out_ptr, sm, sn, M: tl.constexpr, N: tl.constexpr):
    i = tl.arange(0, M)
    j = tl.arange(0, N)
    x = tl.load(x_ptr + i[:, None] * sm + j[None, :] * sn)
    tl.store(out_ptr + i[:, None] * N + j[None, :], x)


# run: unsigned_offsets | *fp32,*fp32 | N=16 | 1 | r[64],z[16]
@triton.jit
def unsigned_offsets(x_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N).to(tl.uint32)
    p = x_ptr + i * 2
    tl.store(out_ptr + i.to(tl.int64), tl.load(p + 1) + tl.load(p - 0))


# run: add_atomics | *fp32,*i32,*fp32 | N=16 | 3 | r[16],z[32],z[16]
@triton.jit
def add_atomics(x_ptr, count_ptr, sum_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    x = tl.load(x_ptr + i)
    tl.atomic_add(sum_ptr + i, x, mask=i < 10)
    old = tl.atomic_add(count_ptr + i, 1, sem="relaxed")
    tl.atomic_max(count_ptr + N + i, old + 5)
    tl.atomic_add(sum_ptr + 12, 1.5)


# run: int_atomics | *i32,*u32,*i32 | N=8 | 1 | r[64],r[64],z[64]
@triton.jit
def int_atomics(x_ptr, u_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(out_ptr + i, tl.atomic_max(x_ptr + i, 3))
    tl.store(out_ptr + N + i, tl.atomic_min(x_ptr + N + i, i, mask=i < 5), mask=i < 5)
    tl.store(out_ptr + 2 * N + i, tl.atomic_and(x_ptr + 2 * N + i, 0xFF))
    tl.store(out_ptr + 3 * N + i, tl.atomic_or(x_ptr + 3 * N + i, 1))
    tl.store(out_ptr + 4 * N + i, tl.atomic_xor(x_ptr + 4 * N + i, i))
    tl.store(out_ptr + 5 * N + i, tl.atomic_xchg(x_ptr + 5 * N + i, i * 3))
    tl.atomic_max(u_ptr + i, 1 << 30)
    tl.store(out_ptr + 6 * N, tl.atomic_cas(out_ptr + 6 * N + 1, 0, 42))


# run: float_atomics | *fp32,*fp32 | N=16 | 1 | r[16],r[32]
@triton.jit
def float_atomics(x_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    x = tl.load(x_ptr + i)
    tl.atomic_max(out_ptr + i, x)
    tl.atomic_min(out_ptr + N + i, x)


# run: block_pointers | *fp32,*fp32,i32,i32 | BM=8,BN=16 | 3,2 | r[600],z[600],20,30 | until=3.8
@triton.jit
def block_pointers(x_ptr, out_ptr, M, N, BM: tl.constexpr, BN: tl.constexpr):
    p = tl.make_block_ptr(x_ptr, (M, N), (N, 1), (tl.program_id(0) * BM, tl.program_id(1) * BN), (BM, BN), (1, 0))
    q = tl.make_block_ptr(base=out_ptr, shape=(M, N), strides=(N, 1), offsets=(tl.program_id(0) * BM, tl.program_id(1) * BN), block_shape=(BM, BN), order=(1, 0))
    x = tl.load(p, boundary_check=(0, 1), padding_option="zero")
    tl.store(q, x * 2, boundary_check=(0, 1))


# run: block_pointer_loop | *fp32,*fp32,i32,i32 | BM=4,BK=8 | 2 | r[256],z[8],8,30 | target=5e-7 | until=3.8
@triton.jit
def block_pointer_loop(x_ptr, out_ptr, M, K, BM: tl.constexpr, BK: tl.constexpr):
    pid = tl.program_id(0)
    p = tl.make_block_ptr(x_ptr, shape=(M, K), strides=(K, 1), offsets=(pid * BM, 0), block_shape=(BM, BK), order=(1, 0))
    acc = tl.zeros((BM, ), dtype=tl.float32)
    for k in range(0, K, BK):
        acc += tl.sum(tl.load(p, boundary_check=(1, ), padding_option="zero"), axis=1)
        p = tl.advance(p, (0, BK))
    tl.store(out_ptr + pid * BM + tl.arange(0, BM), acc)


# run: descriptors | *fp32,*fp32,i32,i32 | BM=8,BN=16 | 3,2 | r[640],z[640],20,32
@triton.jit
def descriptors(x_ptr, out_ptr, M, N, BM: tl.constexpr, BN: tl.constexpr):
    x_desc = tl.make_tensor_descriptor(x_ptr, shape=[M, N], strides=[N, 1], block_shape=[BM, BN])
    o_desc = tl.make_tensor_descriptor(out_ptr, [M, N], [N, 1], [BM, BN])
    at = [tl.program_id(0) * BM, tl.program_id(1) * BN]
    x = x_desc.load(at)
    o_desc.store(at, x + 1)


# run: copy_transposed | *fp16:16,*fp16:16,i32,i32 | BM=16,BN=16 | 2,3 | r[1200],z[1200],30,40
@triton.jit
def copy_transposed(x_ptr, out_ptr, M, N, BM: tl.constexpr, BN: tl.constexpr):
    i = tl.program_id(0) * BM + tl.arange(0, BM)
    j = tl.program_id(1) * BN + tl.arange(0, BN)
    inside = (i[:, None] < M) & (j[None, :] < N)
    x = tl.load(x_ptr + i[:, None] * N + j[None, :], mask=inside)
    tl.store(out_ptr + j[:, None] * M + i[None, :], tl.trans(x), mask=tl.trans(inside))


# run: hints | *fp32:16,*fp32:16,i32:16 | N=64 | 2 | r[128],z[128],128
@triton.jit
def hints(x_ptr, out_ptr, n, N: tl.constexpr):
    start = tl.multiple_of(tl.program_id(0) * N, 64)
    tl.assume(start >= 0)
    i = tl.max_contiguous(tl.multiple_of(start + tl.arange(0, N), N), N)
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=i < n), mask=i < n)
    tl.debug_barrier()


# run: pointer_casts | *fp32,*i32 | N=16 | 1 | r[16],z[16]
@triton.jit
def pointer_casts(x_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    p = (x_ptr + i).to(tl.pointer_type(tl.int32), bitcast=True)
    tl.store(out_ptr + i, tl.load(p))


# run: fill_and_copy | *fp32,*fp32,*i8,*i32,i32 | N=16384 | 2 | r[32768],z[32768],z[32768],r[32768],32000
# run: fill_and_copy | *fp32,*fp32,*i8,*i32,i32 | N=16384 | 2 | r[32768],z[32768],z[32768],r[32768],700
@triton.jit
def fill_and_copy(x, o, bytes, words, n, N: tl.constexpr):
    i = tl.program_id(0) * N + tl.arange(0, N)
    tl.store(o + i, tl.load(x + i, mask=i < n, other=0.0), mask=i < n)
    tl.store(bytes + i, tl.full((N,), 7, tl.int8), mask=i < n)
    tl.store(words + i, tl.full((N,), -1, tl.int32), mask=i < n)
    tl.store(x + i, tl.full((N,), 1.0, tl.float32), mask=i < n)


# Each step reads what the one before wrote.
# run: shift_one | *fp32,i32 | N=16 | 1 | r[512],400
# run: shift_one | *fp32,i32 | N=64 | 1 | r[512],400
@triton.jit
def shift_one(x, n, N: tl.constexpr):
    i = tl.arange(0, N)
    for k in range(0, n, N):
        tl.store(x + k + 1 + i, tl.load(x + k + i))


# The arrays may overlap, with any distance.
# run: shift_between | *fp32,*fp32,i32 | N=64 | 1 | r[512],z[512],400
@triton.jit
def shift_between(x, o, n, N: tl.constexpr):
    i = tl.arange(0, N)
    for k in range(0, n, N):
        tl.store(o + k + i, tl.load(x + k + i))
