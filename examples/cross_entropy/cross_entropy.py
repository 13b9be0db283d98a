# SPDX-License-Identifier: MIT
# Cross entropy of rows of logits: log(sum(exp(row))) - row[label], reading each row once. Rows whose label is IGNORE have loss 0.
import triton
import triton.language as tl


# run: cross_entropy | *fp32:16,*i64,*fp32:16,i32 | IGNORE=7,BLOCK=32 | 8 | r[400],r[8]:0:50,z[8],50 | tol=1e-6 | target=2e-7
@triton.jit
def cross_entropy(logits_ptr, labels_ptr, losses_ptr, classes, IGNORE: tl.constexpr, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    label = tl.load(labels_ptr + row)
    if label == IGNORE:
        tl.store(losses_ptr + row, 0.0)
        return
    logits_ptr += row.to(tl.int64) * classes  # a vocabulary times a batch may exceed 32 bits
    # One pass: a running maximum, and a running sum that is scaled down when the maximum grows.
    maximum = -float("inf")
    total = 0.0
    for start in range(0, classes, BLOCK):
        i = start + tl.arange(0, BLOCK)
        x = tl.load(logits_ptr + i, mask=i < classes, other=-float("inf")).to(tl.float32)
        new_maximum = tl.maximum(maximum, tl.max(x, axis=0))
        total = total * tl.exp(maximum - new_maximum) + tl.sum(tl.exp(x - new_maximum), axis=0)
        maximum = new_maximum
    expected = tl.load(logits_ptr + label).to(tl.float32)
    tl.store(losses_ptr + row, maximum + tl.log(total) - expected)
