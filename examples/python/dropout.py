# SPDX-License-Identifier: MIT
"""4. Dropout without a stored mask: random numbers.

Dropout sets a fraction p of the elements to zero and scales the others. The backward pass must drop the same elements. Instead of a mask as
large as the tensor, store a seed: tl.rand(seed, offset) depends only on these two, and is the same on every machine and in every order.
"""
import numpy as np

from common import check, rate, triton
import triton.language as tl


@triton.jit
def dropout_kernel(x_ptr, out_ptr, n, p, seed, BLOCK: tl.constexpr):
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = offsets < n
    x = tl.load(x_ptr + offsets, mask=mask)
    keep = tl.rand(seed, offsets) > p
    tl.store(out_ptr + offsets, tl.where(keep, x / (1 - p), 0.0), mask=mask)


def dropout(x, p, seed):
    out = np.empty_like(x)
    dropout_kernel[(triton.cdiv(x.size, 1024), )](x, out, x.size, p, seed, BLOCK=1024)
    return out


if __name__ == "__main__":
    x = np.random.default_rng(0).standard_normal(100_000, dtype=np.float32)
    out = dropout(x, 0.3, seed=123)
    kept = out != 0
    print(f"dropout: kept {kept.mean():.1%}")
    assert abs(kept.mean() - 0.7) < 0.01
    check("dropout, what is kept", out[kept], x[kept].astype(np.float64) / (1 - np.float32(0.3)), 1e-6)
    check("the same seed again", dropout(x, 0.3, seed=123), out, 0)
    assert (dropout(x, 0.3, seed=124) != out).any()
    rate("dropout, 100000 elements", lambda: dropout(x, 0.3, 123), bytes=2 * x.nbytes)
