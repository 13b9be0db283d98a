#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs random programs with new seeds, fuzz harnesses and sanitizers until the time is over, and prints counts. Findings are in build/soak.
#   scripts/soak.sh MINUTES
set -u
cd "$(dirname "$0")/.." || exit 1
minutes=${1:-10}
end=$(($(date +%s) + minutes * 60))
mkdir -p build/soak
export NEREID_VERIFY_EACH=1
seed=$(date +%s)
programs=0
failures=0
inputs=0
round=0

# random NAME BINARY TARGETS COUNT [VARIABLE=VALUE]
random() {
  name=$1 binary=$2 targets=$3 count=$4
  shift 4
  log=build/soak/$seed-$name.log
  env "$@" "$binary" "$seed" "$count" "$targets" >"$log" 2>&1
  bad=$(sed -n 's/^[0-9]* passed, \([0-9]*\) failed$/\1/p' "$log")
  programs=$((programs + count))
  if [ "$bad" = 0 ]; then
    rm "$log"
  else
    failures=$((failures + ${bad:-1}))
    echo "seed $seed: ${bad:-a crash} of $count on $targets: $log"
  fi
}

fuzz() {
  log=build/soak/$seed-$(basename "$1").log
  if NEREID_FUZZ_SECONDS=10 NEREID_FUZZ_SEED=$seed "$1" tests/ir tests/ops tests/corpus tests/lang >"$log" 2>&1; then
    inputs=$((inputs + $(sed -n 's/^\([0-9]*\) inputs.*/\1/p' "$log" | tail -n 1 || echo 0) + 0))
    rm "$log"
  else
    failures=$((failures + 1))
    echo "seed $seed: $(basename "$1"): $log"
  fi
}

while [ "$(date +%s)" -lt "$end" ]; do
  seed=$((seed + 1000))
  round=$((round + 1))
  random native build/bin/random_programs lower,cpu 100
  for threads in 2 32 64 128 256; do
    random "threads-$threads" build/bin/random_programs threads 20 NEREID_WORKGROUP=$threads
  done
  random split build/bin/random_programs cpu 40 NEREID_FUNCTION_LIMIT=60
  random wasm build/bin/random_programs wasm 20
  random webgpu build/bin/random_programs webgpu 5
  [ ! -x build-asan/bin/random_programs ] || random asan build-asan/bin/random_programs lower,threads,cpu 10
  for harness in build/bin/fuzz_*; do
    [ "$(date +%s)" -ge "$end" ] || fuzz "$harness"
  done
  echo "round $round: $programs programs, $inputs fuzzed inputs, $failures failures"
done
echo "$programs programs, $inputs fuzzed inputs, $failures failures in $minutes minutes"
[ "$failures" -eq 0 ]
