# A product and a sum are rounded once: what is added decides where the product is the middle of two numbers, however small it is.
# run: @fused webgpu~1e-6 x=f32[1.000244140625, 1.000244140625, 1.000244140625, -1.000244140625, -1.000244140625, 1.000732421875, 1.000732421875, 0.0] y=f32[1.000244140625, 1.000244140625, 1.000244140625, 1.000244140625, 1.000244140625, 1.000244140625, 1.000244140625, 1.0] z=f32[8.2e-25, -8.2e-25, 0.0, 8.2e-25, -8.2e-25, 8.2e-25, -8.2e-25, 8.2e-25] o=zeros:f32[8]  =>  o=[1.00048840045928955078125, 1.00048828125, 1.00048828125, -1.00048828125, -1.00048840045928955078125, 1.000976800918579, 1.0009766817092896, 8.2e-25]
import triton
import triton.language as tl


@triton.jit
def fused(x, y, z, o):
    i = tl.arange(0, 8)
    tl.store(o + i, tl.fma(tl.load(x + i), tl.load(y + i), tl.load(z + i)))
