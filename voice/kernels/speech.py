# SPDX-License-Identifier: MIT
# Whisper: the logarithmic mel spectrum of audio, and the best next tokens.
import triton
import triton.language as tl


# run: spectrum | *fp32:16,*fp32:16,*fp32:16,i32,i32 | WINDOW=32,HOP=10,BM=16,BN=16,BK=16 | 2,2 | r[330],r[1088],z[510],30,17 | tol=1e-5 | target=1e-5
@triton.jit
def spectrum(audio_ptr, basis_ptr, out_ptr, frames, bins, WINDOW: tl.constexpr, HOP: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    # out[t, f] = |sum over k < WINDOW of audio[t * HOP + k] * basis[k, f]|^2, where the basis has `bins` real parts, then as many imaginary ones, times a window
    # function.
    t = tl.program_id(0) * BM + tl.arange(0, BM)
    f = tl.program_id(1) * BN + tl.arange(0, BN)
    k = tl.arange(0, BK)
    real = tl.zeros((BM, BN), tl.float32)
    imaginary = tl.zeros((BM, BN), tl.float32)
    for start in range(0, WINDOW, BK):
        at = start + k
        x = tl.load(audio_ptr + t[:, None] * HOP + at[None, :], mask=(t[:, None] < frames) & (at[None, :] < WINDOW), other=0.0)
        inside = (at[:, None] < WINDOW) & (f[None, :] < bins)
        row = basis_ptr + at[:, None] * (2 * bins) + f[None, :]
        real = tl.dot(x, tl.load(row, mask=inside, other=0.0), real, input_precision="ieee")
        imaginary = tl.dot(x, tl.load(row + bins, mask=inside, other=0.0), imaginary, input_precision="ieee")
    tl.store(out_ptr + t[:, None] * bins + f[None, :], real * real + imaginary * imaginary, mask=(t[:, None] < frames) & (f[None, :] < bins))


# run: log_mel | *fp32:16,*fp32:16,i32 | STEP=60,BLOCK=64 | 5 | r[300]:0.001:2,z[5],300 | tol=1e-6 | target=2e-6
@triton.jit
def log_mel(x_ptr, largest_ptr, size, STEP: tl.constexpr, BLOCK: tl.constexpr):
    # The decimal logarithms of x in place, and the largest of each STEP numbers.
    i = tl.arange(0, BLOCK)
    at = tl.program_id(0) * STEP + i
    inside = (i < STEP) & (at < size)
    x = tl.load(x_ptr + at, mask=inside, other=0.0)
    out = tl.log2(tl.maximum(x, 1e-10)) * 0.3010299956639812
    tl.store(x_ptr + at, out, mask=inside)
    tl.store(largest_ptr + tl.program_id(0), tl.max(out, axis=0))


# run: normalize_mel | *fp32:16,*fp32,*fp32:16,i32 | BLOCK=64 | 5 | r[300],r[2]:1:200,z[300],300 | tol=1e-6 | target=1e-6
@triton.jit
def normalize_mel(x_ptr, limits_ptr, out_ptr, size, BLOCK: tl.constexpr):
    # Values more than 8 below limits[0] are cut off; the range is shifted and scaled. Only the first limits[1] values count; the others are 0.
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < size, other=0.0)
    out = (tl.maximum(x, tl.load(limits_ptr) - 8.0) + 4.0) * 0.25
    tl.store(out_ptr + i, tl.where(i.to(tl.float32) < tl.load(limits_ptr + 1), out, 0.0), mask=i < size)


# run: embed_tokens | *i32,*i32,*fp32:16,*fp32:16,*fp32:16,i32 | scales_ptr=None,BLOCK=64 | 3 | r[3]:0:10,r[3]:0:8,r[500],r[400],z[150],50 | tol=1e-6 | target=1e-6
# run: embed_tokens | *i32,*i32,*i8:16,*fp32,*fp16:16,*fp32:16,i32 | BLOCK=64 | 3 | r[3]:0:10,r[3]:0:8,r[500],r[10],r[400],z[150],50 | tol=1e-6 | target=1e-6
@triton.jit
def embed_tokens(ids_ptr, positions_ptr, table_ptr, scales_ptr, places_ptr, out_ptr, columns, BLOCK: tl.constexpr):
    # out[row] = table[ids[row]] * scales[ids[row]] + places[positions[row]]
    row = tl.program_id(0)
    i = tl.arange(0, BLOCK)
    inside = i < columns
    id = tl.load(ids_ptr + row)
    x = tl.load(table_ptr + id * columns + i, mask=inside, other=0.0).to(tl.float32)
    if scales_ptr is not None:
        x *= tl.load(scales_ptr + id)
    x += tl.load(places_ptr + tl.load(positions_ptr + row) * columns + i, mask=inside, other=0.0).to(tl.float32)
    tl.store(out_ptr + row * columns + i, x, mask=inside)


