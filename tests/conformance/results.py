# SPDX-License-Identifier: MIT
"""Runs the cases of a suite, each with a time limit, and writes a table of the results."""
import json
import signal
import time


class Skip(Exception):
    """A case that cannot run here, with the reason."""


class Suite:

    def __init__(self, name, version):
        self.name, self.version, self.rows = name, version, []

    def case(self, name, run, limit=120):
        """Runs `run`, which returns None or columns for the table, and raises if something is wrong."""

        def late(*_):
            raise TimeoutError(f"more than {limit} s")

        before = signal.signal(signal.SIGALRM, late)
        signal.alarm(limit)
        start = time.perf_counter()
        try:
            columns, status, why = run() or {}, "passed", ""
        except Skip as e:
            columns, status, why = {}, "skipped", str(e)
        except Exception as e:
            lines = [line for line in str(e).splitlines() if line.strip()]
            columns, status, why = {}, "failed", f"{type(e).__name__}: {' | '.join(lines[:3])}"
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)
        row = {"name": name, "status": status, "seconds": round(time.perf_counter() - start, 2), "why": why[:600], **columns}
        self.rows.append(row)
        shown = "  ".join(f"{k} {v:.3g}" if isinstance(v, float) else f"{k} {v}" for k, v in columns.items())
        print(f"{status:8} {row['seconds']:7.2f} s  {name:40} {shown}{why[:300]}", flush=True)
        return status == "passed"

    def finish(self, path):
        """Writes the rows, and returns the number of failures."""
        count = {s: sum(r["status"] == s for r in self.rows) for s in ("passed", "skipped", "failed")}
        print(f"{self.name} {self.version}: {count['passed']} passed, {count['skipped']} skipped, {count['failed']} failed", flush=True)
        if path:
            with open(path, "w") as f:
                json.dump({"suite": self.name, "version": self.version, **count, "rows": self.rows}, f, indent=1)
        return count["failed"]
