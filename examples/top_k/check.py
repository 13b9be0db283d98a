# SPDX-License-Identifier: MIT
import numpy as np


def cases(Case, rng):
    for rows, columns, k in ((4096, 128, 8), (1111, 250, 4)):
        x = rng.integers(-500, 500, (rows, columns)).astype(np.float32) / 8  # many are equal: the lower index comes first
        x[x == 0] = 0  # no -0.0, which the kernel orders below 0.0
        order = np.argsort(-x, axis=1, kind="stable")[:, :k]
        yield Case(shape=f"f32 {k} of {rows} x {columns}", grid=(rows, ), constants=dict(K=k, BLOCK=1 << (columns - 1).bit_length()), work=x.nbytes, allowed=0,
                   args=dict(x_ptr=x, values_ptr=np.zeros((rows, k), np.float32), indices_ptr=np.zeros((rows, k), np.int32), columns=columns),
                   expected=dict(values_ptr=np.take_along_axis(x, order, axis=1), indices_ptr=order.astype(np.int32)))
