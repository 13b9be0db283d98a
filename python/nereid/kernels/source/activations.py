# SPDX-License-Identifier: MIT
# Activation functions, as epilogues of other kernels and on their own.
import triton
import triton.language as tl


@triton.jit
def activate(x, KIND: tl.constexpr):
    # "none", "relu", "gelu" (exact, by erf), "gelu_tanh" (its approximation), "silu" (also called swish), "sigmoid", "tanh", of f32.
    if KIND == "relu":
        y = tl.maximum(x, 0.0)
    elif KIND == "gelu":
        y = 0.5 * x * (1.0 + tl.erf(x * 0.7071067811865476))
    elif KIND == "gelu_tanh":
        # 0.5 * (1 + tanh(u)) is sigmoid(2 * u).
        y = x * tl.sigmoid(1.5957691216057308 * (x + 0.044715 * x * x * x))
    elif KIND == "silu":
        y = x * tl.sigmoid(x)
    elif KIND == "sigmoid":
        y = tl.sigmoid(x)
    elif KIND == "tanh":
        y = 2.0 * tl.sigmoid(2.0 * x) - 1.0
    else:
        tl.static_assert(KIND == "none", "unknown activation")
        y = x
    return y


# run: activation | *fp32:16,*fp32:16,*fp32:16,i32 | ACTIVATION='silu',BLOCK=64 | 5 | r[300],r[300],z[300],300 | tol=1e-6 | target=1e-6
# run: activation | *fp16:16,*fp16:16,i32 | y_ptr=None,ACTIVATION='gelu',BLOCK=64 | 5 | r[300],z[300],300 | tol=1e-3 | target=1e-3
# run: activation | *fp32:16,*fp32:16,i32 | y_ptr=None,ACTIVATION='gelu_tanh',BLOCK=64 | 5 | r[300],z[300],300 | tol=1e-6 | target=1e-6
# run: activation | *fp32:16,*fp32:16,i32 | y_ptr=None,ACTIVATION='tanh',BLOCK=64 | 5 | r[300],z[300],300 | tol=1e-6 | target=1e-6
@triton.jit
def activation(x_ptr, y_ptr, out_ptr, size, ACTIVATION: tl.constexpr, BLOCK: tl.constexpr):
    # out = activation(x), or activation(x) * y: the gate of a GLU.
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = i < size
    out = activate(tl.load(x_ptr + i, mask=inside, other=0.0).to(tl.float32), ACTIVATION)
    if y_ptr is not None:
        out *= tl.load(y_ptr + i, mask=inside, other=0.0).to(tl.float32)
    tl.store(out_ptr + i, out.to(out_ptr.dtype.element_ty), mask=inside)
