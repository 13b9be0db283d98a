#!/bin/sh
# SPDX-License-Identifier: MIT
# The tests of nereid.jax with other versions of Python and JAX, on the CPU, without a network: for a machine with Python 3.12, jax 0.11, jax-triton 0.4 and a GPU.
#   tests/python/jax_machine.sh WHEEL [PYTHON]
# The wheel is built elsewhere, for that Python: scripts/wheel.sh. With BENCH=1 the benchmarks, too.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
wheel=$(readlink -f "$1")
python=${2:-python3}
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
# Unpacking a wheel is enough; pip may not exist.
"$python" -m zipfile -e "$wheel" "$place/site"
export PYTHONPATH="$place/site" JAX_PLATFORMS=cpu
"$python" -c "
import sys, jax, jaxlib
def version(name):
    try:
        return __import__(name).__version__
    except ImportError:
        return 'not there'
print('Python', sys.version.split()[0], 'jax', jax.__version__, 'jax_triton', version('jax_triton'), 'triton', version('triton'))"
"$python" -m pytest -q -p no:cacheprovider "$here/jax"
[ -z "${BENCH:-}" ] || for name in overhead kernels; do "$python" "$here/../../bench/python/jax_$name.py"; done
