# A sum of nothing but -0 is -0, whatever the lanes and threads begin with.
# run: @sum x=full:f32[64],-0.0 o=zeros:f32[1]  =>  o=[-0.0]
# run: @rows x=full:f32[64],-0.0 o=zeros:f32[4]  =>  o=[-0.0, -0.0, -0.0, -0.0]
import triton
import triton.language as tl


@triton.jit
def sum(x, o):
    tl.store(o, tl.sum(tl.load(x + tl.arange(0, 64))))


@triton.jit
def rows(x, o):
    r = tl.arange(0, 4)
    tl.store(o + r, tl.sum(tl.load(x + r[:, None] * 16 + tl.arange(0, 16)[None, :]), axis=1))
