# SPDX-License-Identifier: MIT
"""Timing of functions, and tables of times."""
import statistics
import time


def do_bench(fn, warmup=25, rep=100, grad_to_none=None, quantiles=None, return_mode="mean", **_):
    """Milliseconds per call, after a warm-up of `warmup` ms, measured for `rep` ms."""
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
    """Same as numpy.testing.assert_allclose; NaN equals NaN."""
    import numpy
    numpy.testing.assert_allclose(numpy.asarray(x, dtype="float64"), numpy.asarray(y, dtype="float64"), atol=atol or 0, rtol=rtol or 0, equal_nan=True, err_msg=err_msg)


class Benchmark:
    """A table of measurements: one line per value of line_vals, over x_vals."""

    def __init__(self, x_names, x_vals, line_arg, line_vals, line_names, plot_name, args, xlabel="", ylabel="", x_log=False, y_log=False, styles=None):
        self.x_names, self.x_vals, self.line_arg, self.line_vals, self.line_names = x_names, x_vals, line_arg, line_vals, line_names
        self.plot_name, self.args, self.xlabel, self.ylabel, self.x_log, self.y_log, self.styles = plot_name, args, xlabel, ylabel, x_log, y_log, styles


class Mark:
    """A function to measure for all values of its benchmarks."""

    def __init__(self, fn, benchmarks):
        self.fn, self.benchmarks = fn, benchmarks

    def rows(self, bench, **kwargs):
        out = []
        for x in bench.x_vals:
            xs = x if isinstance(x, (tuple, list)) else [x] * len(bench.x_names)
            named = dict(zip(bench.x_names, xs))
            row, spread = dict(named), {}
            for value, name in zip(bench.line_vals, bench.line_names):
                got = self.fn(**named, **{bench.line_arg: value}, **bench.args, **kwargs)
                row[name] = got[0] if isinstance(got, (tuple, list)) else got
                spread[name] = got[1:] if isinstance(got, (tuple, list)) else None
            out.append((row, spread))
        return out

    def run(self, show_plots=False, print_data=False, save_path="", return_df=False, **kwargs):
        """Runs the measurements. With `return_df` it returns a list of rows (dicts). Plots need matplotlib, and are skipped without it."""
        results = []
        for bench in self.benchmarks if isinstance(self.benchmarks, list) else [self.benchmarks]:
            rows = self.rows(bench, **kwargs)
            table = [row for row, _ in rows]
            if print_data:
                print(f"{bench.plot_name}:")
                print(_table(table))
            if save_path:
                import os
                os.makedirs(save_path, exist_ok=True)
                with open(os.path.join(save_path, bench.plot_name + ".csv"), "w", encoding="utf-8") as f:
                    f.write("\n".join([",".join(table[0])] + [",".join(map(str, row.values())) for row in table]) + "\n")
            if show_plots or save_path:
                _plot(bench, rows, show_plots, save_path)
            results.append(table)
        if return_df:
            return results if isinstance(self.benchmarks, list) else results[0]
        return None


def perf_report(benchmarks):
    """Decorates a function for measuring: `function.run(print_data=True)` prints a table."""
    return lambda fn: Mark(fn, benchmarks)


def _table(rows):
    text = lambda v: f"{v:.4g}" if isinstance(v, float) else str(v)
    lines = [list(rows[0])] + [[text(v) for v in row.values()] for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(cell.rjust(w) for cell, w in zip(line, widths)) for line in lines)


def _plot(bench, rows, show, save_path):
    try:
        import matplotlib
        if not show:
            matplotlib.use("Agg")
        import matplotlib.pyplot as plt
    except ImportError:
        return
    import os
    figure, axes = plt.subplots()
    xs = [row[bench.x_names[0]] for row, _ in rows]
    for i, name in enumerate(bench.line_names):
        color, style = bench.styles[i] if bench.styles else (None, None)
        axes.plot(xs, [row[name] for row, _ in rows], label=name, color=color, linestyle=style)
        if all(spread[name] for _, spread in rows):
            axes.fill_between(xs, [min(spread[name]) for _, spread in rows], [max(spread[name]) for _, spread in rows], alpha=0.15, color=color)
    axes.legend()
    axes.set(xlabel=bench.xlabel or bench.x_names[0], ylabel=bench.ylabel, xscale="log" if bench.x_log else "linear", yscale="log" if bench.y_log else "linear", title=bench.plot_name)
    if save_path:
        figure.savefig(os.path.join(save_path, bench.plot_name + ".png"))
    if show:
        plt.show()
    plt.close(figure)
