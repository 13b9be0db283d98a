# SPDX-License-Identifier: MIT
# Products of a few rows of activations and a matrix with one row of weights for each column of the result: out = activation(x @ w^T + bias) + residual.
#
# Every weight is read once and used `rows` times: these are for a few rows, for which the tiles of matmul.py are too high. `bias_ptr` and `residual_ptr` may be
# None.
import triton
import triton.language as tl

from activations import activate


@triton.jit
def put(sum, bias_ptr, residual_ptr, out_ptr, row, n, columns, ACTIVATION: tl.constexpr):
    inside = n < columns
    if bias_ptr is not None:
        sum += tl.load(bias_ptr + n, mask=inside, other=0.0).to(tl.float32)
    out = activate(sum, ACTIVATION)
    at = row * columns + n
    if residual_ptr is not None:
        out += tl.load(residual_ptr + at, mask=inside, other=0.0).to(tl.float32)
    tl.store(out_ptr + at, out.to(out_ptr.dtype.element_ty), mask=inside)


# run: matvec | *fp32:16,*fp32:16,*fp32,*fp32,*fp32:16,i32,i32 | ACTIVATION='gelu',BN=16,D=64 | 3,4 | r[150],r[2500],r[50],r[150],z[150],50,50 | tol=1e-5 | target=2e-6
# run: matvec | *fp32:16,*fp16:16,*fp32:16,i32,i32 | bias_ptr=None,residual_ptr=None,ACTIVATION='none',BN=16,D=64 | 3,4 | r[150],r[2500],z[150],50,50 | tol=1e-5 | target=2e-6
@triton.jit
def matvec(x_ptr, w_ptr, bias_ptr, residual_ptr, out_ptr, columns, depth, ACTIVATION: tl.constexpr, BN: tl.constexpr, D: tl.constexpr):
    # A row has at most D numbers. The sums are f32.
    row = tl.program_id(0)
    n = tl.program_id(1) * BN + tl.arange(0, BN)
    d = tl.arange(0, D)
    x = tl.load(x_ptr + row * depth + d, mask=d < depth, other=0.0).to(tl.float32)
    w = tl.load(w_ptr + n[:, None] * depth + d[None, :], mask=(n[:, None] < columns) & (d[None, :] < depth), other=0.0).to(tl.float32)
    put(tl.sum(x[None, :] * w, axis=1), bias_ptr, residual_ptr, out_ptr, row, n, columns, ACTIVATION)


# run: matvec_int8 | *i8:16,*fp32,*i8:16,*fp32,*fp32,*fp32,*fp32:16,i32,i32 | ACTIVATION='relu',BN=16,D=64 | 3,4 | r[150]:-127:128,r[3],r[2500],r[50],r[50],r[150],z[150],50,50 | tol=1e-6 | target=2e-6
@triton.jit
def matvec_int8(x_ptr, x_scale_ptr, w_ptr, w_scale_ptr, bias_ptr, residual_ptr, out_ptr, columns, depth, ACTIVATION: tl.constexpr, BN: tl.constexpr, D: tl.constexpr):
    # Numbers from -127 to 127, with a scale for each row of x and of w. The sums are exact: two products fit into int16 together. `depth` is even.
    row = tl.program_id(0)
    n = tl.program_id(1) * BN + tl.arange(0, BN)
    d = tl.arange(0, D // 2)
    half = depth // 2
    inside = (n[:, None] < columns) & (d[None, :] < half)
    x = x_ptr + row * depth + d
    w = w_ptr + n[:, None] * depth + d[None, :]
    first = tl.load(x, mask=d < half, other=0).to(tl.int16)[None, :] * tl.load(w, mask=inside, other=0).to(tl.int16)
    second = tl.load(x + half, mask=d < half, other=0).to(tl.int16)[None, :] * tl.load(w + half, mask=inside, other=0).to(tl.int16)
    sum = tl.sum((first + second).to(tl.int32), axis=1).to(tl.float32)
    scale = tl.load(x_scale_ptr + row) * tl.load(w_scale_ptr + n, mask=n < columns, other=0.0)
    put(sum * scale, bias_ptr, residual_ptr, out_ptr, row, n, columns, ACTIVATION)
