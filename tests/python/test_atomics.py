# SPDX-License-Identifier: MIT
"""Launches at the same time that change one array by atomic operations: some run alone, and use none."""
import signal
import threading

import numpy as np

import nereid
import nereid.language as tl


@nereid.jit
def count(x, p, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    tl.atomic_add(p + tl.load(x + i, mask=i < n, other=0), 1, mask=i < n)


@nereid.jit
def scattered(x, p, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    v = tl.load(x + i, mask=i < n, other=0)
    for _ in range(40):
        v = (v * 5 + 3) % 16
    tl.atomic_add(p + v, 1, mask=i < n)


def test_launches_of_several_threads():
    n, launches = 5000, 20
    x = (np.arange(n) % 16).astype(np.int32)
    p = np.zeros(16, np.int32)
    kernels = [count, scattered, count]

    def work(kernel):
        for _ in range(launches):
            kernel[(nereid.cdiv(n, 256), )](x, p, n, B=256)

    threads = [threading.Thread(target=work, args=(kernel, )) for kernel in kernels]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert p.sum() == n * launches * len(kernels)


def test_a_launch_within_a_launch():
    n = 1 << 16
    x, p, q = np.zeros(n, np.int32), np.zeros(16, np.int32), np.zeros(16, np.int32)
    rung = []

    def handler(*_):
        for kernel in (count, scattered):
            kernel[(nereid.cdiv(n, 256), )](x, q, n, B=256)
        rung.append(int(q.sum()))

    count[(1, )](x, p, 0, B=256)
    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    launches = 0
    try:
        while not rung:
            count[(nereid.cdiv(n, 256), )](x, p, n, B=256)
            launches += 1
    finally:
        signal.signal(signal.SIGALRM, before)
    assert rung == [2 * n] and p.sum() == n * launches
