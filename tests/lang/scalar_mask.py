# A scalar that is masked off is `other`, or 0, and is not read; a store that is masked off writes nothing.
# run: @k x=f32[5] n=3 o=zeros:f32[6]  =>  o=[7, 0, 5, 5, 0, 1]
# run: @k x=f32[5] n=4 o=zeros:f32[6]  =>  o=[5, 5, 7, 0, 1, 0]
# run: @far x=i32[4, 5] n=1 o=zeros:i32[4]  =>  o=[4, 5, -1, -1]
# run: @line x=i32[4, 5, 6] n=3 o=zeros:i32[1]  =>  o=[27]
import triton
import triton.language as tl


@triton.jit
def k(x, n, o):
    tl.store(o, tl.load(x, mask=n > 3, other=7))
    tl.store(o + 1, tl.load(x, mask=n > 3))
    tl.store(o + 2, tl.load(x, mask=n <= 3, other=7))
    tl.store(o + 3, tl.load(x, mask=n <= 3))
    tl.store(o + 4, 1.0, mask=n > 3)
    tl.store(o + 5, 1.0, mask=n <= 3)


@triton.jit
def far(x, n, o):
    for j in range(4):
        tl.store(o + j, tl.load(x + j * 1000000000 * (j > 1) + j, mask=j <= n, other=-1))


@triton.jit
def line(x, n, o):
    total = 0
    for j in range(n + 2):
        total += tl.load(x + j, mask=j < n, other=6)
    tl.store(o, total)
