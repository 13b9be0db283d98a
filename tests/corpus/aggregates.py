# SPDX-License-Identifier: MIT
# Classes of the user's: records of tensors and constexprs with methods. (Newer Triton says `@triton.aggregate`.)
import triton
import triton.language as tl
from triton.language.core import _aggregate as aggregate


@aggregate
class Complex:
    re: tl.tensor
    im: tl.tensor

    def __init__(self, re, im):
        self.re = re
        self.im = im

    @triton.jit
    def times(self, other):
        return Complex(self.re * other.re - self.im * other.im, self.re * other.im + self.im * other.re)

    @triton.jit
    def magnitude(self):
        return tl.sqrt(self.re * self.re + self.im * self.im)


@aggregate
class Window:
    base: tl.tensor
    limit: tl.tensor
    BLOCK: tl.constexpr

    def __init__(self, base, limit, BLOCK):
        self.base = base
        self.limit = limit
        self.BLOCK = BLOCK

    @triton.jit
    def offsets(self, block):
        return block * self.BLOCK + tl.arange(0, self.BLOCK)

    @triton.jit
    def load(self, block):
        i = self.offsets(block)
        return tl.load(self.base + i, mask=i < self.limit, other=0.0)


@triton.jit
def norm(z):
    return z.magnitude()


# run: mandelbrot_steps | *fp32,*fp32,*fp32 | N=16,STEPS=3 | 1 | r[16]:-1:1,r[16]:-1:1,z[48] | target=2e-6 | launch=no
@triton.jit
def mandelbrot_steps(re_ptr, im_ptr, out_ptr, N: tl.constexpr, STEPS: tl.constexpr):
    i = tl.arange(0, N)
    c = Complex(tl.load(re_ptr + i), tl.load(im_ptr + i))
    z = c
    for _ in range(STEPS):
        w = z.times(z)
        z = Complex(w.re + c.re, w.im + c.im)
    tl.store(out_ptr + i, z.re)
    tl.store(out_ptr + N + i, z.im)
    tl.store(out_ptr + 2 * N + i, norm(z))


# run: window_sum | *fp32,*fp32,i32 | BLOCK=16 | 2 | r[60],z[32],60 | launch=no
@triton.jit
def window_sum(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    window = Window(x_ptr, n, BLOCK)
    i = window.offsets(tl.program_id(0))
    tl.store(out_ptr + i, window.load(tl.program_id(0)) + window.load(tl.program_id(0) + 2))
