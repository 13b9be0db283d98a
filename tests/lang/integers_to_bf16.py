# An integer is rounded to bf16 once: just beyond the middle of two it is the upper one, however far its last bit is from those that stay.
# run: @signed x=i32[1077936129, 1077936128, 1077936127, -1077936129, -1077936128, 1086324737, 1086324735, 2147483647] o=zeros:bf16[8]  =>  o=[1082130432, 1073741824, 1073741824, -1082130432, -1073741824, 1090519040, 1082130432, 2147483648]
# run: @unsigned x=i32[1077936129, 1077936128, -2139095039, -2139095040, -1, 16777217, 257, 259] o=zeros:bf16[8]  =>  o=[1082130432, 1073741824, 2164260864, 2147483648, 4294967296, 16777216, 256, 260]
# run: @wide x=i64[4629700416936869889, 4629700416936869888, -4629700416936869889, 1077936129] o=zeros:bf16[4]  =>  o=[4647714815446351872, 4611686018427387904, -4647714815446351872, 1082130432]
# run: @wide_unsigned x=i64[4629700416936869889, 4629700416936869888, -9187343239835811839, -9187343239835811840] o=zeros:bf16[4]  =>  o=[4647714815446351872, 4611686018427387904, 9295429630892703744, 9223372036854775808]
import triton
import triton.language as tl


@triton.jit
def signed(x, o):
    i = tl.arange(0, 8)
    tl.store(o + i, tl.load(x + i).to(tl.bfloat16))


@triton.jit
def unsigned(x, o):
    i = tl.arange(0, 8)
    tl.store(o + i, tl.load(x + i).to(tl.uint32, bitcast=True).to(tl.bfloat16))


@triton.jit
def wide(x, o):
    i = tl.arange(0, 4)
    tl.store(o + i, tl.load(x + i).to(tl.bfloat16))


@triton.jit
def wide_unsigned(x, o):
    i = tl.arange(0, 4)
    tl.store(o + i, tl.load(x + i).to(tl.uint64, bitcast=True).to(tl.bfloat16))
