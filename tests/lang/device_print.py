# Prints have a line for each element and each operand, the same on every target.
# run: @tiles -DR=2 -DC=16 x=f32[0.5, -1.25]
# prints: pid (0, 0, 0) idx (0,  0) v: 0.000000
# prints: pid (0, 0, 0) idx (0,  1) v: 0.000000
# prints: pid (0, 0, 0) idx (0,  2) v: 0.000000
# prints: pid (0, 0, 0) idx (0,  3) v: 0.000000
# prints: pid (0, 0, 0) idx (0,  4) v: 0.000000
# prints: pid (0, 0, 0) idx (0,  5) v: 0.000000
# prints: pid (0, 0, 0) idx (0,  6) v: 0.000000
# prints: pid (0, 0, 0) idx (0,  7) v: 0.000000
# prints: pid (0, 0, 0) idx (0,  8) v: 0.000000
# prints: pid (0, 0, 0) idx (0,  9) v: 0.000000
# prints: pid (0, 0, 0) idx (0, 10) v: 0.000000
# prints: pid (0, 0, 0) idx (0, 11) v: 0.500000
# prints: pid (0, 0, 0) idx (0, 12) v: 0.000000
# prints: pid (0, 0, 0) idx (0, 13) v: 0.000000
# prints: pid (0, 0, 0) idx (0, 14) v: 0.000000
# prints: pid (0, 0, 0) idx (0, 15) v: 0.000000
# prints: pid (0, 0, 0) idx (1,  0) v: 0.000000
# prints: pid (0, 0, 0) idx (1,  1) v: 0.000000
# prints: pid (0, 0, 0) idx (1,  2) v: 0.000000
# prints: pid (0, 0, 0) idx (1,  3) v: 0.000000
# prints: pid (0, 0, 0) idx (1,  4) v: 0.000000
# prints: pid (0, 0, 0) idx (1,  5) v: 0.000000
# prints: pid (0, 0, 0) idx (1,  6) v: 0.000000
# prints: pid (0, 0, 0) idx (1,  7) v: 0.000000
# prints: pid (0, 0, 0) idx (1,  8) v: 0.000000
# prints: pid (0, 0, 0) idx (1,  9) v: 0.000000
# prints: pid (0, 0, 0) idx (1, 10) v: 0.000000
# prints: pid (0, 0, 0) idx (1, 11) v: -1.250000
# prints: pid (0, 0, 0) idx (1, 12) v: 0.000000
# prints: pid (0, 0, 0) idx (1, 13) v: 0.000000
# prints: pid (0, 0, 0) idx (1, 14) v: 0.000000
# prints: pid (0, 0, 0) idx (1, 15) v: 0.000000
# run: @formats x=f32[0.0078125, -2.5]
# prints: pid (0, 0, 0) idx () 100% %s: 1
# prints: pid (0, 0, 0) idx () scalar and tile: (operand 0) -2.492188
# prints: pid (0, 0, 0) idx () special: (operand 0) nan
# prints: pid (0, 0, 0) idx () special: (operand 1) nan
# prints: pid (0, 0, 0) idx () special: (operand 2) -inf
# prints: pid (0, 0, 0) idx (): 7
# prints: pid (0, 0, 0) idx (0) bits: 0x1
# prints: pid (0, 0, 0) idx (0) bool: (operand 0) 1
# prints: pid (0, 0, 0) idx (0) bool: (operand 1) 0
# prints: pid (0, 0, 0) idx (0) f16 and bf16: (operand 0) 0.007812
# prints: pid (0, 0, 0) idx (0) f16 and bf16: (operand 1) 0.007812
# prints: pid (0, 0, 0) idx (0) f32: 0.007812
# prints: pid (0, 0, 0) idx (0) hex16: (operand 0) 0x0000
# prints: pid (0, 0, 0) idx (0) hex16: (operand 1) 0x2000
# prints: pid (0, 0, 0) idx (0) hex16: (operand 2) 0x3c00
# prints: pid (0, 0, 0) idx (0) hex32: (operand 0) 0x00000000
# prints: pid (0, 0, 0) idx (0) hex32: (operand 1) 0x3c000000
# prints: pid (0, 0, 0) idx (0) hex64: 0x0000000000000000
# prints: pid (0, 0, 0) idx (0) hex8: (operand 0) 0x00
# prints: pid (0, 0, 0) idx (0) hex8: (operand 1) 0x00
# prints: pid (0, 0, 0) idx (0) i16: (operand 0) 0
# prints: pid (0, 0, 0) idx (0) i16: (operand 1) 0
# prints: pid (0, 0, 0) idx (0) i32: (operand 0) 0
# prints: pid (0, 0, 0) idx (0) i32: (operand 1) 0
# prints: pid (0, 0, 0) idx (0) i64: (operand 0) 0
# prints: pid (0, 0, 0) idx (0) i64: (operand 1) 0
# prints: pid (0, 0, 0) idx (0) i8: (operand 0) 0
# prints: pid (0, 0, 0) idx (0) i8: (operand 1) 0
# prints: pid (0, 0, 0) idx (0) scalar and tile: (operand 1) 0
# prints: pid (0, 0, 0) idx (1) bits: 0x0
# prints: pid (0, 0, 0) idx (1) bool: (operand 0) 0
# prints: pid (0, 0, 0) idx (1) bool: (operand 1) 1
# prints: pid (0, 0, 0) idx (1) f16 and bf16: (operand 0) -2.500000
# prints: pid (0, 0, 0) idx (1) f16 and bf16: (operand 1) -2.500000
# prints: pid (0, 0, 0) idx (1) f32: -2.500000
# prints: pid (0, 0, 0) idx (1) hex16: (operand 0) 0xfffffffe
# prints: pid (0, 0, 0) idx (1) hex16: (operand 1) 0xc100
# prints: pid (0, 0, 0) idx (1) hex16: (operand 2) 0xc020
# prints: pid (0, 0, 0) idx (1) hex32: (operand 0) 0xfffffffe
# prints: pid (0, 0, 0) idx (1) hex32: (operand 1) 0xc0200000
# prints: pid (0, 0, 0) idx (1) hex64: 0xfffffffc00000000
# prints: pid (0, 0, 0) idx (1) hex8: (operand 0) 0xfffffffe
# prints: pid (0, 0, 0) idx (1) hex8: (operand 1) 0xfe
# prints: pid (0, 0, 0) idx (1) i16: (operand 0) -2
# prints: pid (0, 0, 0) idx (1) i16: (operand 1) 65534
# prints: pid (0, 0, 0) idx (1) i32: (operand 0) -2
# prints: pid (0, 0, 0) idx (1) i32: (operand 1) 4294967294
# prints: pid (0, 0, 0) idx (1) i64: (operand 0) -17179869184
# prints: pid (0, 0, 0) idx (1) i64: (operand 1) 18446744056529682432
# prints: pid (0, 0, 0) idx (1) i8: (operand 0) -2
# prints: pid (0, 0, 0) idx (1) i8: (operand 1) 254
# prints: pid (0, 0, 0) idx (1) scalar and tile: (operand 1) -2
# prints: pid (0, 0, 0) only text
# run: @places grid=2 x=f32[0.5, 1.5, 2.5, 3.5] n=2
# prints: pid (0, 0, 0) idx () k: 0
# prints: pid (0, 0, 0) idx () k: 1
# prints: pid (0, 0, 0) idx (0) same: 0.500000
# prints: pid (0, 0, 0) idx (0) v: 1.500000
# prints: pid (0, 0, 0) idx (0, 0) trans: (operand 0) 2.500000
# prints: pid (0, 0, 0) idx (0, 0, 0) trans: (operand 1) 2.500000
# prints: pid (0, 0, 0) idx (0, 0, 1) trans: (operand 1) 3.500000
# prints: pid (0, 0, 0) idx (0, 1) trans: (operand 0) 11.000000
# prints: pid (0, 0, 0) idx (0, 1, 0) trans: (operand 1) 11.000000
# prints: pid (0, 0, 0) idx (0, 1, 1) trans: (operand 1) 11.000000
# prints: pid (0, 0, 0) idx (1) same: 0.500000
# prints: pid (0, 0, 0) idx (1) v: 2.500000
# prints: pid (0, 0, 0) idx (1, 0) trans: (operand 0) 3.500000
# prints: pid (0, 0, 0) idx (1, 1) trans: (operand 0) 11.000000
# prints: pid (0, 0, 0) idx (2) v: 10.000000
# prints: pid (0, 0, 0) idx (3) v: 10.000000
# prints: pid (1, 0, 0) idx () k: 0
# prints: pid (1, 0, 0) idx () k: 1
# prints: pid (1, 0, 0) idx (0) same: 0.500000
# prints: pid (1, 0, 0) idx (0) v: 2.500000
# prints: pid (1, 0, 0) idx (0, 0) trans: (operand 0) 2.500000
# prints: pid (1, 0, 0) idx (0, 0, 0) trans: (operand 1) 2.500000
# prints: pid (1, 0, 0) idx (0, 0, 1) trans: (operand 1) 3.500000
# prints: pid (1, 0, 0) idx (0, 1) trans: (operand 0) 11.000000
# prints: pid (1, 0, 0) idx (0, 1, 0) trans: (operand 1) 11.000000
# prints: pid (1, 0, 0) idx (0, 1, 1) trans: (operand 1) 11.000000
# prints: pid (1, 0, 0) idx (1) same: 0.500000
# prints: pid (1, 0, 0) idx (1) v: 3.500000
# prints: pid (1, 0, 0) idx (1, 0) trans: (operand 0) 3.500000
# prints: pid (1, 0, 0) idx (1, 1) trans: (operand 0) 11.000000
# prints: pid (1, 0, 0) idx (2) v: 11.000000
# prints: pid (1, 0, 0) idx (3) v: 11.000000
# run: @product x=f32[1, 2] out=zeros:f32[1]
# prints: pid (0, 0, 0) idx ( 0) row: 0.000000
# prints: pid (0, 0, 0) idx ( 1) row: 2.000000
# prints: pid (0, 0, 0) idx ( 2) row: 4.000000
# prints: pid (0, 0, 0) idx ( 3) row: 6.000000
# prints: pid (0, 0, 0) idx ( 4) row: 8.000000
# prints: pid (0, 0, 0) idx ( 5) row: 10.000000
# prints: pid (0, 0, 0) idx ( 6) row: 12.000000
# prints: pid (0, 0, 0) idx ( 7) row: 14.000000
# prints: pid (0, 0, 0) idx ( 8) row: 16.000000
# prints: pid (0, 0, 0) idx ( 9) row: 18.000000
# prints: pid (0, 0, 0) idx (10) row: 20.000000
# prints: pid (0, 0, 0) idx (11) row: 22.000000
# prints: pid (0, 0, 0) idx (12) row: 24.000000
# prints: pid (0, 0, 0) idx (13) row: 26.000000
# prints: pid (0, 0, 0) idx (14) row: 28.000000
# prints: pid (0, 0, 0) idx (15) row: 30.000000
# prints: pid (0, 0, 0) idx (16) row: 32.000000
# prints: pid (0, 0, 0) idx (17) row: 34.000000
# prints: pid (0, 0, 0) idx (18) row: 36.000000
# prints: pid (0, 0, 0) idx (19) row: 38.000000
# prints: pid (0, 0, 0) idx (20) row: 40.000000
# prints: pid (0, 0, 0) idx (21) row: 42.000000
# prints: pid (0, 0, 0) idx (22) row: 44.000000
# prints: pid (0, 0, 0) idx (23) row: 46.000000
# prints: pid (0, 0, 0) idx (24) row: 48.000000
# prints: pid (0, 0, 0) idx (25) row: 50.000000
# prints: pid (0, 0, 0) idx (26) row: 52.000000
# prints: pid (0, 0, 0) idx (27) row: 54.000000
# prints: pid (0, 0, 0) idx (28) row: 56.000000
# prints: pid (0, 0, 0) idx (29) row: 58.000000
# prints: pid (0, 0, 0) idx (30) row: 60.000000
# prints: pid (0, 0, 0) idx (31) row: 62.000000
import triton
import triton.language as tl


