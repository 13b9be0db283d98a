# SPDX-License-Identifier: MIT
# Weights in groups of 32 numbers that share a scale, as GGUF files have them: Q4_0 (scale * (q - 8)), Q4_1 (scale * q + minimum) and Q8_0 (scale * q).
#
# A matrix has a row of `depth` weights for each column of the result. In memory, W columns are neighbours: bytes are [columns / W, depth / 2, W] for 4 bits, with
# weights j and j + 16 of a group in one byte, or [columns / W, depth, W] for 8; scales and minimums are [columns / W, depth / 32, W]. So a vector has as many
# columns as lanes, and sums need no shuffles.
import triton
import triton.language as tl

from activations import activate


# run: pack_blocks | *u8:16,*u8:16,*fp16,*fp16,i32,i32 | HEAD=4,BYTES=16,W=16 | 2,3 | r[1800],z[1536],z[96],z[96],30,3
# run: pack_blocks | *u8:16,*u8:16,*fp16,i32,i32 | minimum_ptr=None,HEAD=2,BYTES=32,W=16 | 2,3 | r[3060],z[3072],z[96],30,3
@triton.jit
def pack_blocks(in_ptr, out_ptr, scale_ptr, minimum_ptr, columns, groups, HEAD: tl.constexpr, BYTES: tl.constexpr, W: tl.constexpr):
    # From the order of GGUF files, where a group is a scale (and a minimum) of HEAD bytes and then its numbers. Columns that are missing are zeros.
    n = tl.program_id(0) * W + tl.arange(0, W)
    g = tl.program_id(1)
    j = tl.arange(0, BYTES)
    inside = n < columns
    at = in_ptr + (n * groups + g) * (HEAD + BYTES)
    block = tl.program_id(0) * groups + g
    bytes = tl.load(at[None, :] + HEAD + j[:, None], mask=inside[None, :], other=0)
    tl.store(out_ptr + (block * BYTES + j[:, None]) * W + tl.arange(0, W)[None, :], bytes)
    to = block * W + tl.arange(0, W)
    low = tl.load(at, mask=inside, other=0).to(tl.int16)
    high = tl.load(at + 1, mask=inside, other=0).to(tl.int16)
    tl.store(scale_ptr + to, (low | (high << 8)).to(tl.float16, bitcast=True))
    if minimum_ptr is not None:
        low = tl.load(at + 2, mask=inside, other=0).to(tl.int16)
        high = tl.load(at + 3, mask=inside, other=0).to(tl.int16)
        tl.store(minimum_ptr + to, (low | (high << 8)).to(tl.float16, bitcast=True))


@triton.jit
def store_groups(x, out_ptr, low_ptr, scale_ptr, sum_ptr, row, groups, GROUPS: tl.constexpr):
    # x is [GROUPS, 32]: each group to integers, with a scale, and with the sum of the scaled integers. They are from -127 to 127, or, unless `low_ptr` is None,
    # 256 * out + low, with 16 bits.
    g = tl.arange(0, GROUPS)
    inside = g < groups
    most: tl.constexpr = 127.0 if low_ptr is None else 32512.0
    largest = tl.max(tl.abs(x), axis=1)
    inverse = tl.where(largest > 0, most / largest, 0.0)
    q = tl.floor(x * inverse[:, None] + 0.5)
    at = (row * groups + g[:, None]) * 32 + tl.arange(0, 32)[None, :]
    if low_ptr is None:
        tl.store(out_ptr + at, q.to(tl.int8), mask=inside[:, None])
    else:
        high = tl.floor((q + 128.0) * 0.00390625)
        tl.store(out_ptr + at, high.to(tl.int8), mask=inside[:, None])
        tl.store(low_ptr + at, (q - high * 256.0).to(tl.int8), mask=inside[:, None])
    scale = largest / most
    tl.store(scale_ptr + row * groups + g, scale, mask=inside)
    tl.store(sum_ptr + row * groups + g, tl.sum(q, axis=1) * scale, mask=inside)


# run: quantize_groups | *fp32:16,*i8:16,*fp32,*fp32,i32 | low_ptr=None,GROUPS=4 | 3 | r[288],z[288],z[9],z[9],3 | tol=1e-6 | target=1e-6
# run: quantize_groups | *fp32:16,*i8:16,*i8:16,*fp32,*fp32,i32 | GROUPS=4 | 3 | r[288],z[288],z[288],z[9],z[9],3 | tol=1e-6 | target=1e-6
@triton.jit
def quantize_groups(x_ptr, out_ptr, low_ptr, scale_ptr, sum_ptr, groups, GROUPS: tl.constexpr):
    row = tl.program_id(0)
    g = tl.arange(0, GROUPS)[:, None]
    x = tl.load(x_ptr + (row * groups + g) * 32 + tl.arange(0, 32)[None, :], mask=g < groups, other=0.0).to(tl.float32)
    store_groups(x, out_ptr, low_ptr, scale_ptr, sum_ptr, row, groups, GROUPS)


