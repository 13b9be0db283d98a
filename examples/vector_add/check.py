# SPDX-License-Identifier: MIT
import numpy as np


def cases(Case, rng):
    for n in (1 << 22, 1_000_003):
        x, y = (rng.standard_normal(n, dtype=np.float32) for _ in "xy")
        yield Case(shape=f"f32 {n}", grid=(-(-n // 4096), ), constants=dict(BLOCK=4096), work=3 * x.nbytes, allowed=0,  # one rounding, as NumPy's
                   args=dict(x_ptr=x, y_ptr=y, out_ptr=np.zeros_like(x), n=n), expected=dict(out_ptr=x + y))
