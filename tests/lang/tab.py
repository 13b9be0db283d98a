# Tabs after spaces are refused where their width would matter.
# kernel: k
# signature: *i32
# fails: [syntax] tabs and spaces are mixed in this indentation
import triton
import triton.language as tl


@triton.jit
def k(x):
    if True:
        tl.store(x, 1)
	tl.store(x, 2)