# run: rms_norm_groups | *fp32:16,*fp32:16,*i8:16,*fp32,*fp32,i32,fp32 | low_ptr=None,GROUPS=4 | 3 | r[288],r[96],z[288],z[9],z[9],3,1e-5 | tol=1e-6 | target=2e-6
@triton.jit
def rms_norm_groups(x_ptr, weight_ptr, out_ptr, low_ptr, scale_ptr, sum_ptr, groups, epsilon, GROUPS: tl.constexpr):
    # The same of x / sqrt(mean of squares + epsilon) * weight.
    row = tl.program_id(0)
    g = tl.arange(0, GROUPS)[:, None]
    at = g * 32 + tl.arange(0, 32)[None, :]
    x = tl.load(x_ptr + row * groups * 32 + at, mask=g < groups, other=0.0).to(tl.float32)
    scale = 1.0 / tl.sqrt(tl.sum(tl.sum(x * x, axis=1), axis=0) / (groups * 32) + epsilon)
    x = x * scale * tl.load(weight_ptr + at, mask=g < groups, other=0.0).to(tl.float32)
    store_groups(x, out_ptr, low_ptr, scale_ptr, sum_ptr, row, groups, GROUPS)


# run: swiglu_groups | *fp32:16,*i8:16,*fp32,*fp32,i32 | low_ptr=None,GROUPS=4 | 3 | r[576],z[288],z[9],z[9],3 | tol=1e-6 | target=2e-6
@triton.jit
def swiglu_groups(x_ptr, out_ptr, low_ptr, scale_ptr, sum_ptr, groups, GROUPS: tl.constexpr):
    # The same of silu(a) * b, where a row of x is a, then b.
    row = tl.program_id(0)
    g = tl.arange(0, GROUPS)[:, None]
    at = x_ptr + row * groups * 64 + g * 32 + tl.arange(0, 32)[None, :]
    a = tl.load(at, mask=g < groups, other=0.0).to(tl.float32)
    b = tl.load(at + groups * 32, mask=g < groups, other=0.0).to(tl.float32)
    store_groups(activate(a, "silu") * b, out_ptr, low_ptr, scale_ptr, sum_ptr, row, groups, GROUPS)


@triton.jit
def finish(sum, residual_ptr, out_ptr, row, n, columns):
    at = row * columns + n
    if residual_ptr is not None:
        sum += tl.load(residual_ptr + at, mask=n < columns, other=0.0).to(tl.float32)
    tl.store(out_ptr + at, sum, mask=n < columns)


@triton.jit
def weigh(q, x_scale, x_sum, scale, minimum_ptr, at, BITS: tl.constexpr):
    # The sum of a group's products, from the sum q of those of integers.
    sum = q.to(tl.float32) * (x_scale * scale)
    if minimum_ptr is not None:
        sum += tl.load(minimum_ptr + at).to(tl.float32) * x_sum
    elif BITS == 4:
        sum -= scale * (8.0 * x_sum)
    return sum


@triton.jit
def sum_group(x_ptr, w_ptr, BITS: tl.constexpr, W: tl.constexpr):
    # The products of 32 integers of 8 bits, from -128 to 127, and as many rows of W weights. Sums of 16 products with weights of 4 bits fit in int16, and so do two with
    # weights of 8 bits, which are from -127 to 127.
    if BITS == 4:
        low = tl.zeros([W], tl.int16)
        high = tl.zeros([W], tl.int16)
        for j in tl.static_range(16):
            byte = tl.load(w_ptr + j * W).to(tl.int16)
            low += tl.load(x_ptr + j).to(tl.int16) * (byte & 15)
            high += tl.load(x_ptr + j + 16).to(tl.int16) * (byte >> 4)
        sum = low.to(tl.int32) + high.to(tl.int32)
    else:
        sum = tl.zeros([W], tl.int32)
        for j in tl.static_range(16):
            first = tl.load(x_ptr + j).to(tl.int16) * tl.load(w_ptr + j * W).to(tl.int16)
            sum += (first + tl.load(x_ptr + j + 16).to(tl.int16) * tl.load(w_ptr + (j + 16) * W).to(tl.int16)).to(tl.int32)
    return sum


