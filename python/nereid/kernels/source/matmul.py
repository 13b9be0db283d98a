# SPDX-License-Identifier: MIT
# Products of a matrix of activations and a matrix of weights: out = activation(x @ w + bias) + residual.
#
# x has `rows` rows of `depth` numbers, w has `depth` rows of `columns` numbers, bias has `columns` numbers. The weights are f32, f16, int8
# with a scale per column, or 4 bits with a scale per column and group. `bias_ptr` and `residual_ptr` may be None.
import triton
import triton.language as tl

from activations import activate


@triton.jit
def finish(sum, bias_ptr, residual_ptr, out_ptr, m, n, rows, columns, ACTIVATION: tl.constexpr):
    inside = (m[:, None] < rows) & (n[None, :] < columns)
    at = m[:, None] * columns + n[None, :]
    if bias_ptr is not None:
        sum += tl.load(bias_ptr + n, mask=n < columns, other=0.0).to(tl.float32)[None, :]
    out = activate(sum, ACTIVATION)
    if residual_ptr is not None:
        out += tl.load(residual_ptr + at, mask=inside, other=0.0).to(tl.float32)
    tl.store(out_ptr + at, out.to(out_ptr.dtype.element_ty), mask=inside)


# run: matmul | *fp32:16,*fp32:16,*fp32,*fp32,*fp32:16,i32,i32,i32,i32,i32,i32 | ACTIVATION='gelu',BM=16,BN=32,BK=16 | 2,2 | r[1080],r[1800],r[50],r[1500],z[1500],30,50,36,36,50,1 | tol=1e-5 | target=2e-6
# run: matmul | *fp32:16,*fp16:16,*fp32:16,i32,i32,i32,i32,i32,i32 | bias_ptr=None,residual_ptr=None,ACTIVATION='none',BM=16,BN=32,BK=16 | 2,2 | r[1080],r[1800],z[1500],30,50,36,36,1,36 | tol=1e-5 | target=2e-6
# run: matmul | *fp16:16,*fp16:16,*fp16,*fp16:16,i32,i32,i32,i32,i32,i32 | residual_ptr=None,ACTIVATION='relu',BM=16,BN=32,BK=16 | 2,2 | r[1080],r[1800],r[50],z[1500],30,50,36,36,50,1 | tol=1e-3 | target=1e-3
@triton.jit
def matmul(x_ptr, w_ptr, bias_ptr, residual_ptr, out_ptr, rows, columns, depth, x_stride, w_stride, w_column_stride,  #
           ACTIVATION: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    # Weights of f16 are used as f32 if x is f32.
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    n = tl.program_id(1) * BN + tl.arange(0, BN)
    k = tl.arange(0, BK)
    sum = tl.zeros((BM, BN), tl.float32)
    for start in range(0, depth, BK):
        x = tl.load(x_ptr + m[:, None] * x_stride + (start + k)[None, :], mask=(m[:, None] < rows) & ((start + k)[None, :] < depth), other=0.0)
        w = tl.load(w_ptr + (start + k)[:, None] * w_stride + n[None, :] * w_column_stride,
                    mask=((start + k)[:, None] < depth) & (n[None, :] < columns), other=0.0)
        # "ieee": a GPU would otherwise round f32 to tf32.
        sum = tl.dot(x, w.to(x.dtype), sum, input_precision="ieee")
    finish(sum, bias_ptr, residual_ptr, out_ptr, m, n, rows, columns, ACTIVATION)


# run: matmul_int8 | *i8:16,*fp32,*i8:16,*fp32,*fp32,*fp32:16,i32,i32,i32,i32,i32 | residual_ptr=None,ACTIVATION='gelu',BM=16,BN=32,BK=32 | 2,2 | r[1080],r[30]:0.001:0.01,r[1800],r[50]:0.001:0.01,r[50],z[1500],30,50,36,50,1 | tol=1e-6 | target=1e-6
@triton.jit
def matmul_int8(x_ptr, x_scale_ptr, w_ptr, w_scale_ptr, bias_ptr, residual_ptr, out_ptr, rows, columns, depth, w_stride, w_column_stride,  #
                ACTIVATION: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    # The sums are exact in int32; then one scale for each row of x and each column of w.
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    n = tl.program_id(1) * BN + tl.arange(0, BN)
    k = tl.arange(0, BK)
    sum = tl.zeros((BM, BN), tl.int32)
    for start in range(0, depth, BK):
        x = tl.load(x_ptr + m[:, None] * depth + (start + k)[None, :], mask=(m[:, None] < rows) & ((start + k)[None, :] < depth), other=0)
        w = tl.load(w_ptr + (start + k)[:, None] * w_stride + n[None, :] * w_column_stride, mask=((start + k)[:, None] < depth) & (n[None, :] < columns), other=0)
        sum = tl.dot(x, w, sum, out_dtype=tl.int32)
    x_scale = tl.load(x_scale_ptr + m, mask=m < rows, other=0.0)
    w_scale = tl.load(w_scale_ptr + n, mask=n < columns, other=0.0)
    finish(sum.to(tl.float32) * x_scale[:, None] * w_scale[None, :], bias_ptr, residual_ptr, out_ptr, m, n, rows, columns, ACTIVATION)


# run: matmul_int4 | *fp32:16,*u8:16,*fp32,*fp32,*fp32:16,i32,i32,i32 | residual_ptr=None,ACTIVATION='none',GROUP=32,BM=16,BN=32 | 2,2 | r[1920],r[1600],r[100],r[50],z[1500],30,50,64 | tol=1e-5 | target=2e-6
# run: matmul_int4 | *fp16:16,*u8:16,*fp16,*fp16:16,i32,i32,i32 | bias_ptr=None,residual_ptr=None,ACTIVATION='none',GROUP=32,BM=16,BN=32 | 2,2 | r[1920],r[1600],r[100],z[1500],30,50,64 | tol=2e-3 | target=2e-3
@triton.jit
def matmul_int4(x_ptr, w_ptr, scale_ptr, bias_ptr, residual_ptr, out_ptr, rows, columns, depth,  #
                ACTIVATION: tl.constexpr, GROUP: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):
    # GROUP rows of weights are GROUP / 2 rows of bytes: byte j has row j in its low bits and row j + GROUP / 2 in its high bits, each as
    # 8 + w / scale. So both halves of x are contiguous. `depth` is a multiple of GROUP.
    HALF: tl.constexpr = GROUP // 2
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    n = tl.program_id(1) * BN + tl.arange(0, BN)
    k = tl.arange(0, HALF)
    sum = tl.zeros((BM, BN), tl.float32)
    for group in range(0, depth // GROUP):
        x_at = x_ptr + m[:, None] * depth + (group * GROUP + k)[None, :]
        low_x = tl.load(x_at, mask=m[:, None] < rows, other=0.0)
        high_x = tl.load(x_at + HALF, mask=m[:, None] < rows, other=0.0)
        both = tl.load(w_ptr + (group * HALF + k)[:, None] * columns + n[None, :], mask=n[None, :] < columns, other=0).to(tl.int32)
        scale = tl.load(scale_ptr + group * columns + n, mask=n < columns, other=0.0).to(tl.float32)[None, :]
        low = ((both & 15) - 8).to(tl.float32) * scale
        high = ((both >> 4) - 8).to(tl.float32) * scale
        sum = tl.dot(low_x, low.to(low_x.dtype), sum, input_precision="ieee")
        sum = tl.dot(high_x, high.to(high_x.dtype), sum, input_precision="ieee")
    finish(sum, bias_ptr, residual_ptr, out_ptr, m, n, rows, columns, ACTIVATION)
