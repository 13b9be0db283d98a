# Assertions are kept with --debug, and gone without.
# run: @positive --debug x=i32[1, 2, 3, 4] n=4  =>  x=[2, 4, 6, 8]
# run: @positive --debug x=i32[1, 2, -3, 4] n=4  =>  error [assertion] all of them are positive
# run: @positive x=i32[1, 2, -3, 4] n=4  =>  x=[2, 4, -6, 8]
# run: @plain --debug n=5  =>  error [assertion] small
# run: @plain n=5
import triton
import triton.language as tl


@triton.jit
def positive(x, n):
    i = tl.arange(0, 4)
    v = tl.load(x + i, mask=i < n)
    tl.device_assert(v > 0, "all of them are positive")
    tl.store(x + i, v + v, mask=i < n)


@triton.jit
def plain(n):
    assert n < 5, "small"
