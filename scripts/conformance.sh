#!/bin/sh
# SPDX-License-Identifier: MIT
# Optional tests with third-party programs, and with kernels like theirs: Triton's tutorials, public libraries, jax-triton, Pallas. Installs
# wheels of fixed versions into build/conformance (torch is several GB), not into .venv, and writes results to build/conformance/results.
#   scripts/conformance.sh             all suites
#   scripts/conformance.sh tutorials   one of: tutorials compat liger fla flag_gems torch jax
# TORCH=folder: where torch is already installed with its dependencies.
# JAX_PYTHON=python, JAX_NEREID=folder: a Python with jax and jax-triton, and the package built for it. jax-triton 0.4 needs Python 3.12, and older versions need a GPU to be imported.
set -eu
cd "$(dirname "$0")/.."
place=$PWD/build/conformance
python=$PWD/.venv/bin/python
results=$place/results
mkdir -p "$results"

# fetch FOLDER OPTION... PACKAGE...: installs into a separate folder, once.
fetch() {
  folder=$place/$1
  shift
  [ "$(cat "$folder/.has" 2>/dev/null)" = "$*" ] && return
  echo "conformance: $* into $folder"
  rm -rf "$folder"
  "$python" -m pip install --quiet --disable-pip-version-check --no-warn-conflicts --target "$folder" "$@" 2>"$folder.log" || { tail -3 "$folder.log" >&2; return 1; }
  echo "$*" >"$folder/.has"
}
torch=${TORCH:-$place/torch}
torch() {
  [ -n "${TORCH:-}" ] && return
  fetch torch torch==2.15.0 numpy==2.2.6 && rm -rf "$place"/torch/triton "$place"/torch/triton-*
}

# One thread each, so that times are comparable.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" NEREID_CACHE_DIR="$place/cache" TRITON_CACHE_DIR="$place/triton-cache"
failed=""
# try NAME COMMAND...
try() {
  echo "== $1"
  name=$1
  shift
  "$@" || failed="$failed $name"
}
# -S excludes the packages of .venv, which contains stock Triton.
without_triton() {
  folders=$1
  shift
  PYTHONPATH=$PWD/build/python:$torch:$folders "$python" -S "$@"
}
suite() {
  case "$1" in
    tutorials) torch && try tutorials env PYTHONPATH="$PWD/build/python:$torch" "$python" tests/conformance/tutorials.py "$results/tutorials.json" ;;
    compat) torch && try compat without_triton "" tests/conformance/tutorials.py "$results/compat.json" ;;
    liger) torch && fetch liger --no-deps liger-kernel==0.8.5 packaging && try liger without_triton "$place/liger" tests/conformance/libraries.py liger "$results/liger.json" ;;
    fla) torch && fetch fla --no-deps fla-core==0.6.0 einops packaging && try fla without_triton "$place/fla" tests/conformance/libraries.py fla "$results/fla.json" ;;
    flag_gems) torch && fetch flag_gems --no-deps flag-gems==5.0.2 sqlalchemy pyyaml packaging typing_extensions greenlet &&
      try flag_gems env FLAGGEMS_CACHE_DIR="$place/flag_gems-cache" PYTHONPATH="$PWD/build/python:$torch:$place/flag_gems" "$python" -S tests/conformance/libraries.py flag_gems "$results/flag_gems.json" ;;
    torch) torch && try torch without_triton "" tests/conformance/torch_compiler.py "$results/torch.json" ;;
    jax) try jax env PYTHONPATH="${JAX_NEREID:-$PWD/build/python}" "${JAX_PYTHON:-$python}" tests/conformance/jax_calls.py "$results/jax.json" ;;
    *) echo "conformance: there is no suite $1" >&2; exit 2 ;;
  esac || failed="$failed $1"
}
for name in "${@:-tutorials compat liger fla flag_gems torch jax}"; do
  for one in $name; do suite "$one"; done
done
"$python" tests/conformance/table.py "$results"
[ -z "$failed" ] || { echo "conformance: failures in:$failed" >&2; exit 1; }
