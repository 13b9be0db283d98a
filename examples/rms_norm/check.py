# SPDX-License-Identifier: MIT
import numpy as np


def cases(Case, rng):
    for rows, columns in ((2048, 4096), (999, 5000)):
        x = rng.standard_normal((rows, columns), dtype=np.float32).astype(np.float16)
        weight = (1 + 0.1 * rng.standard_normal(columns, dtype=np.float32)).astype(np.float16)
        wide = x.astype(np.float64)
        yield Case(shape=f"f16 {rows} x {columns}", grid=(rows, ), constants=dict(BLOCK=1024), work=2 * x.nbytes, allowed=3e-3,
                   args=dict(x_ptr=x, weight_ptr=weight, out_ptr=np.zeros_like(x), columns=columns, epsilon=1e-6),
                   expected=dict(out_ptr=wide / np.sqrt((wide * wide).mean(axis=1, keepdims=True) + 1e-6) * weight))