# run: matvec_blocks | *i8:16,*fp32,*fp32,*u8:16,*fp16:16,*fp16:16,*fp32,*fp32:16,i32,i32 | x_low_ptr=None,BITS=4,W=16 | 2,2 | r[192],r[6],r[6],r[1536],r[96],r[96],r[60],z[60],30,3 | tol=1e-5 | target=2e-6
# run: matvec_blocks | *i8:16,*fp32,*fp32,*u8:16,*fp16:16,*fp32:16,i32,i32 | x_low_ptr=None,minimum_ptr=None,residual_ptr=None,BITS=4,W=16 | 2,2 | r[192],r[6],r[6],r[1536],r[96],z[60],30,3 | tol=1e-5 | target=2e-6
# run: matvec_blocks | *i8:16,*i8:16,*fp32,*fp32,*i8:16,*fp16:16,*fp32:16,i32,i32 | minimum_ptr=None,residual_ptr=None,BITS=8,W=16 | 2,2 | r[192]:-127:128,r[192]:-127:128,r[6],r[6],r[3072],r[96],z[60],30,3 | tol=1e-5 | target=2e-6
@triton.jit
def matvec_blocks(x_ptr, x_low_ptr, x_scale_ptr, x_sum_ptr, w_ptr, scale_ptr, minimum_ptr, residual_ptr, out_ptr, columns, groups, BITS: tl.constexpr, W: tl.constexpr):
    # out = x @ w^T + residual for a few rows; each program computes W columns of them. The integers of x have 16 bits, or 8 if `x_low_ptr` is None.
    row = tl.program_id(0)
    lane = tl.arange(0, W)
    first = tl.program_id(1) * groups
    total = tl.zeros([W], tl.float32)
    for g in range(0, groups):
        w = w_ptr + (first + g) * (4 * BITS * W) + lane
        x_at = row * groups + g
        q = sum_group(x_ptr + x_at * 32, w, BITS, W)
        if x_low_ptr is not None:
            q = q * 256 + sum_group(x_low_ptr + x_at * 32, w, BITS, W)
        at = (first + g) * W + lane
        total += weigh(q, tl.load(x_scale_ptr + x_at), tl.load(x_sum_ptr + x_at), tl.load(scale_ptr + at).to(tl.float32), minimum_ptr, at, BITS)
    finish(total, residual_ptr, out_ptr, row, tl.program_id(1) * W + lane, columns)


