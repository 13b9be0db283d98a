# SPDX-License-Identifier: MIT
"""Time of functions, and tables of them."""
import statistics
import time


def do_bench(fn, warmup=25, rep=100, grad_to_none=None, quantiles=None, return_mode="mean", **_):
    """Milliseconds a call: warmed up for `warmup` ms, measured for `rep` ms."""
    clock = time.perf_counter_ns
    fn()
    start, calls = clock(), 0
    while calls < 2 or clock() - start < warmup * 1e6 / 5:
        fn()
        calls += 1
    each = (clock() - start) / calls
    for _ in range(int(warmup * 1e6 * 0.8 / each)):
        fn()
    times = []
    for _ in range(max(5, min(int(rep * 1e6 / each), 100000))):
        before = clock()
        fn()
        times.append((clock() - before) / 1e6)
    if quantiles is not None:
        ordered = sorted(times)
        out = [_quantile(ordered, q) for q in quantiles]
        return out[0] if len(out) == 1 else out
    if return_mode == "all":
        return times
    return {"mean": statistics.fmean, "median": statistics.median, "min": min, "max": max}[return_mode](times)


def _quantile(ordered, q):
    at = q * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def assert_close(x, y, atol=1e-2, rtol=0, err_msg=""):
    """As numpy.testing.assert_allclose; NaN equals NaN."""
    import numpy
    numpy.testing.assert_allclose(numpy.asarray(x, dtype="float64"), numpy.asarray(y, dtype="float64"), atol=atol or 0, rtol=rtol or 0, equal_nan=True, err_msg=err_msg)
