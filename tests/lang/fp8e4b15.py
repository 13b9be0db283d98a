# fp8e4b15 has no meaning in TTIR but what one family of GPUs' assembly gives it.
# kernel: k
# signature: *fp8e4b15,*fp32
# fails: [unsupported] fp8e4b15 is a type of one GPU family, which Nereid does not support
import triton
import triton.language as tl


@triton.jit
def k(x, out):
    tl.store(out, tl.load(x).to(tl.float32))
