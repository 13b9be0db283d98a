# A row index that threads keep in registers is an index of a load, where a dot has fewer elements than a workgroup has threads. The load is
# from the array that is stored to, so it is done first.
# run: grid=1 h=range:f32[64] x=f32[1, 5, 2, 3, 4, 1, 1, 1, 0, 0, 0, 9, 1, 2, 3, 4]  =>  h=[1, 0, 3, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63]
import triton
import triton.language as tl


@triton.jit
def kernel(h, x):
    i, j = tl.arange(0, 4)[:, None], tl.arange(0, 4)[None, :]
    one = tl.where(i == j, 1.0, 0.0)
    d = tl.dot(tl.load(x + i * 4 + j), one)
    at = tl.argmax(d, axis=1)
    tl.store(h + tl.arange(0, 4), tl.load(h + at))
