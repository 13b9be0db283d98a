# Nothing is stored through a tl.const.
# kernel: k
# signature: *fp32
# fails: [type] the parameter of this pointer is declared as tl.const, so the kernel cannot write through it
import triton
import triton.language as tl


@triton.jit
def k(x: tl.const):
    tl.store(x, 9.0)
