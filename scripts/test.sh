#!/bin/bash
# SPDX-License-Identifier: MIT
# Builds and runs all tests; ends with "N passed, N failed" and that exit status. Before it, a table says how long each step took.
#   scripts/test.sh                   all steps, JOBS of them side by side (default: the number of cores)
#   scripts/test.sh random 'web_*'    only the steps whose names match
cd "$(dirname "$0")/.." || exit 1
# Verify the IR after every pass in all steps.
export NEREID_VERIFY_EACH=1
lanes=${JOBS:-$(nproc)}
only=("$@")
passed=0
failed=0
running=0
steps=()            # names that wait for `drain`
declare -A commands # by name
names=()            # of the steps that run, by process id
logs=$(mktemp -d)
# These take longest, and start first, so that none of them runs alone at the end.
long="asan webgpu_ops webgpu_lang math_threads_1 math_threads_2 ops random_webgpu wasm_chromium python python_universal python_wheel triton_interpreter webgpu_vs_interp kernels_webgpu recall voice"
# Each step is a process group, so that an interrupt ends what it started.
set -m
trap 'for pid in "${!names[@]}"; do kill -- "-$pid"; done 2>/dev/null; rm -rf "$logs"' EXIT
trap 'exit 130' INT TERM

# run NAME COMMAND...: a step. It counts as one test, or as the numbers of a line "N passed, N failed" of its output.
# Steps run concurrently: no two of them may write to the same place, unless both are `alone`.
run() {
  chosen "$1" || return
  steps+=("$1")
  commands[$1]=$(printf '%q ' "${@:2}")
}

# Runs all steps so far to their ends.
drain() {
  local name
  for name in $long "${steps[@]}"; do start "$name"; done
  while [ "$running" -gt 0 ]; do finish; done
  steps=()
}

# alone NAME COMMAND...: a step that needs what the earlier ones made, or a quiet machine: clocks tick in tests of pages.
alone() {
  drain
  run "$@"
  drain
}

# Starts a step, once, as soon as a lane is free.
start() {
  local name=$1 command=${commands[$1]:-}
  [ -n "$command" ] || return
  commands[$name]=""
  while [ "$running" -ge "$lanes" ]; do finish; done
  (
    log=$logs/$BASHPID
    TIMEFORMAT="%R %U %S $name"
    { time eval "$command" >"$log.log" 2>&1 </dev/null; } 2>"$log.time"
  ) &
  names[$!]=$name
  running=$((running + 1))
}

