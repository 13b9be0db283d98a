#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds and runs all tests; ends with "N passed, N failed" and that exit status.
cd "$(dirname "$0")/.." || exit 1
# Verify the IR after every pass in all tests below.
export NEREID_VERIFY_EACH=1
passed=0
failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# run NAME COMMAND...: counts one test, or the numbers of a last line "N passed, N failed".
run() {
  name=$1
  shift
  if "$@" >"$log" 2>&1; then status=0; else status=1; fi
  tail -n 1 "$log" | grep -q '^skipped: ' && { echo "$name $(tail -n 1 "$log")"; return; }
  counts=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$log" | tail -n 1)
  if [ -n "$counts" ]; then
    good=${counts%% *}
    bad=$(echo "$counts" | sed 's/.*, \([0-9]*\) failed/\1/')
    [ $status -ne 0 ] && [ "$bad" -eq 0 ] && bad=1
  elif [ $status -eq 0 ]; then
    good=1 bad=0
  else
    good=0 bad=1
  fi
  passed=$((passed + good))
  failed=$((failed + bad))
  [ "$bad" -eq 0 ] || { echo "--- $name failed:"; cat "$log"; }
}

run build make --no-print-directory build
[ -d tools/lint/node_modules ] && run check scripts/check.sh
if [ "$failed" -gt 0 ]; then
  echo "$passed passed, $failed failed"
  exit 1
fi

# Builds the runtime that runs WebAssembly kernels; it contains the compiler as a module.
run wasm scripts/wasm.sh
run web scripts/web.sh build

unit() {
  build/bin/nereid_unit --gtest_brief=1 || true
  build/bin/nereid_unit --gtest_brief=1 2>/dev/null | awk '/PASSED/ {p = $4} /FAILED TESTS?$/ {f = $1} END {printf "%d passed, %d failed\n", p, f}'
}
run unit unit
for folder in ops errors lang passes; do
  run "$folder" build/bin/nereid_runner "tests/$folder"
done
for harness in build/bin/fuzz_*; do
  run "$(basename "$harness")" "$harness" tests/ir tests/ops
done
run math build/bin/math_accuracy --step 9973
# Functions that are expanded if there is no C library.
run math_threads build/bin/math_accuracy --step 99991 --target threads sin cos tan asin acos atan atan2 sinh cosh asinh acosh atanh cbrt erfc powf
if [ "$(uname -m)" = x86_64 ]; then
  # Functions that are expanded without AVX-512, and without AVX and f16.
  run math_avx2 env NEREID_CPU=x86-64-v3 build/bin/math_accuracy --step 9973 exp exp2 expm1 tanh erf
  for file in atomics cast_float descriptors extremum_nan float_f16_tiles fp8_encode math_bf16 math_f32; do
    run "$file (sse)" env NEREID_CPU=x86-64 build/bin/nereid_runner "tests/ops/$file.ttir"
  done
fi
# Kernels split into many functions, like long ones.
run split env NEREID_FUNCTION_LIMIT=100 build/bin/nereid_runner --targets interp,cpu tests/ops tests/lang
run random build/bin/random_programs 1 60
# Workgroups of other sizes than 64 threads, with small programs and large products. Seed 16007 once read a thread-private value outside of
# its loop.
for threads in 2 32 128 256; do
  run "threads_$threads" env NEREID_WORKGROUP=$threads build/bin/nereid_runner --targets interp,threads tests/ops/dot*.ttir tests/ops/reduce*.ttir tests/ops/scan*.ttir tests/lang
  run "random_threads_$threads" env NEREID_WORKGROUP=$threads build/bin/random_programs 16000 15 threads
done
if build/bin/nereid targets --json | grep -q '"name": "wasm", [^}]*"runs": true'; then
  run wasm_strict env NEREID_WASM_VARIANT=strict build/bin/nereid_runner --targets interp,wasm tests/ops
  if [ -x /usr/bin/chromium ]; then
    run wasm_chromium env NEREID_NODE_RUNNER=web/test/chromium-run.mjs build/bin/nereid_runner --targets interp,wasm tests/ops
    run random_chromium env NEREID_NODE_RUNNER=web/test/chromium-run.mjs NEREID_ISOLATED=0 build/bin/random_programs 1000 40
  fi
else
  echo "wasm skipped: $(build/bin/nereid targets | sed -n 's/^ *does not run here: //p')"
