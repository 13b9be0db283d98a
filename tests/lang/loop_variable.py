# After its loop a variable has the value of the last round, or what it had before.
# run: @after n=5 out=zeros:i32[3]  =>  out=[4, 0, 0]
# run: @after n=0 out=zeros:i32[3]  =>  out=[0, 0, 0]
# run: @down n=5 out=zeros:i32[3]  =>  out=[0, 2, 0]
# run: @earlier n=3 out=zeros:i32[3]  =>  out=[2, 9, 12]
# run: @earlier n=0 out=zeros:i32[3]  =>  out=[7, 9, 10]
import triton
import triton.language as tl


@triton.jit
def after(out, n):
    for i in range(n):
        pass
    tl.store(out, i)


@triton.jit
def down(out, n):
    for i in range(n - 1, -1, -1):
        pass
    tl.store(out, i)
    for i in range(-4, n, 3):
        pass
    tl.store(out + 1, i)


@triton.jit
def earlier(out, n):
    t = 7
    for t in range(n):
        pass
    tl.store(out, t)
    u = 9
    if n > 100:
        for u in range(n):
            pass
    tl.store(out + 1, u)
    w = 10
    for j in range(n):
        for w in range(10 + j, 11 + j):
            pass
    tl.store(out + 2, w)
