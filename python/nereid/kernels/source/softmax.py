# SPDX-License-Identifier: MIT
# Softmax of rows.
import triton
import triton.language as tl


# run: softmax | *fp32:16,*fp32:16,i32,fp32 | LOG=False,BLOCK=64 | 5 | r[250],z[250],50,0.5 | tol=1e-6 | target=1e-6
# run: softmax | *fp32:16,*fp32:16,i32,fp32 | LOG=True,BLOCK=64 | 5 | r[250],z[250],50,1.0 | tol=1e-6 | target=2e-6
@triton.jit
def softmax(x_ptr, out_ptr, columns, scale, LOG: tl.constexpr, BLOCK: tl.constexpr):
    # Each row of scale * x has at most BLOCK numbers. With LOG the result is the logarithm.
    row = tl.program_id(0).to(tl.int64) * columns
    i = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row + i, mask=i < columns, other=-float("inf")).to(tl.float32) * scale
    x -= tl.max(x, axis=0)
    e = tl.exp(x)
    sum = tl.sum(e, axis=0)
    if LOG:
        out = x - tl.log(sum)
    else:
        out = e / sum
    tl.store(out_ptr + row + i, out.to(out_ptr.dtype.element_ty), mask=i < columns)


# run: softmax_of_long_rows | *fp32:16,*fp32:16,i32,fp32 | LOG=False,BLOCK=32 | 3 | r[1500],z[1500],500,0.5 | tol=2e-6 | target=2e-6
@triton.jit
def softmax_of_long_rows(x_ptr, out_ptr, columns, scale, LOG: tl.constexpr, BLOCK: tl.constexpr):
    # The same for rows of any length: maximum and sum in one pass, the result in a second one.
    row = tl.program_id(0).to(tl.int64) * columns
    i = tl.arange(0, BLOCK)
    maximum = tl.full([BLOCK], -float("inf"), tl.float32)
    total = tl.zeros([BLOCK], tl.float32)
    for start in range(0, columns, BLOCK):
        x = tl.load(x_ptr + row + start + i, mask=start + i < columns, other=-float("inf")).to(tl.float32) * scale
        larger = tl.maximum(maximum, x)
        # -inf minus -inf is not a number.
        total = total * tl.where(maximum == larger, 1.0, tl.exp(maximum - larger)) + tl.where(x == -float("inf"), 0.0, tl.exp(x - larger))
        maximum = larger
    most = tl.max(maximum, axis=0)
    sum = tl.sum(tl.where(total > 0, total * tl.exp(maximum - most), 0.0), axis=0)
    for start in range(0, columns, BLOCK):
        x = tl.load(x_ptr + row + start + i, mask=start + i < columns, other=0.0).to(tl.float32) * scale - most
        if LOG:
            out = x - tl.log(sum)
        else:
            out = tl.exp(x) / sum
        tl.store(out_ptr + row + start + i, out.to(out_ptr.dtype.element_ty), mask=start + i < columns)
