# Integer instructions of PTX with operands that are known when the kernel runs, on every target.
# run: @fields x=i32[305419896, -1430532899, 1, -2147483648] p=i32[4, 28, 31, 200] n=i32[8, 12, 0, 5] out=zeros:i32[24]  =>  out=[103, 10, 0, 0, 103, -6, 0, -1, 305418376, -893661987, 1, -2147483648, 2021131264, -572719104, 16843009, 0, 129, -894714675, 0, -2147483648, 1, 16, 1, 1]
# run: @longs x=i32[-2, 65536, 2147483647, 3] y=i32[3, 65536, 2147483647, -5] out=zeros:i64[12]  =>  out=[-6, 4294967296, 4611686014132420609, -15, -2, 8589934592, 9223372028264841218, -6, 0, 1, 1152921502459363329, 0]
# run: @conversions x=f32[1.5, 2.5, -300, 1000] out=zeros:i32[8]  =>  out=[2, 2, -128, 127, 2, 2, 0, 255]
import triton
import triton.language as tl


@triton.jit
def fields(x, p, n, out):
    i = tl.arange(0, 4)
    a = tl.load(x + i)
    b = tl.load(p + i)
    c = tl.load(n + i)
    tl.store(out + i, tl.inline_asm_elementwise("bfe.u32 $0, $1, $2, $3;", "=r,r,r,r", [a, b, c], dtype=tl.int32, is_pure=True, pack=1))
    tl.store(out + 4 + i, tl.inline_asm_elementwise("bfe.s32 $0, $1, $2, $3;", "=r,r,r,r", [a, b, c], dtype=tl.int32, is_pure=True, pack=1))
    tl.store(out + 8 + i, tl.inline_asm_elementwise("bfi.b32 $0, $3, $1, $2, $3;", "=r,r,r,r", [a, b, c], dtype=tl.int32, is_pure=True, pack=1))
    tl.store(out + 12 + i, tl.inline_asm_elementwise("prmt.b32 $0, $1, $2, $3;", "=r,r,r,r", [a, b, c * 9], dtype=tl.int32, is_pure=True, pack=1))
    tl.store(out + 16 + i, tl.inline_asm_elementwise("shf.l.clamp.b32 $0, $1, $3, $2;", "=r,r,r,r", [a, b, c], dtype=tl.int32, is_pure=True, pack=1))
    text: tl.constexpr = """
    {
        .reg .pred big;
        .reg .b32 bits;
        popc.b32 bits, $1;
        setp.gt.u32 big, bits, 13;
        selp.b32 $0, $2, bits, big;
        @big add.s32 $0, $0, 4;
        @!big min.s32 $0, $0, 1;
    }
    """
    tl.store(out + 20 + i, tl.inline_asm_elementwise(text, "=r,r,r", [a, c], dtype=tl.int32, is_pure=True, pack=1))


@triton.jit
def longs(x, y, out):
    i = tl.arange(0, 4)
    a = tl.load(x + i)
    b = tl.load(y + i)
    product = tl.inline_asm_elementwise("mul.wide.s32 $0, $1, $2;", "=l,r,r", [a, b], dtype=tl.int64, is_pure=True, pack=1)
    tl.store(out + i, product)
    tl.store(out + 4 + i, tl.inline_asm_elementwise("mad.wide.s32 $0, $1, $2, $3;", "=l,r,r,l", [a, a, product], dtype=tl.int64, is_pure=True, pack=1))
    tl.store(out + 8 + i, tl.inline_asm_elementwise("mul.hi.s64 $0, $1, $2;", "=l,l,l", [product, product], dtype=tl.int64, is_pure=True, pack=1))


@triton.jit
def conversions(x, out):
    i = tl.arange(0, 4)
    a = tl.load(x + i)
    tl.store(out + i, tl.inline_asm_elementwise("cvt.rni.sat.s8.f32 $0, $1;", "=r,f", [a], dtype=tl.int32, is_pure=True, pack=1))
    tl.store(out + 4 + i, tl.inline_asm_elementwise("cvt.rni.sat.u8.f32 $0, $1;", "=r,f", [a], dtype=tl.int32, is_pure=True, pack=1))
