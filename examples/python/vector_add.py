# SPDX-License-Identifier: MIT
"""1. Vector addition: programs, tiles, masks.

A kernel describes one *program*, which handles a tile: here BLOCK consecutive elements. A launch runs as many programs as its grid says;
tl.program_id is the number of the program. The last tile may extend past the end of the arrays: the mask disables the elements that do not exist.
"""
import numpy as np

from common import check, rate, triton
import triton.language as tl


@triton.jit
def add_kernel(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):
    offsets = tl.program_id(axis=0) * BLOCK + tl.arange(0, BLOCK)
    mask = offsets < n
    x = tl.load(x_ptr + offsets, mask=mask)
    y = tl.load(y_ptr + offsets, mask=mask)
    tl.store(out_ptr + offsets, x + y, mask=mask)


def add(x, y):
    out = np.empty_like(x)
    # A grid may be a function of the launch's arguments, constants included.
    add_kernel[lambda meta: (triton.cdiv(x.size, meta["BLOCK"]), )](x, y, out, x.size, BLOCK=1024)
    return out


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    x, y = rng.random(98432, dtype=np.float32), rng.random(98432, dtype=np.float32)
    check("vector add", add(x, y), x + y, 0)
    x, y = rng.random(1 << 22, dtype=np.float32), rng.random(1 << 22, dtype=np.float32)
    rate("vector add, 4 Mi elements", lambda: add(x, y), bytes=3 * x.nbytes)
    rate("NumPy", lambda: x + y, bytes=3 * x.nbytes)
