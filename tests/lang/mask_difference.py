# A mask may compare a difference: the index counts down on one side of it.
# run: @above x=range:i32[40] o=full:i32[40],-1 n=5  =>  o=[0, 1, 2, 3, 4, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1]
# run: @above x=range:i32[40] o=full:i32[40],-1 n=33
# run: @at_least x=range:i32[40] o=full:i32[40],-1 n=5  =>  o=[0, 1, 2, 3, 4, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1]
# run: @below x=range:i32[40] o=full:i32[40],-1 n=30
# run: @below x=range:i32[40] o=full:i32[40],-1 n=3
# run: @reversed x=range:i32[40] o=full:i32[40],-1 n=7  =>  o=[6, 5, 4, 3, 2, 1, 0, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1]
# run: @summed x=range:i32[40] o=full:i32[1],-1 n=5  =>  o=[10]
import triton
import triton.language as tl


@triton.jit
def above(x, o, n):
    i = tl.arange(0, 32)
    tl.store(o + i, tl.load(x + i, mask=n - i > 0), mask=n - i > 0)


@triton.jit
def at_least(x, o, n):
    i = tl.arange(0, 32)
    tl.store(o + i, tl.load(x + i, mask=1 <= n - i), mask=n - i >= 1)


@triton.jit
def below(x, o, n):
    i = tl.arange(0, 32)
    tl.store(o + i, tl.load(x + i, mask=n - i < 10, other=7), mask=20 > n - i)


@triton.jit
def reversed(x, o, n):
    i = tl.arange(0, 32)
    tl.store(o + i, tl.load(x + n - 1 - i, mask=n - 1 - i >= 0), mask=i < n)


@triton.jit
def summed(x, o, n):
    i = tl.arange(0, 32)
    tl.store(o, tl.sum(tl.load(x + i, mask=n - i > 0, other=0)))
