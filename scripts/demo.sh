#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs every example on the CPU, compares it with NumPy in float64, and prints a table; exits with 1 if a result is wrong.
# Options go to examples/demo.py: -k NAME, --threads N, --target interp …
set -eu
cd "$(dirname "$0")/.."
[ -x .venv/bin/python ] || { echo "demo: no .venv with NumPy (scripts/setup.sh --numpy makes it)" >&2; exit 3; }
exec .venv/bin/python examples/demo.py "$@"
