# SPDX-License-Identifier: MIT
# Numbers with few bits: x is about q * scale.
import triton
import triton.language as tl


@triton.jit
def nearest(x):
    # Halves are rounded up.
    return tl.floor(x + 0.5)


# run: quantize_rows | *fp32:16,*i8:16,*fp32,i32 | factor_ptr=None,BLOCK=64 | 5 | r[250],z[250],z[5],50 | target=1e-6
# run: quantize_rows | *fp32:16,*fp32:16,*i8:16,*fp32,i32 | BLOCK=64 | 5 | r[250],r[50]:0.5:2,z[250],z[5],50 | target=1e-6
@triton.jit
def quantize_rows(x_ptr, factor_ptr, out_ptr, scale_ptr, columns, BLOCK: tl.constexpr):
    # Each row to int8 from -127 to 127, with the scale of its largest number. A row of zeros has scale 0. The columns are multiplied by factors first,
    # unless `factor_ptr` is None.
    row = tl.program_id(0)
    i = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * columns + i, mask=i < columns, other=0.0).to(tl.float32)
    if factor_ptr is not None:
        x *= tl.load(factor_ptr + i, mask=i < columns, other=0.0).to(tl.float32)
    largest = tl.max(tl.abs(x), axis=0)
    inverse = tl.where(largest > 0, 127.0 / largest, 0.0)
    tl.store(out_ptr + row * columns + i, nearest(x * inverse).to(tl.int8), mask=i < columns)
    tl.store(scale_ptr + row, largest / 127.0)


# run: quantize_columns | *fp32:16,*i8:16,*fp32,i32,i32 | BLOCK=16,BN=16 | 4 | r[2000],z[2000],z[50],40,50 | target=1e-6
@triton.jit
def quantize_columns(x_ptr, out_ptr, scale_ptr, rows, columns, BLOCK: tl.constexpr, BN: tl.constexpr):
    # The same for each column, as weights of matmul_int8 need it; BLOCK rows at a time.
    n = tl.program_id(0) * BN + tl.arange(0, BN)
    k = tl.arange(0, BLOCK)
    largest = tl.zeros((BLOCK, BN), tl.float32)
    for start in range(0, rows, BLOCK):
        inside = ((start + k)[:, None] < rows) & (n[None, :] < columns)
        x = tl.load(x_ptr + (start + k)[:, None] * columns + n[None, :], mask=inside, other=0.0).to(tl.float32)
        largest = tl.maximum(largest, tl.abs(x))
    most = tl.max(largest, axis=0)
    inverse = tl.where(most > 0, 127.0 / most, 0.0)
    for start in range(0, rows, BLOCK):
        inside = ((start + k)[:, None] < rows) & (n[None, :] < columns)
        at = (start + k)[:, None] * columns + n[None, :]
        x = tl.load(x_ptr + at, mask=inside, other=0.0).to(tl.float32)
        tl.store(out_ptr + at, nearest(x * inverse[None, :]).to(tl.int8), mask=inside)
    tl.store(scale_ptr + n, most / 127.0, mask=n < columns)


# run: quantize_int4 | *fp32:16,*u8:16,*fp32,i32 | GROUP=32,BN=16 | 2,4 | r[3200],z[1600],z[100],50 | target=1e-6
@triton.jit
def quantize_int4(w_ptr, out_ptr, scale_ptr, columns, GROUP: tl.constexpr, BN: tl.constexpr):
    # GROUP rows of weights to 4 bits from -7 to 7, as matmul_int4 reads them, with one scale per column.
    HALF: tl.constexpr = GROUP // 2
    group = tl.program_id(0)
    n = tl.program_id(1) * BN + tl.arange(0, BN)
    k = tl.arange(0, HALF)
    inside = n[None, :] < columns
    at = w_ptr + (group * GROUP + k)[:, None] * columns + n[None, :]
    low = tl.load(at, mask=inside, other=0.0).to(tl.float32)
    high = tl.load(at + HALF * columns, mask=inside, other=0.0).to(tl.float32)
    largest = tl.max(tl.maximum(tl.abs(low), tl.abs(high)), axis=0)
    inverse = tl.where(largest > 0, 7.0 / largest, 0.0)[None, :]
    byte = (nearest(low * inverse).to(tl.int32) + 8) | ((nearest(high * inverse).to(tl.int32) + 8) << 4)
    tl.store(out_ptr + (group * HALF + k)[:, None] * columns + n[None, :], byte.to(tl.uint8), mask=inside)
    tl.store(scale_ptr + group * columns + n, largest / 7.0, mask=n < columns)


# run: cast | *fp32:16,*fp16:16,i32 | BLOCK=64 | 5 | r[300],z[300],300
# run: cast | *fp16:16,*fp32:16,i32 | BLOCK=64 | 5 | r[300],z[300],300
@triton.jit
def cast(x_ptr, out_ptr, size, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=i < size).to(out_ptr.dtype.element_ty), mask=i < size)
