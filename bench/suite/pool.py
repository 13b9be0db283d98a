# SPDX-License-Identifier: MIT
"""The numbers that the suite's inputs are made of, the same on every machine: python bench/suite/pool.py DIR writes DIR/pool.bin."""
import sys

import numpy as np

POOL = 2**20 + 7


def pool():
    return np.random.default_rng(1).integers(-1024, 1024, POOL).astype(np.float32) / 1024


if __name__ == "__main__":
    pool().tofile(f"{sys.argv[1]}/pool.bin")
