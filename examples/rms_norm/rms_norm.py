# SPDX-License-Identifier: MIT
# RMS norm: each row divided by the root of its mean square, times a weight for each column. f16 in and out, f32 between.
import triton
import triton.language as tl


# run: rms_norm | *fp16:16,*fp16:16,*fp16:16,i32,fp32 | BLOCK=32 | 5 | r[250],r[50],z[250],50,1e-6 | tol=1e-3 | target=1e-3
# run: rms_norm | *fp32:16,*fp32:16,*fp32:16,i32,fp32 | BLOCK=32 | 5 | r[250],r[50],z[250],50,1e-6 | tol=1e-6 | target=5e-7
@triton.jit
def rms_norm(x_ptr, weight_ptr, out_ptr, columns, epsilon, BLOCK: tl.constexpr):
    # The row may be longer than BLOCK: a first loop sums, a second one scales.
    row = tl.program_id(0) * columns
    squares = tl.zeros([BLOCK], tl.float32)
    for start in range(0, columns, BLOCK):
        i = start + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + row + i, mask=i < columns, other=0.0).to(tl.float32)
        squares += x * x
    scale = tl.rsqrt(tl.sum(squares, axis=0) / columns + epsilon)
    for start in range(0, columns, BLOCK):
        i = start + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + row + i, mask=i < columns, other=0.0).to(tl.float32)
        weight = tl.load(weight_ptr + i, mask=i < columns, other=0.0).to(tl.float32)
        tl.store(out_ptr + row + i, (x * scale * weight).to(out_ptr.dtype.element_ty), mask=i < columns)
