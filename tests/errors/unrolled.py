# Unrolled loops within others are counted together: each alone may be short.
# kernel: k
# signature: *fp32
# fails: [unsupported] the kernel has more than 65536 unrolled iterations
import triton
import triton.language as tl


@triton.jit
def k(x_ptr):
    v = tl.load(x_ptr)
    for i in tl.static_range(300):
        for j in tl.static_range(300):
            v = v + 1
    tl.store(x_ptr, v)
