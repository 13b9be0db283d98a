# SPDX-License-Identifier: MIT
import numpy as np


def cases(Case, rng):
    for m, n, k in ((1024, 1024, 1024), (500, 333, 777)):
        a, b = (rng.integers(-128, 128, shape).astype(np.int8) for shape in ((m, k), (k, n)))
        a_scale, b_scale = (rng.uniform(0.001, 0.01, size).astype(np.float32) for size in (m, n))
        exact = a.astype(np.float64) @ b.astype(np.float64)
        # Only the scaling rounds: two products of numbers up to about 1000.
        yield Case(shape=f"i8 {m} x {n} x {k}", grid=(-(-m // 128), -(-n // 128)), constants=dict(BM=128, BN=128, BK=64), work=2 * m * n * k, unit="GOP/s",
                   allowed=1e-4, args=dict(a_ptr=a, b_ptr=b, a_scale_ptr=a_scale, b_scale_ptr=b_scale, c_ptr=np.zeros((m, n), np.float32), M=m, N=n, K=k),
                   expected=dict(c_ptr=exact * a_scale[:, None] * b_scale))
