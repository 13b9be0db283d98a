# Unary minus subtracts from zero, and a float stored to fp64 is an fp32 first.
# run: @k x=f32[0] out=zeros:f32[1] d=zeros:f64[1] lacks=webgpu  =>  out=[inf] d=[1.7000000476837158] ~0
import triton
import triton.language as tl


@triton.jit
def k(x, out, d):
    tl.store(out, 1.0 / (-tl.load(x)))
    tl.store(d, 1.7)
