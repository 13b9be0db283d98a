# Assembly that is no plain arithmetic is refused by its instruction.
# run: @k x=i32[1]  =>  error [unsupported] this inline assembly is for a GPU, and Nereid cannot translate it: it has `activemask.b32`
import triton
import triton.language as tl


@triton.jit
def k(x):
    tl.store(x, tl.inline_asm_elementwise("activemask.b32 $0, $1;", "=r,r", [tl.load(x)], dtype=tl.int32, is_pure=False, pack=1))
