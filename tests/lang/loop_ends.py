# A loop ends at its bound also where the next step would wrap, and one whose step is not positive does not run.
# run: @counted start=2147483600 stop=2147483647 step=20 out=zeros:i32[4]  =>  out=[3, 2147483600, 2147483620, 2147483640]
# run: @counted start=-2147483648 stop=2147483647 step=1500000000 out=zeros:i32[4]  =>  out=[3, -2147483648, -647483648, 852516352]
# run: @counted start=2147483646 stop=2147483647 step=1 out=zeros:i32[4]  =>  out=[1, 2147483646, 0, 0]
# run: @counted start=0 stop=10 step=0 out=zeros:i32[4]  =>  out=[0, 0, 0, 0]
# run: @counted start=0 stop=10 step=-3 out=zeros:i32[4]  =>  out=[0, 0, 0, 0]
# run: @counted start=9 stop=0 step=-3 out=zeros:i32[4]  =>  out=[0, 0, 0, 0]
# run: @blocks stop=2147483647 out=zeros:i32[2]  =>  out=[2, 2147483640]
# run: @long start=9223372036854775800 stop=9223372036854775807 out=zeros:i64[2]  =>  out=[2, 9223372036854775805]
import triton
import triton.language as tl


@triton.jit
def counted(out, start, stop, step):
    c = 0
    for i in range(start, stop, step):
        c += 1
        if c < 4:
            tl.store(out + c, i)
    tl.store(out, c)


@triton.jit
def blocks(out, stop):
    c = 0
    for i in range(2147483512, stop, 128):
        c += 1
        tl.store(out + 1, i)
    tl.store(out, c)


@triton.jit
def long(out, start, stop):
    c = 0
    for i in range(start, stop, 5):
        c += 1
        tl.store(out + 1, i)
    tl.store(out, c)
