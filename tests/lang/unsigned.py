# Unsigned integers compare, promote and index as such: the largest is no -1.
# run: @compare x=i32[-1, 1, 2, -2147483648] y=i32[1, -1, 2, 2147483647] o=zeros:i32[24]  =>  o=[0, 1, 0, 0, 0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 1, 1, 0, 0, 1, 0, 1, 1, 0, 1]
# run: @mixed x=i32[-1, 1, -5, 7] y=i32[1, -1, 3, -2] o=zeros:i32[8]  =>  o=[0, 1, 0, 1, 2147483647, 0, 2147483645, 3]
# run: @scalars a=-1 b=1 o=zeros:i32[4]  =>  o=[0, 1, 2147483647, 0]
# run: @offsets x=range:i32[300] o=zeros:i32[4]  =>  o=[200, 201, 202, 203]
# run: @extrema x=i32[-1, 1, 2, -2147483648] y=i32[1, -1, 2, 2147483647] o=zeros:i32[8]  =>  o=[1, 1, 2, 2147483647, -1, -1, 2, -2147483648]
import triton
import triton.language as tl


@triton.jit
def compare(x, y, o):
    i = tl.arange(0, 4)
    a, b = tl.load(x + i).to(tl.uint32, bitcast=True), tl.load(y + i).to(tl.uint32, bitcast=True)
    tl.store(o + i, (a < b).to(tl.int32))
    tl.store(o + 4 + i, (a <= b).to(tl.int32))
    tl.store(o + 8 + i, (a > b).to(tl.int32))
    tl.store(o + 12 + i, (a >= b).to(tl.int32))
    tl.store(o + 16 + i, (a == b).to(tl.int32))
    tl.store(o + 20 + i, (a != b).to(tl.int32))


# One width, one of them unsigned: both are.
@triton.jit
def mixed(x, y, o):
    i = tl.arange(0, 4)
    a, b = tl.load(x + i).to(tl.uint32, bitcast=True), tl.load(y + i)
    tl.store(o + i, (a < b).to(tl.int32))
    tl.store(o + 4 + i, ((a + 0 * b) >> 1).to(tl.int32))


@triton.jit
def scalars(a, b, o):
    u = a.to(tl.uint32, bitcast=True)
    tl.store(o, (u < b).to(tl.int32))
    tl.store(o + 1, (u > b).to(tl.int32))
    tl.store(o + 2, ((u + 0 * b) >> 1).to(tl.int32))


# 200 as a signed byte is -56.
@triton.jit
def offsets(x, o):
    i = tl.arange(0, 4)
    byte = (i + 200).to(tl.uint8)
    tl.store(o + i, tl.load(x + byte))


@triton.jit
def extrema(x, y, o):
    i = tl.arange(0, 4)
    a, b = tl.load(x + i).to(tl.uint32, bitcast=True), tl.load(y + i).to(tl.uint32, bitcast=True)
    tl.store(o + i, tl.minimum(a, b).to(tl.int32, bitcast=True))
    tl.store(o + 4 + i, tl.maximum(a, b).to(tl.int32, bitcast=True))
