# SPDX-License-Identifier: MIT
import numpy as np


def cases(Case, rng):
    for rows, columns in ((4096, 1024), (1823, 781), (64, 20_000)):
        x = 3 * rng.standard_normal((rows, columns), dtype=np.float32)
        e = np.exp(x.astype(np.float64) - x.max(axis=1, keepdims=True))
        yield Case(shape=f"f32 {rows} x {columns}", grid=(rows, ), constants=dict(BLOCK=1 << (columns - 1).bit_length()), work=2 * x.nbytes, allowed=2e-6,
                   args=dict(x_ptr=x, out_ptr=np.zeros_like(x), columns=columns, x_stride=columns, out_stride=columns),
                   expected=dict(out_ptr=e / e.sum(axis=1, keepdims=True)))