@triton.jit
def tiles(x, R: tl.constexpr, C: tl.constexpr):
    row = tl.arange(0, R)
    column = tl.arange(0, C)
    tl.device_print("v", tl.where(column[None, :] == 11, tl.load(x + row)[:, None], 0.0))


@triton.jit
def formats(x):
    v = tl.load(x + tl.arange(0, 2))
    i = v.to(tl.int32)
    tl.device_print("f32", v)
    tl.device_print("f16 and bf16 ", v.to(tl.float16), v.to(tl.bfloat16))
    tl.device_print("bool: ", v > 0, i.to(tl.int1))
    tl.device_print("i8", i.to(tl.int8), i.to(tl.uint8))
    tl.device_print("i16", i.to(tl.int16), i.to(tl.uint16))
    tl.device_print("i32", i, i.to(tl.uint32, bitcast=True))
    tl.device_print("i64", i.to(tl.int64) << 33, (i.to(tl.int64) << 33).to(tl.uint64, bitcast=True))
    # A negative number of less than 32 bits is printed in 32, as in C.
    tl.device_print("hex8", i.to(tl.int8), i.to(tl.uint8), hex=True)
    tl.device_print("hex16", i.to(tl.int16), v.to(tl.float16), v.to(tl.bfloat16), hex=True)
    tl.device_print("hex32", i, v, hex=True)
    tl.device_print("hex64", i.to(tl.int64) << 33, hex=True)
    tl.device_print("bits", v > 0, hex=True)
    tl.device_print("special", float("nan"), -float("nan"), float("-inf"))
    tl.device_print("scalar and tile", tl.sum(v, 0), i)
    tl.device_print("100% %s", 1)
    tl.device_print("only text")
    tl.device_print("", 7)


@triton.jit
def places(x, n):
    # Loops, branches, masks, layouts, and an element beside what is stored.
    i = tl.arange(0, 4)
    v = tl.load(x + i, mask=i < n, other=9.0)
    for k in range(n):
        v += 1
        if tl.program_id(0) == k:
            tl.device_print("v", v)
        tl.device_print("k", k)
    grid = v.reshape(2, 2)
    tl.device_print("trans", tl.trans(grid), grid[None, :, :])
    tl.device_print("same", tl.broadcast_to(tl.load(x), [2]))
    tl.store(x + i, v, mask=i < 0)


@triton.jit
def product(x, out):
    # Of tiles whose elements threads share.
    i = tl.arange(0, 32)
    a = tl.load(x) * i[:, None] + tl.zeros([32, 32], tl.float32)
    b = tl.where(i[:, None] == i[None, :], tl.load(x + 1), 0.0)
    c = tl.dot(a, b, input_precision="ieee")
    tl.device_print("row", tl.max(c, 1))
    tl.store(out, tl.sum(tl.sum(c, 1), 0))