chosen() {
  local pattern
  [ ${#only[@]} -gt 0 ] && [ "$1" != build ] || return 0
  for pattern in "${only[@]}"; do
    # shellcheck disable=SC2053
    [[ $1 == $pattern ]] && return 0
  done
  return 1
}

# Waits for a step to end, and counts it.
finish() {
  local pid status=0 name log counts good bad
  wait -n -p pid || status=$?
  name=${names[pid]}
  log=$logs/$pid.log
  unset "names[pid]"
  running=$((running - 1))
  tail -n 1 "$log" | grep -q '^skipped: ' && {
    echo "$name $(tail -n 1 "$log")"
    return
  }
  counts=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$log" | tail -n 1)
  if [ -n "$counts" ]; then
    good=${counts%% *}
    bad=${counts##*, }
    bad=${bad%% *}
    [ $status -ne 0 ] && [ "$bad" -eq 0 ] && bad=1
  else
    good=$((status == 0)) bad=$((status != 0))
  fi
  passed=$((passed + good))
  failed=$((failed + bad))
  [ "$bad" -eq 0 ] || {
    echo "--- $name failed:"
    cat "$log"
  }
}

# The table of times, and the last line.
report() {
  drain
  echo "    wall processor  step (seconds)"
  cat "$logs"/*.time | grep -E '^[0-9.]+ [0-9.]+ [0-9.]+ ' | sort -rn |
    awk '{cpu = $2 + $3; wall += $1; all += cpu; name = $0; sub(/^[^ ]+ [^ ]+ [^ ]+ /, "", name); printf "%8.1f %9.1f  %s\n", $1, cpu, name}
      END {printf "%8.1f %9.1f  the sum of all steps, which took %d s in '"$lanes"' lanes\n", wall, all, '"$SECONDS"'}'
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]
  exit
}

alone build make --no-print-directory build
# Builds the runtime that runs WebAssembly kernels; it contains the compiler as a module.
if [ -d web/node_modules ]; then run web scripts/web.sh build; else run wasm scripts/wasm.sh; fi
[ -d tools/lint/node_modules ] && run check scripts/check.sh
drain
[ "$failed" -eq 0 ] || report

# Available: Python and its packages, targets, browsers.
python=python3
[ -x .venv/bin/python ] && python=.venv/bin/python
has() { .venv/bin/python -c "import $1" >/dev/null 2>&1; }
runs() { build/bin/nereid targets --json | grep -q "\"name\": \"$1\", [^}]*\"runs\": true"; }
runs wasm && wasm=1 || wasm=""
# On the GPU of this machine, or an emulated one.
runs webgpu && webgpu=1 || webgpu=""
[ -x /usr/bin/chromium ] && chromium=1 || chromium=""
in_chromium=(env NEREID_NODE_RUNNER=web/test/chromium-run.mjs)
runner=build/bin/nereid_runner
package=$PWD/build/python
[ -n "$wasm" ] || echo "wasm skipped: $(build/bin/nereid targets | sed -n 's/^ *does not run here: //p')"
[ -n "$webgpu" ] || echo "webgpu skipped: it does not run here"

run asan scripts/asan.sh

unit() {
  build/bin/nereid_unit --gtest_brief=1 >"$logs/unit" || true
  cat "$logs/unit"
  awk '/PASSED/ {p = $4} /FAILED TESTS?$/ {f = $1} END {printf "%d passed, %d failed\n", p, f}' "$logs/unit"
}
run unit unit
for folder in ops errors lang passes; do
  run "$folder" $runner "tests/$folder"
done
for harness in build/bin/fuzz_*; do
  run "$(basename "$harness")" "$harness" tests/ir tests/ops
done
run math build/bin/math_accuracy --step 9973
# Functions that are expanded if there is no C library.
run math_threads_1 build/bin/math_accuracy --step 99991 --target threads sin cos tan asin acos atan atan2
run math_threads_2 build/bin/math_accuracy --step 99991 --target threads sinh cosh asinh acosh atanh cbrt erfc powf
if [ "$(uname -m)" = x86_64 ]; then
  # Functions that are expanded without AVX-512, and without AVX and f16.
  run math_avx2 env NEREID_CPU=x86-64-v3 build/bin/math_accuracy --step 9973 exp exp2 expm1 tanh erf
  for file in atomics cast_float descriptors extremum_nan float_f16_tiles fp8_encode math_bf16 math_f32; do
    run "$file (sse)" env NEREID_CPU=x86-64 $runner "tests/ops/$file.ttir"
  done
fi
# Kernels split into many functions, like long ones.
run split env NEREID_FUNCTION_LIMIT=100 $runner --targets interp,cpu tests/ops tests/lang
run random build/bin/random_programs 1 60
# Workgroups of other sizes than 64 threads, with small programs, without subgroups (16), and large products. Seed 16007 once read a
# thread-private value outside of its loop.
for threads in 2 16 32 128 256; do
  run "threads_$threads" env NEREID_WORKGROUP=$threads $runner --targets interp,threads tests/ops/dot*.ttir tests/ops/reduce*.ttir tests/ops/scan*.ttir tests/lang
  run "random_threads_$threads" env NEREID_WORKGROUP=$threads build/bin/random_programs 16000 15 threads
done
if [ -n "$wasm" ]; then
  run wasm_strict env NEREID_WASM_VARIANT=strict $runner --targets interp,wasm tests/ops
  if [ -n "$chromium" ]; then
    run wasm_chromium "${in_chromium[@]}" $runner --targets interp,wasm tests/ops
    run random_chromium "${in_chromium[@]}" NEREID_ISOLATED=0 build/bin/random_programs 1000 40
  fi
fi
if [ -n "$webgpu" ]; then
  for folder in ops lang; do run "webgpu_$folder" $runner --targets interp,webgpu "tests/$folder"; done
  run random_webgpu build/bin/random_programs 3000 100 webgpu
  # All of tests/ops runs there, too; takes some minutes.
  [ -n "$chromium" ] && run webgpu_chromium "${in_chromium[@]}" $runner --targets interp,webgpu tests/ops/{softmax,reduce,dot,atomics,scan,extremum_nan}.ttir
fi
for script in tests/*_test.sh; do
  run "$(basename "$script")" sh "$script"
done
for script in tests/*_test.py; do
  run "$(basename "$script")" "$python" "$script"
done
if ls "$package"/nereid/_native.* >/dev/null 2>&1 && has "pytest, ml_dtypes"; then
  in_python=(env "PYTHONPATH=$package")
  run python "${in_python[@]}" .venv/bin/python -m pytest -q tests/python --ignore=tests/python/plugin --ignore=tests/python/jax
  if has jax; then
    run jax "${in_python[@]}" .venv/bin/python -m pytest -q tests/python/jax
  else
    echo "jax skipped: it is not in .venv (scripts/setup.sh --python)"
  fi
  run python_corpus "${in_python[@]}" .venv/bin/python tests/python/corpus_launch.py jit
  run python_wheel scripts/wheel.sh test
  has wasmtime && run python_universal scripts/universal.sh test
  [ -n "$chromium" ] && has wgpu && run python_gpu "${in_python[@]}" .venv/bin/python tests/python/corpus_launch.py gpu --every 4
  # The plug-in, in the Triton version of the other tests and in the newest one.
  for folder in "" .venv/triton-3.9; do
    [ -z "$folder" ] || [ -d "$folder" ] || continue
    has triton || continue
    run "plugin${folder:+ ${folder#.venv/}}" env "PYTHONPATH=$package:$folder" .venv/bin/python -m pytest -q tests/python/plugin
    run "plugin_corpus${folder:+ ${folder#.venv/}}" env "PYTHONPATH=$package:$folder" .venv/bin/python tests/python/corpus_launch.py plugin
  done
else
  echo "python skipped: the package is not built (scripts/setup.sh --python)"
fi
if has numpy; then
  run demo scripts/demo.sh --runs 1
  [ -n "$wasm" ] && run demo_wasm scripts/demo.sh --runs 1 --target wasm
  run targets_vs_interp .venv/bin/python tests/differential/targets_vs_interp.py
  run reloaded_operands env NEREID_RELOADS=1 .venv/bin/python tests/differential/targets_vs_interp.py --targets threads tests/corpus/{shared_operands,matrix_units,rows_of_products,dots_in_steps,applications}.py
  run random_schedules .venv/bin/python tests/differential/targets_vs_interp.py --targets lower,threads,cpu --schedules 2 --seed 1
  # The kernel library, with results of NumPy.
  if [ -n "$wasm" ]; then
    .venv/bin/python tests/kernels/cases.py build/kernels
    run kernels_wasm web/node_modules/node/bin/node web/test/kernels.mjs build/kernels wasm
    [ -n "$webgpu" ] && run kernels_webgpu web/node_modules/node/bin/node web/test/kernels.mjs build/kernels webgpu
  fi
  [ -n "$webgpu" ] && run webgpu_vs_interp .venv/bin/python tests/differential/targets_vs_interp.py --targets webgpu
  [ -n "$webgpu" ] && run shaders .venv/bin/python tests/differential/shaders.py
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
  [ -n "$webgpu" ] && run triton_interpreter_webgpu .venv/bin/python tests/differential/triton_interpreter.py --targets interp,webgpu
  run host-python .venv/bin/python tests/differential/host_python.py
else
  echo "tl_vs_triton skipped: no stock Triton in .venv (scripts/setup.sh --tests)"
fi
# These fetch the weights of models.
[ -n "$wasm" ] && run recall scripts/recall.sh test
[ -n "$wasm" ] && run voice scripts/voice.sh test
# The universal wheel in Pyodide: it needs the wheel that python_universal makes.
if [ -d tests/pyodide/node_modules ] && has wasmtime; then
  alone pyodide_node web/node_modules/node/bin/node tests/pyodide/run.mjs node
  [ -n "$chromium" ] && alone pyodide_chromium web/node_modules/node/bin/node tests/pyodide/run.mjs chromium
else
  echo "pyodide skipped: no Pyodide in tests/pyodide, or no wasmtime in .venv (scripts/setup.sh --tests)"
fi
alone web_in_node scripts/web.sh test node
alone web_in_chromium scripts/web.sh test chromium
report
