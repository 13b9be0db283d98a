# Inline assembly whose meaning is plain arithmetic is done as such.
# run: @floats x=f32[0.5, 1, 4, 0] out=zeros:f32[16]  =>  out=[0.46211717, 0.7615942, 0.9993293, 0, 1.4142135, 2, 16, 1, 2, 1, 0.25, inf, 2.25, 4, 17, 1] ~1e-5
# run: @ints x=i32[-2, 100000, 3, 305419896] y=i32[3, 100000, -1, 2] out=zeros:i32[20]  =>  out=[-1, 2, -1, 0, 2, 2, 2, 0, -16777217, -1601830656, 50331648, 2018915346, -6, 24101, -3, 240, -3, 0, -4, 305419898]
# run: @packed x=f16[1, 2, 3, 4] y=f16[2, 2, 2, 0.5] out=zeros:f16[4] h=zeros:f32[4]  =>  out=[3, 5, 7, 3] h=[1, 2, 3, 4]
# run: @narrow x=f32[1.06, 500, -0.3, 17] out=zeros:f32[4]  =>  out=[1, 448, -0.3125, 16]
import triton
import triton.language as tl


@triton.jit
def floats(x, out):
    i = tl.arange(0, 4)
    v = tl.load(x + i)
    tl.store(out + i, tl.inline_asm_elementwise("tanh.approx.f32 $0, $1;", "=f,f", [v], dtype=tl.float32, is_pure=True, pack=1))
    tl.store(out + 4 + i, tl.inline_asm_elementwise("ex2.approx.ftz.f32 $0, $1;", "=f,f", [v], dtype=tl.float32, is_pure=True, pack=1))
    tl.store(out + 8 + i, tl.inline_asm_elementwise("rcp.approx.ftz.f32 $0, $1;", "=f, f", [v], dtype=tl.float32, is_pure=True, pack=1))
    text: tl.constexpr = """
    {
        .reg .f32 t;  // a square
        mul.f32 t, $1, $1;
        fma.rn.f32 $0, t, 0f3F800000, 0f3F800000;
    }
    """
    w = tl.inline_asm_elementwise(text, "=f,f", [v], dtype=tl.float32, is_pure=True, pack=1)
    tl.store(out + 12 + i, tl.where(v == 0.5, w + 1, tl.where(v == 1, w + 2, w)))


@triton.jit
def ints(x, y, out):
    i = tl.arange(0, 4)
    a = tl.load(x + i)
    b = tl.load(y + i)
    tl.store(out + i, tl.inline_asm_elementwise("mul.hi.s32 $0, $1, $2;", "=r,r,r", [a, b], dtype=tl.int32, is_pure=True, pack=1))
    tl.store(out + 4 + i, tl.inline_asm_elementwise("mul.hi.u32 $0, $1, $2;", "=r,r,r", [a, b], dtype=tl.int32, is_pure=True, pack=1))
    tl.store(out + 8 + i, tl.inline_asm_elementwise("prmt.b32 $0, $1, $1, 0x0123;", "=r,r", [a], dtype=tl.int32, is_pure=True, pack=1))
    tl.store(out + 12 + i, tl.inline_asm_elementwise("dp4a.s32.s32 $0, $1, $2, $3;", "=r,r,r,r", [a, b, a * 0], dtype=tl.int32, is_pure=True, pack=1))
    tl.store(out + 16 + i, tl.inline_asm_elementwise("lop3.b32 $0, $1, $2, 0, 0x3C;", "=r,r,r", [a, b], dtype=tl.int32, is_pure=True, pack=1))


@triton.jit
def packed(x, y, out, h):
    i = tl.arange(0, 4)
    a = tl.load(x + i)
    b = tl.load(y + i)
    tl.store(out + i, tl.inline_asm_elementwise("fma.rn.f16x2 $0, $1, $2, $3;", "=r,r,r,r", [a, b, tl.full([4], 1.0, tl.float16)], dtype=tl.float16, is_pure=True, pack=2))
    lo, hi = tl.inline_asm_elementwise("{ cvt.f32.f16 $0, $2; mov.b32 $1, $0; }", "=r,=r,h", [a], dtype=(tl.float32, tl.int32), is_pure=True, pack=1)
    tl.store(h + i, hi.to(tl.float32, bitcast=True))


@triton.jit
def narrow(x, out):
    i = tl.arange(0, 4)
    v = tl.load(x + i)
    e = tl.inline_asm_elementwise("cvt.rn.satfinite.e4m3x2.f32 $0, $2, $1;", "=h,f,f", [v], dtype=tl.float8e4nv, is_pure=True, pack=2)
    tl.store(out + i, e.to(tl.float32))
