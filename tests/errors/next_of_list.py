# Only iterators have a next item.
# kernel: k
# signature: *i32
# fails: [type] `next` takes an iterator
import triton
import triton.language as tl


@triton.constexpr_function
def host():
    return next([1])


@triton.jit
def k(o):
    tl.store(o, host())