# run: best_tokens | *fp32:16,*u8,*i32,*fp32,*i32,*fp32,i32,i32 | K=3,BLOCK=32,SAMPLE=False | 5,2 | r[220],r[110]:0:3,i[10],z[30],z[30],z[10],110,50 | tol=1e-6 | target=2e-6
# run: best_tokens | *fp32:16,*u8,*i32,*fp32,*i32,*fp32,i32,i32 | K=1,BLOCK=32,SAMPLE=True | 5,2 | r[220],r[110]:0:3,r[10]:0:1000000000,z[20],z[10],z[10],110,50 | tol=1e-6 | target=2e-6
@triton.jit
def best_tokens(logits_ptr, kinds_ptr, rules_ptr, values_ptr, indices_ptr, logs_ptr, entries, texts, K: tl.constexpr, BLOCK: tl.constexpr, SAMPLE: tl.constexpr):
    # Of each block of tokens: the K largest logits that the rules allow, their tokens, and the logarithm of the sum of exp(logit) of all that are allowed. Tokens
    # from `texts` on are timestamps; no block has both.
    #
    # rules[row] has: kinds that are forbidden, a bit each; the first and the last timestamp that are allowed; the temperature as the bits of a float; the seed.
    # With SAMPLE, noise is added, so that the largest of all blocks is a sample of the distribution at that temperature: `values` has the logits, and behind them
    # those with noise.
    row = tl.program_id(1)
    block = tl.program_id(0)
    blocks = tl.num_programs(0)
    text_blocks = (texts + BLOCK - 1) // BLOCK
    is_text = block < text_blocks
    start = tl.where(is_text, block * BLOCK, texts + (block - text_blocks) * BLOCK)
    end = tl.where(is_text, texts, entries)
    i = tl.arange(0, BLOCK)
    token = start + i
    rules_ptr += row * 5
    forbidden = tl.load(kinds_ptr + token, mask=token < end, other=255).to(tl.int32) & tl.load(rules_ptr)
    in_time = (token >= tl.load(rules_ptr + 1)) & (token <= tl.load(rules_ptr + 2))
    allowed = (token < end) & (forbidden == 0) & (is_text | in_time)
    x = tl.load(logits_ptr + row * entries + token, mask=token < end, other=0.0)
    x = tl.where(allowed, x, -float("inf"))
    at = row * blocks + block
    largest = tl.max(x, axis=0)
    sum = tl.sum(tl.where(allowed, tl.exp(x - largest), 0.0), axis=0)
    tl.store(logs_ptr + at, tl.where(sum > 0, largest + tl.log(sum), -float("inf")))
    if SAMPLE:
        # The largest x - temperature * log(-log(u)) is a sample.
        u = tl.maximum(tl.rand(tl.load(rules_ptr + 4), token), 1e-7)
        noisy = tl.where(allowed, x - tl.load(rules_ptr + 3).to(tl.float32, bitcast=True) * tl.log(-tl.log(u)), -float("inf"))
        most, where = tl.max(noisy, axis=0, return_indices=True)
        tl.store(values_ptr + at, tl.max(tl.where(i == where, x, -float("inf")), axis=0))
        tl.store(indices_ptr + at, start + where)
        tl.store(values_ptr + blocks * tl.num_programs(1) + at, most)
    else:
        for k in range(K):
            best, where = tl.max(x, axis=0, return_indices=True)
            tl.store(values_ptr + at * K + k, best)
            tl.store(indices_ptr + at * K + k, start + where)
            x = tl.where(i == where, -float("inf"), x)
