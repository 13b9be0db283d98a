#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes a bare Debian 12 machine ready to build and test; does nothing, quickly, where all is there.
#   scripts/setup.sh            what the build needs
#   scripts/setup.sh --tests    and what the differential tests need: .venv with NumPy and stock Triton
set -eu
cd "$(dirname "$0")/.."

packages="clang-22 lld-22 llvm-22-dev libclang-rt-22-dev libomp-22-dev
  libc++-22-dev-wasm32 libc++abi-22-dev-wasm32 libclang-rt-22-dev-wasm32 wasi-libc wabt
  cmake ninja-build ccache libgtest-dev libcli11-dev nlohmann-json3-dev python3 python3-venv"

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
  # The lists may be there already: fetch them only when a package is not found in them.
  # shellcheck disable=SC2086
  $root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing >/dev/null 2>&1 || {
    $root apt-get update >/dev/null
    $root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing >/dev/null
  }
fi

if [ "${1:-}" = "--tests" ]; then
  stamp=".venv/.nereid-2"
  if [ ! -e "$stamp" ]; then
    echo "setup: making .venv with NumPy and stock Triton for the differential tests"
    rm -rf .venv
    if python3 -m venv .venv && .venv/bin/pip install --quiet --disable-pip-version-check numpy==2.2.6 triton==3.6.0; then
      touch "$stamp"
    else
      rm -rf .venv
      echo "setup: no .venv (is there a network?); the differential tests will be skipped" >&2
    fi
  fi
fi
