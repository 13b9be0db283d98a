# SPDX-License-Identifier: MIT
# Convolution along one dimension, as products of matrices: one for each position of the filter.
import triton
import triton.language as tl

from activations import activate


# run: conv1d | *fp32:16,*fp32:16,*fp32,*fp32:16,i32,i32,i32,i32 | KERNEL=2,STRIDE=2,PADDING=1,ACTIVATION='gelu',BM=16,BN=16,BK=16 | 2,2,2 | r[1200],r[800],r[20],z[640],20,20,30,16 | tol=1e-5 | target=2e-6
# run: conv1d | *fp16:16,*fp16:16,*fp16:16,i32,i32,i32,i32 | bias_ptr=None,KERNEL=2,STRIDE=1,PADDING=0,ACTIVATION='none',BM=16,BN=16,BK=16 | 2,2,2 | r[1200],r[800],z[1160],20,20,30,29 | tol=1e-3 | target=1e-3
@triton.jit
def conv1d(x_ptr, w_ptr, bias_ptr, out_ptr, channels_in, channels_out, length_in, length_out,  #
           KERNEL: tl.constexpr, STRIDE: tl.constexpr, PADDING: tl.constexpr, ACTIVATION: tl.constexpr,  #
           BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    # x is [batch, channels_in, length_in], w is [channels_out, channels_in, KERNEL], out is [batch, channels_out, length_out]:
    # out[b, o, t] = activation(sum of w[o, c, j] * x[b, c, t * STRIDE + j - PADDING] over c and j, + bias[o])
    o = tl.program_id(1) * BM + tl.arange(0, BM)
    t = tl.program_id(0) * BN + tl.arange(0, BN)
    batch = tl.program_id(2)
    x_ptr += batch * channels_in * length_in
    out_ptr += batch * channels_out * length_out
    k = tl.arange(0, BK)
    sum = tl.zeros((BM, BN), tl.float32)
    for start in range(0, channels_in, BK):
        c = start + k
        for j in tl.static_range(KERNEL):
            at = t * STRIDE + (j - PADDING)
            w = tl.load(w_ptr + (o[:, None] * channels_in + c[None, :]) * KERNEL + j, mask=(o[:, None] < channels_out) & (c[None, :] < channels_in), other=0.0)
            x = tl.load(x_ptr + c[:, None] * length_in + at[None, :], mask=(c[:, None] < channels_in) & (at[None, :] >= 0) & (at[None, :] < length_in), other=0.0)
            sum = tl.dot(w.to(x.dtype), x, sum, input_precision="ieee")
    if bias_ptr is not None:
        sum += tl.load(bias_ptr + o, mask=o < channels_out, other=0.0).to(tl.float32)[:, None]
    out = activate(sum, ACTIVATION)
    tl.store(out_ptr + o[:, None] * length_out + t[None, :], out.to(out_ptr.dtype.element_ty), mask=(o[:, None] < channels_out) & (t[None, :] < length_out))
