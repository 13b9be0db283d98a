# A constructor sets the fields that the class declares, and all of them.
# signature: *fp32
# fails: [type] `__init__` does not set the field `b` of `Pair`
import triton
import triton.language as tl


@triton.aggregate
class Pair:
    a: tl.tensor
    b: tl.tensor

    def __init__(self, a):
        self.a = a


@triton.jit
def kernel(x_ptr):
    p = Pair(tl.load(x_ptr))
    tl.store(x_ptr, p.a)
