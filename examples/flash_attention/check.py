# SPDX-License-Identifier: MIT
import numpy as np


def attention(q, k, v, scale):
    scores = np.einsum("hmd,hnd->hmn", q, k) * scale
    scores[:, np.triu(np.ones(scores.shape[1:], bool), 1)] = -np.inf
    p = np.exp(scores - scores.max(axis=2, keepdims=True))
    return np.einsum("hmn,hnd->hmd", p / p.sum(axis=2, keepdims=True), v)


def cases(Case, rng):
    for kind, heads, length, d in ((np.float32, 8, 1024, 64), (np.float32, 3, 777, 64), (np.float16, 8, 1024, 64), (np.float16, 3, 777, 64)):
        q, k, v = (rng.standard_normal((heads, length, d), dtype=np.float32).astype(kind) for _ in "qkv")
        # Only the lower triangle of the scores is needed.
        yield Case(shape=f"{'f32' if kind is np.float32 else 'f16'} {heads} x {length} x {d}, causal", grid=(-(-length // 64), heads),
                   constants=dict(BM=64, BN=64, D=d), work=2 * 2 * heads * d * length * (length + 1) / 2, unit="GFLOP/s",
                   allowed=3e-6 if kind is np.float32 else 3e-3, args=dict(q_ptr=q, k_ptr=k, v_ptr=v, out_ptr=np.zeros_like(q), length=length, scale=d**-0.5),
                   expected=dict(out_ptr=attention(*(x.astype(np.float64) for x in (q, k, v)), d**-0.5)))
