# One tile is reduced along each of its axes, in either order.
# run: @rows_first x=range:f32[128] r=zeros:f32[16] c=zeros:f32[8]  =>  r=[28, 92, 156, 220, 284, 348, 412, 476, 540, 604, 668, 732, 796, 860, 924, 988] c=[960, 976, 992, 1008, 1024, 1040, 1056, 1072]
# run: @columns_first x=range:f32[128] r=zeros:f32[16] c=zeros:f32[8]  =>  r=[28, 92, 156, 220, 284, 348, 412, 476, 540, 604, 668, 732, 796, 860, 924, 988] c=[960, 976, 992, 1008, 1024, 1040, 1056, 1072]
# run: @extrema x=range:i32[128] r=zeros:i32[16] c=zeros:i32[8]  =>  r=[7, 15, 23, 31, 39, 47, 55, 63, 71, 79, 87, 95, 103, 111, 119, 127] c=[0, 1, 2, 3, 4, 5, 6, 7]
import triton
import triton.language as tl


@triton.jit
def rows_first(x, r, c):
    i, j = tl.arange(0, 16), tl.arange(0, 8)
    a = tl.load(x + i[:, None] * 8 + j[None, :])
    rows = tl.sum(a, axis=1)
    columns = tl.sum(a, axis=0)
    tl.store(r + i, rows)
    tl.store(c + j, columns)


@triton.jit
def columns_first(x, r, c):
    i, j = tl.arange(0, 16), tl.arange(0, 8)
    a = tl.load(x + i[:, None] * 8 + j[None, :])
    columns = tl.sum(a, axis=0)
    rows = tl.sum(a, axis=1)
    tl.store(r + i, rows)
    tl.store(c + j, columns)


@triton.jit
def extrema(x, r, c):
    i, j = tl.arange(0, 16), tl.arange(0, 8)
    a = tl.load(x + i[:, None] * 8 + j[None, :])
    most = tl.max(a, axis=1)
    least = tl.min(a, axis=0)
    tl.store(r + i, most)
    tl.store(c + j, least)
