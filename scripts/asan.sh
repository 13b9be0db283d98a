#!/bin/sh
# SPDX-License-Identifier: MIT
# Tests under AddressSanitizer and UndefinedBehaviorSanitizer: unit tests, random programs, and the fuzz harnesses that compile to bytes;
# takes some minutes. With --all (`make asan`) also the files of tests/.
set -eu
cd "$(dirname "$0")/.."
cmake --preset asan >/dev/null
export NEREID_VERIFY_EACH=1
ninja -C build-asan nereid_unit random_programs nereid_runner fuzz_tl_bytes fuzz_ttir_bytes >build-asan/build.log || { cat build-asan/build.log; exit 1; }
build-asan/bin/nereid_unit --gtest_brief=1
build-asan/bin/random_programs 7000 40 lower,threads,cpu
for harness in fuzz_tl_bytes fuzz_ttir_bytes; do
  NEREID_FUZZ_SECONDS=10 build-asan/bin/$harness tests/ir tests/ops tests/corpus tests/lang
done
if [ "${1:-}" = --all ]; then
  for folder in ops errors lang passes; do
    build-asan/bin/nereid_runner tests/$folder
  done
fi
