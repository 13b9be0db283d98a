# SPDX-License-Identifier: MIT
import numpy as np


def cases(Case, rng):
    for rows, columns in ((4096, 1024), (1151, 1000)):
        x = rng.standard_normal((rows, columns), dtype=np.float32) + 2
        weight, bias = (rng.standard_normal(columns, dtype=np.float32) for _ in "wb")
        d = x - x.mean(axis=1, keepdims=True, dtype=np.float64)
        yield Case(shape=f"f32 {rows} x {columns}", grid=(rows, ), constants=dict(BLOCK=1024), work=2 * x.nbytes, allowed=1e-5,
                   args=dict(x_ptr=x, weight_ptr=weight, bias_ptr=bias, out_ptr=np.zeros_like(x), columns=columns, stride=columns, epsilon=1e-5),
                   expected=dict(out_ptr=d / np.sqrt((d * d).mean(axis=1, keepdims=True) + 1e-5) * weight + bias))
