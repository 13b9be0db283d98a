#!/bin/sh
# SPDX-License-Identifier: MIT
# Every example on the CPU, checked against NumPy in float64, as a table; exit 1 when a result is wrong.
# Options go to examples/demo.py: -k NAME, --threads N, --target interp …
set -eu
cd "$(dirname "$0")/.."
[ -x .venv/bin/python ] || { echo "demo: no .venv with NumPy (scripts/setup.sh --numpy makes it)" >&2; exit 3; }
exec .venv/bin/python examples/demo.py "$@"
