# A list's `sort` takes its key by name only.
# kernel: k
# signature: *i32
# fails: [type] `sort` does not take these arguments
import triton
import triton.language as tl


@triton.constexpr_function
def host():
    return sorted([3, 1, 2]).sort(lambda v: -v)


@triton.jit
def k(o):
    tl.store(o, len(host()))