fi
# On the GPU of this machine, or an emulated one.
webgpu=$(build/bin/nereid targets --json | grep -c '"name": "webgpu", [^}]*"runs": true')
if [ "$webgpu" = 1 ]; then
  run webgpu build/bin/nereid_runner --targets interp,webgpu tests/ops tests/lang
  run random_webgpu build/bin/random_programs 3000 100 webgpu
  # All of tests/ops runs there, too; takes some minutes.
  [ -x /usr/bin/chromium ] && run webgpu_chromium env NEREID_NODE_RUNNER=web/test/chromium-run.mjs build/bin/nereid_runner --targets interp,webgpu tests/ops/softmax.ttir tests/ops/reduce.ttir tests/ops/dot.ttir tests/ops/atomics.ttir tests/ops/scan.ttir tests/ops/extremum_nan.ttir
else
  echo "webgpu skipped: it does not run here"
fi
for script in tests/*_test.sh; do
  [ -e "$script" ] && run "$(basename "$script")" sh "$script"
done
python=python3
[ -x .venv/bin/python ] && python=.venv/bin/python
for script in tests/*_test.py; do
  [ -e "$script" ] && run "$(basename "$script")" "$python" "$script"
done
if ls build/python/nereid/_core.* >/dev/null 2>&1 && .venv/bin/python -c "import pytest, ml_dtypes" 2>/dev/null; then
  export PYTHONPATH="$PWD/build/python"
  run python .venv/bin/python -m pytest -q tests/python --ignore=tests/python/plugin --ignore=tests/python/jax
  if .venv/bin/python -c "import jax" 2>/dev/null; then
    run jax .venv/bin/python -m pytest -q tests/python/jax
  else
    echo "jax skipped: it is not in .venv (scripts/setup.sh --python)"
  fi
  run python_corpus .venv/bin/python tests/python/corpus_launch.py jit
  run python_wheel scripts/wheel.sh test
  # The plug-in, in the Triton version of the other tests and in the newest one.
  for folder in "" .venv/triton-3.9; do
    [ -z "$folder" ] || [ -d "$folder" ] || continue
    .venv/bin/python -c "import triton" 2>/dev/null || continue
    run "plugin ${folder#.venv/}" env PYTHONPATH="$PYTHONPATH:$folder" .venv/bin/python -m pytest -q tests/python/plugin
    run "plugin_corpus ${folder#.venv/}" env PYTHONPATH="$PYTHONPATH:$folder" .venv/bin/python tests/python/corpus_launch.py plugin
  done
  unset PYTHONPATH
else
  echo "python skipped: the package is not built (scripts/setup.sh --python)"
fi
# has MODULE: returns whether the Python of the differential tests has it.
has() { .venv/bin/python -c "import $1" >"$log" 2>&1; }
if has numpy; then
  run demo scripts/demo.sh --runs 1
  build/bin/nereid targets --json | grep -q '"name": "wasm", [^}]*"runs": true' && run demo_wasm scripts/demo.sh --runs 1 --target wasm
  run targets_vs_interp .venv/bin/python tests/differential/targets_vs_interp.py
  [ "$webgpu" = 1 ] && run webgpu_vs_interp .venv/bin/python tests/differential/targets_vs_interp.py --targets webgpu
  [ "$webgpu" = 1 ] && run shaders .venv/bin/python tests/differential/shaders.py
  run wasm_modules .venv/bin/python tests/differential/wasm_modules.py
  run barriers .venv/bin/python tests/differential/barriers.py
  run same_artefacts .venv/bin/python tests/differential/same_artefacts.py
else
  echo "demo, targets_vs_interp skipped: no NumPy in .venv (scripts/setup.sh --tests)"
fi
if has triton; then
  run tl_vs_triton .venv/bin/python tests/differential/tl_vs_triton.py
  run libdevice .venv/bin/python tests/differential/libdevice.py
  run operators .venv/bin/python tests/differential/operators.py
  run triton_interpreter .venv/bin/python tests/differential/triton_interpreter.py
  [ "$webgpu" = 1 ] && run triton_interpreter_webgpu .venv/bin/python tests/differential/triton_interpreter.py --targets interp,webgpu
  run host-python .venv/bin/python tests/differential/host_python.py
else
  echo "tl_vs_triton skipped: no stock Triton in .venv (scripts/setup.sh --tests)"
fi
run asan scripts/asan.sh
run web_in_node scripts/web.sh test node
run web_in_chromium scripts/web.sh test chromium

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
