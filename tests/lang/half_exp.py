# exp takes no fp16, as in Triton.
# kernel: k
# signature: *fp16
# fails: [type] `exp` takes fp32 or fp64, but this is fp16
import triton
import triton.language as tl


@triton.jit
def k(x):
    tl.store(x, tl.exp(tl.load(x)))
