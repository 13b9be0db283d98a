# SPDX-License-Identifier: MIT
import numpy as np


def cases(Case, rng):
    for kind, m, n, k in ((np.float32, 1024, 1024, 1024), (np.float32, 1000, 333, 777), (np.float16, 1024, 1024, 1024), (np.float16, 1000, 333, 777)):
        a, b = (rng.standard_normal(shape, dtype=np.float32).astype(kind) for shape in ((m, k), (k, n)))
        grid = -(-m // 128) * -(-n // 128)
        # Elements are about sqrt(k) large; the result's own rounding is most of the error in f16.
        yield Case(shape=f"{'f32' if kind is np.float32 else 'f16'} {m} x {n} x {k}", grid=(grid, ), constants=dict(BM=128, BN=128, BK=64, GROUP=4),
                   work=2 * m * n * k, unit="GFLOP/s", allowed=5e-4 if kind is np.float32 else 7e-2,
                   args=dict(a_ptr=a, b_ptr=b, c_ptr=np.zeros((m, n), kind), M=m, N=n, K=k, a_stride=k, b_stride=n, c_stride=n),
                   expected=dict(c_ptr=a.astype(np.float64) @ b.astype(np.float64)))
