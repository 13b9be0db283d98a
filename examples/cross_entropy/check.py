# SPDX-License-Identifier: MIT
import numpy as np

IGNORE = -100


def cases(Case, rng):
    for rows, classes in ((1024, 8192), (333, 32_003)):
        logits = 4 * rng.standard_normal((rows, classes), dtype=np.float32)
        labels = rng.integers(0, classes, rows)
        labels[::10] = IGNORE
        wide = logits.astype(np.float64)
        top = wide.max(axis=1)
        losses = top + np.log(np.exp(wide - top[:, None]).sum(axis=1)) - wide[np.arange(rows), np.maximum(labels, 0)]
        yield Case(shape=f"f32 {rows} x {classes}", grid=(rows, ), constants=dict(IGNORE=IGNORE, BLOCK=1024), work=logits.nbytes, allowed=1e-5,
                   args=dict(logits_ptr=logits, labels_ptr=labels, losses_ptr=np.full(rows, np.nan, np.float32), classes=classes),
                   expected=dict(losses_ptr=np.where(labels == IGNORE, 0, losses)))
