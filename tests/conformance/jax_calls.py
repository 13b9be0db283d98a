# SPDX-License-Identifier: MIT
"""The tests of tests/python/jax, as a suite; calls of jax_triton are skipped if it is not installed: python tests/conformance/jax_calls.py [results.json]"""
import importlib.metadata
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from results import Skip, Suite

TESTS = os.path.join(HERE, "..", "python", "jax")


def version(name):
    try:
        return f"{name} {importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        return f"no {name}"


suite = Suite("jax-triton and Pallas", ", ".join(map(version, ("jax", "jax-triton", "triton"))))
for name in ("test_jax_triton", "test_pallas", "test_triton_call", "test_transforms"):
    with tempfile.TemporaryDirectory() as folder:
        report = os.path.join(folder, "report.xml")
        done = subprocess.run([sys.executable, "-m", "pytest", "-q", os.path.join(TESTS, name + ".py"), "--junitxml", report], capture_output=True, text=True)
        if not os.path.exists(report):
            raise SystemExit(done.stdout + done.stderr)
        for test in xml.etree.ElementTree.parse(report).iter("testcase"):

            def outcome(test=test):
                for child in test:
                    if child.tag == "skipped":
                        raise Skip(child.get("message", ""))
                    if child.tag in ("failure", "error"):
                        raise AssertionError(child.get("message", ""))

            suite.case(f"{name}::{test.get('name')}", outcome)
sys.exit(1 if suite.finish(sys.argv[1] if len(sys.argv) > 1 else None) else 0)
