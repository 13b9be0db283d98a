# SPDX-License-Identifier: MIT
# Layer norm: each row is shifted and scaled to mean 0 and variance 1, then by a weight and a bias for each column.
import triton
import triton.language as tl


# run: layer_norm | *fp32:16,*fp32:16,*fp32:16,*fp32:16,i32,i32,fp32 | BLOCK=64 | 5 | r[250],r[50],r[50],z[250],50,50,1e-5 | tol=1e-5 | target=1e-6
@triton.jit
def layer_norm(x_ptr, weight_ptr, bias_ptr, out_ptr, columns, stride, epsilon, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    i = tl.arange(0, BLOCK)
    inside = i < columns
    x = tl.load(x_ptr + row * stride + i, mask=inside, other=0.0).to(tl.float32)
    mean = tl.sum(x, axis=0) / columns
    # The difference first, then its square: sum(x * x) - mean * mean would cancel.
    centred = tl.where(inside, x - mean, 0.0)
    variance = tl.sum(centred * centred, axis=0) / columns
    scale = 1.0 / tl.sqrt(variance + epsilon)
    weight = tl.load(weight_ptr + i, mask=inside)
    bias = tl.load(bias_ptr + i, mask=inside)
    tl.store(out_ptr + row * stride + i, centred * scale * weight + bias, mask=inside)
