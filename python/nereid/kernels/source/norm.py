# SPDX-License-Identifier: MIT
# Norms of rows: one program per row, which has at most BLOCK numbers. `residual_ptr`, which is added first, and `bias_ptr` may be None.
import triton
import triton.language as tl


@triton.jit
def row_of(x_ptr, residual_ptr, at, inside):
    x = tl.load(x_ptr + at, mask=inside, other=0.0).to(tl.float32)
    if residual_ptr is not None:
        x += tl.load(residual_ptr + at, mask=inside, other=0.0).to(tl.float32)
    return x


# run: layer_norm | *fp32:16,*fp32:16,*fp32:16,*fp32:16,*fp32:16,i32,fp32 | BLOCK=64 | 5 | r[250],r[250],r[50],r[50],z[250],50,1e-5 | tol=1e-5 | target=1e-6
# run: layer_norm | *fp16:16,*fp16:16,*fp16:16,*fp16:16,i32,fp32 | residual_ptr=None,BLOCK=64 | 5 | r[250],r[50],r[50],z[250],50,1e-5 | tol=1e-3 | target=1e-3
@triton.jit
def layer_norm(x_ptr, residual_ptr, weight_ptr, bias_ptr, out_ptr, columns, epsilon, BLOCK: tl.constexpr):
    # out = (x - mean) / sqrt(variance + epsilon) * weight + bias
    row = tl.program_id(0)
    i = tl.arange(0, BLOCK)
    inside = i < columns
    x = row_of(x_ptr, residual_ptr, row * columns + i, inside)
    mean = tl.sum(x, axis=0) / columns
    # The difference first, then its square: sum(x * x) - mean * mean would cancel.
    centred = tl.where(inside, x - mean, 0.0)
    variance = tl.sum(centred * centred, axis=0) / columns
    out = centred * (1.0 / tl.sqrt(variance + epsilon)) * tl.load(weight_ptr + i, mask=inside).to(tl.float32)
    if bias_ptr is not None:
        out += tl.load(bias_ptr + i, mask=inside).to(tl.float32)
    tl.store(out_ptr + row * columns + i, out.to(out_ptr.dtype.element_ty), mask=inside)


# run: rms_norm | *fp32:16,*fp32:16,*fp32:16,i32,fp32 | residual_ptr=None,BLOCK=64 | 5 | r[250],r[50],z[250],50,1e-5 | tol=1e-5 | target=1e-6
@triton.jit
def rms_norm(x_ptr, residual_ptr, weight_ptr, out_ptr, columns, epsilon, BLOCK: tl.constexpr):
    # out = x / sqrt(mean of squares + epsilon) * weight
    row = tl.program_id(0)
    i = tl.arange(0, BLOCK)
    inside = i < columns
    x = row_of(x_ptr, residual_ptr, row * columns + i, inside)
    scale = 1.0 / tl.sqrt(tl.sum(x * x, axis=0) / columns + epsilon)
    out = x * scale * tl.load(weight_ptr + i, mask=inside).to(tl.float32)
    tl.store(out_ptr + row * columns + i, out.to(out_ptr.dtype.element_ty), mask=inside)
