# SPDX-License-Identifier: MIT
import numpy as np


def philox(seed, offset):
    """The first word of Philox 4x32 with ten rounds (Salmon et al., 2011) for the counter (offset, 0, 0, 0)."""
    word = np.uint64(0xFFFFFFFF)
    c = [offset.astype(np.uint64)] + [np.zeros_like(offset, np.uint64) for _ in range(3)]
    key = [np.uint64(seed & 0xFFFFFFFF), np.uint64(seed >> 32)]
    for _ in range(10):
        a, b = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [(b >> np.uint64(32)) ^ c[1] ^ key[0], b & word, (a >> np.uint64(32)) ^ c[3] ^ key[1], a & word]
        key = [(key[0] + np.uint64(0x9E3779B9)) & word, (key[1] + np.uint64(0xBB67AE85)) & word]
    return c[0].astype(np.uint32)


def cases(Case, rng):
    seed, p = 20_240_607, np.float32(0.25)
    for n in (1 << 22, 1_000_003):
        x = rng.standard_normal(n, dtype=np.float32)
        bits = philox(seed, np.arange(n)).view(np.int32)
        uniform = np.where(bits < 0, ~bits, bits).astype(np.float32) * np.float32(4.6566127342e-10)  # in [0, 1)
        yield Case(shape=f"f32 {n}", grid=(-(-n // 1024), ), constants=dict(BLOCK=1024), work=2 * x.nbytes, allowed=0,
                   args=dict(x_ptr=x, out_ptr=np.zeros_like(x), n=n, p=float(p), seed=seed),
                   expected=dict(out_ptr=np.where(uniform > p, x / (np.float32(1) - p), np.float32(0))))
