# SPDX-License-Identifier: MIT
import triton
import triton.language as tl


@triton.jit
def softmax(x, out, columns, ROWS: tl.constexpr, BLOCK: tl.constexpr):
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)[:, None]
    i = tl.arange(0, BLOCK)[None, :]
    inside = i < columns
    v = tl.load(x + row * columns + i, mask=inside, other=-float("inf"))
    e = tl.exp(v - tl.max(v, axis=1)[:, None])
    tl.store(out + row * columns + i, e / tl.sum(e, axis=1)[:, None], mask=inside)
