# With --debug sums, differences and products of integers below 64 bits that do not fit are failed assertions, as in Triton; without it they wrap.
# run: @bytes -DOP=0 x=i8[127, 1] y=i8[1, 1] out=i8[0; 2]  =>  out=[-128, 2]
# run: @bytes --debug -DOP=0 x=i8[126, -128] y=i8[1, 0] out=i8[0; 2]  =>  out=[127, -128]
# run: @bytes --debug -DOP=0 x=i8[127, 1] y=i8[1, 1] out=i8[0; 2]  =>  error [assertion] int8 overflow detected for operation add
# run: @bytes --debug -DOP=1 x=i8[-128, 1] y=i8[1, 1] out=i8[0; 2]  =>  error [assertion] int8 overflow detected for operation sub
# run: @bytes --debug -DOP=2 x=i8[-128, 1] y=i8[-1, 1] out=i8[0; 2]  =>  error [assertion] int8 overflow detected for operation mul
# run: @bytes --debug -DOP=3 x=i8[-128, 1] y=i8[-1, 1] out=i8[0; 2]  =>  out=[-128, 1]
# run: @words --debug -DOP=0 x=u32[4294967295, 1] y=u32[0, 4294967294] out=u32[0; 2]  =>  out=[4294967295, 4294967295]
# run: @words --debug -DOP=0 x=u32[4294967295, 1] y=u32[1, 1] out=u32[0; 2]  =>  error [assertion] int32 overflow detected for operation add
# run: @words --debug -DOP=1 x=u32[0, 1] y=u32[1, 1] out=u32[0; 2]  =>  error [assertion] int32 overflow detected for operation sub
# run: @words --debug -DOP=2 x=u32[65536, 1] y=u32[65536, 1] out=u32[0; 2]  =>  error [assertion] int32 overflow detected for operation mul
# run: @scalars --debug x=i32[2147483647] n=1 out=i64[0]  =>  error [assertion] int32 overflow detected for operation add
# run: @scalars --debug x=i32[2147483646] n=1 out=i64[0]  =>  out=[2147483647]
# run: @longs --debug x=i64[9223372036854775807] out=i64[0]  =>  out=[-9223372036854775808]
# run: @random --debug out=i32[7; 16]  =>  out=[0; 16]
# run: @scanned --debug x=i32[2147483647, 1] out=i32[0; 2]  =>  error [assertion] int32 overflow detected for operation add
# run: @scanned --debug x=i32[2147483646, 1] out=i32[0; 2]  =>  out=[2147483646, 2147483647]
import triton
import triton.language as tl


@triton.jit
def operation(x, y, out, OP: tl.constexpr):
    i = tl.arange(0, 2)
    a = tl.load(x + i)
    b = tl.load(y + i)
    if OP == 0:
        c = a + b
    elif OP == 1:
        c = tl.sub(a, b)
    elif OP == 2:
        c = a
        c *= b
    else:
        c = tl.mul(a, b, sanitize_overflow=False)
    tl.store(out + i, c)


@triton.jit
def bytes(x, y, out, OP: tl.constexpr):
    operation(x, y, out, OP)


@triton.jit
def words(x, y, out, OP: tl.constexpr):
    operation(x, y, out, OP)


@triton.jit
def scalars(x, n, out):
    tl.store(out, n + tl.load(x))


@triton.jit
def longs(x, out):
    tl.store(out, tl.load(x) + 1)


@triton.jit
def random(out):
    i = tl.arange(0, 16)
    u = tl.rand(5, i)
    tl.store(out + i, ((u < 0) | (u >= 1)).to(tl.int32))


@triton.jit
def scanned(x, out):
    i = tl.arange(0, 2)
    tl.store(out + i, tl.cumsum(tl.load(x + i)))
