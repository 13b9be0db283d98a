# Fields of an aggregate are set in its constructor alone.
# signature: *fp32
# fails: [unsupported] attributes cannot be assigned in a kernel
import triton
import triton.language as tl


@triton.aggregate
class Pair:
    a: tl.tensor
    b: tl.tensor

    def __init__(self, a, b):
        self.a = a
        self.b = b


@triton.jit
def kernel(x_ptr):
    p = Pair(tl.load(x_ptr), tl.load(x_ptr + 1))
    p.a = p.b
    tl.store(x_ptr, p.a)
