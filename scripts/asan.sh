#!/bin/sh
# SPDX-License-Identifier: MIT
# A part of the tests under AddressSanitizer and UndefinedBehaviorSanitizer, some minutes long: unit tests, random programs, and the harnesses through to bytes.
# `make asan` runs everything.
set -eu
cd "$(dirname "$0")/.."
cmake --preset asan >/dev/null
ninja -C build-asan nereid_unit random_programs fuzz_tl_bytes fuzz_ttir_bytes >build-asan/build.log || { cat build-asan/build.log; exit 1; }
build-asan/bin/nereid_unit --gtest_brief=1
build-asan/bin/random_programs 7000 40 lower,threads,cpu
for harness in fuzz_tl_bytes fuzz_ttir_bytes; do
  NEREID_FUZZ_SECONDS=10 build-asan/bin/$harness tests/ir tests/ops tests/corpus tests/lang
done
