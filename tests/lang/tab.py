# Tabs after spaces are refused where their width would matter.
# kernel: k
# signature: *i32
# fails: [syntax] this indentation mixes tabs and spaces, so its depth depends on the width of a tab
import triton
import triton.language as tl


@triton.jit
def k(x):
    if True:
        tl.store(x, 1)
	tl.store(x, 2)