# run: matvec_packed | *fp32:16,*u8:16,*fp16:16,*fp16:16,*fp32,*fp32:16,i32,i32 | BITS=4,W=8,H=64 | 2,4 | r[192],r[1536],r[96],r[96],r[60],z[60],30,3 | tol=1e-5 | target=2e-6
# run: matvec_packed | *fp32:16,*u8:16,*fp16:16,*fp32:16,i32,i32 | minimum_ptr=None,residual_ptr=None,BITS=4,W=8,H=64 | 2,4 | r[192],r[1536],r[96],z[60],30,3 | tol=1e-5 | target=2e-6
# run: matvec_packed | *fp32:16,*i8:16,*fp16:16,*fp32:16,i32,i32 | minimum_ptr=None,residual_ptr=None,BITS=8,W=8,H=128 | 2,4 | r[192],r[3072],r[96],z[60],30,3 | tol=1e-5 | target=2e-6
@triton.jit
def matvec_packed(x_ptr, w_ptr, scale_ptr, minimum_ptr, residual_ptr, out_ptr, columns, groups, BITS: tl.constexpr, W: tl.constexpr, H: tl.constexpr):
    # The same for GPUs, with x as f32: a program reads all bytes of W columns at once, at most H for each.
    row = tl.program_id(0)
    lane = tl.arange(0, W)[None, :]
    k = tl.arange(0, H)[:, None]
    EACH: tl.constexpr = 4 * BITS  # bytes of a group
    inside = k < groups * EACH
    first = tl.program_id(1) * groups
    at = (first + k // EACH) * W + lane
    scale = tl.load(scale_ptr + at, mask=inside, other=0.0).to(tl.float32)
    byte = tl.load(w_ptr + (first * EACH + k) * W + lane, mask=inside, other=0).to(tl.int32)
    x = x_ptr + (row * groups + k // EACH) * 32 + k % EACH
    if BITS == 4:
        low, high = tl.load(x, mask=inside, other=0.0), tl.load(x + 16, mask=inside, other=0.0)
        if minimum_ptr is not None:
            minimum = tl.load(minimum_ptr + at, mask=inside, other=0.0).to(tl.float32)
        else:
            minimum = -8.0 * scale
        products = ((byte & 15).to(tl.float32) * scale + minimum) * low + ((byte >> 4).to(tl.float32) * scale + minimum) * high
    else:
        products = byte.to(tl.float32) * scale * tl.load(x, mask=inside, other=0.0)
    finish(tl.sum(products, axis=0), residual_ptr, out_ptr, row, tl.program_id(1) * W + tl.arange(0, W), columns)


@triton.jit
def unpack(w_ptr, scale_ptr, minimum_ptr, block, j, lane, BITS: tl.constexpr, W: tl.constexpr):
    # Both halves of a group as f32, [16, W] each: 16 x W numbers of a matrix at a time.
    at = block * W + lane
    scale = tl.load(scale_ptr + at).to(tl.float32)[None, :]
    w = w_ptr + (block * (4 * BITS) + j[:, None]) * W + lane[None, :]
    if BITS == 4:
        byte = tl.load(w).to(tl.int32)
        low, high = (byte & 15).to(tl.float32), (byte >> 4).to(tl.float32)
        if minimum_ptr is not None:
            minimum = tl.load(minimum_ptr + at).to(tl.float32)[None, :]
        else:
            minimum = -8.0 * scale
        low = low * scale + minimum
        high = high * scale + minimum
    else:
        low, high = tl.load(w).to(tl.float32) * scale, tl.load(w + 16 * W).to(tl.float32) * scale
    return low, high


# run: matmul_blocks | *fp32:16,*u8:16,*fp16:16,*fp16:16,*fp32,*fp32:16,i32,i32,i32 | BITS=4,BM=16,W=16 | 2,2 | r[1920],r[1536],r[96],r[96],r[600],z[600],20,30,3 | tol=1e-5 | target=2e-6
# run: matmul_blocks | *fp32:16,*u8:16,*fp16:16,*fp32:16,i32,i32,i32 | minimum_ptr=None,residual_ptr=None,BITS=4,BM=16,W=16 | 2,2 | r[1920],r[1536],r[96],z[600],20,30,3 | tol=1e-5 | target=2e-6
# run: matmul_blocks | *fp32:16,*i8:16,*fp16:16,*fp32:16,i32,i32,i32 | minimum_ptr=None,residual_ptr=None,BITS=8,BM=16,W=16 | 2,2 | r[1920],r[3072],r[96],z[600],20,30,3 | tol=1e-5 | target=2e-6
@triton.jit
def matmul_blocks(x_ptr, w_ptr, scale_ptr, minimum_ptr, residual_ptr, out_ptr, rows, columns, groups, BITS: tl.constexpr, BM: tl.constexpr, W: tl.constexpr):
    # The same for many rows of f32. Only a group of W columns is unpacked at a time.
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    lane = tl.arange(0, W)
    j = tl.arange(0, 16)
    sum = tl.zeros([BM, W], tl.float32)
    for g in range(0, groups):
        low, high = unpack(w_ptr, scale_ptr, minimum_ptr, tl.program_id(1) * groups + g, j, lane, BITS, W)
        x = x_ptr + (m[:, None] * groups + g) * 32 + j[None, :]
        sum = tl.dot(tl.load(x, mask=m[:, None] < rows, other=0.0), low, sum, input_precision="ieee")
        sum = tl.dot(tl.load(x + 16, mask=m[:, None] < rows, other=0.0), high, sum, input_precision="ieee")
    n = tl.program_id(1) * W + lane
    at = m[:, None] * columns + n[None, :]
    inside = (m[:, None] < rows) & (n[None, :] < columns)
    if residual_ptr is not None:
        sum += tl.load(residual_ptr + at, mask=inside, other=0.0).to(tl.float32)
    tl.store(out_ptr + at, sum, mask=inside)


# run: embed_blocks | *i32,*i8:16,*fp16:16,*fp32:16,i32,i32 | minimum_ptr=None,BITS=8,W=16 | 2,3 | r[2]:0:30,r[3072],r[96],z[192],30,3 | tol=1e-6 | target=1e-6
# run: embed_blocks | *i32,*u8:16,*fp16:16,*fp16:16,*fp32:16,i32,i32 | BITS=4,W=16 | 2,3 | r[2]:0:30,r[1536],r[96],r[96],z[192],30,3 | tol=1e-6 | target=1e-6
@triton.jit
def embed_blocks(ids_ptr, w_ptr, scale_ptr, minimum_ptr, out_ptr, entries, groups, BITS: tl.constexpr, W: tl.constexpr):
    # out[row] = the weights of column ids[row], as f32.
    row = tl.program_id(0)
    g = tl.program_id(1)
    id = tl.load(ids_ptr + row)
    j = tl.arange(0, 16)
    low, high = unpack(w_ptr, scale_ptr, minimum_ptr, id // W * groups + g, j, id % W + tl.arange(0, 1), BITS, W)
    to = out_ptr + (row * groups + g) * 32 + j
    tl.store(to, tl.sum(low, axis=1))
    tl.store(to + 16, tl.sum(high, axis=1))
