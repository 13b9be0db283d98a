#!/bin/sh
# SPDX-License-Identifier: MIT
# The command line: results, exit statuses and messages.
cd "$(dirname "$0")/.." || exit 1
nereid=build/bin/nereid
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
passed=0
failed=0
# expect STATUS TEXT ARGUMENTS...: the exit status, and a text that the output has.
expect() {
  status=$1
  text=$2
  shift 2
  "$nereid" "$@" >"$folder/out" 2>&1
  got=$?
  if [ $got -eq "$status" ] && { [ -z "$text" ] || grep -qF -- "$text" "$folder/out"; }; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED nereid $*: exit $got, wanted $status with: $text"
    cat "$folder/out"
  fi
}
add="tests/ops/add.ttir:add"
four="--arg x=i32[1,2,3,4] --arg y=i32[1,1,1,1] --arg out=zeros:i32[4]"
expect 0 "out = [2, 3, 4, 5]" run $add --grid 1 $four --show out
expect 0 '"median_us"' run $add --grid 1 $four --time 3
expect 0 "" run $add --grid 1 $four --save out="$folder/out.npy"
expect 0 "out = [3, 4, 5, 6]" run $add --grid 1 --arg x=@"$folder/out.npy" --arg y=i32[1,1,1,1] --arg out=zeros:i32[4] --show out
expect 0 "interp" targets
expect 0 "arith.addi" ops
expect 0 '"ulp"' ops --json
expect 0 "tt.func public @add" emit $add --stage ttir
expect 1 "[syntax]" emit tests/errors/syntax.ttir
expect 1 "there is no function @sub" emit tests/ops/add.ttir:sub
expect 1 "[bounds]" run $add --grid 1 --check-bounds --arg x=i32[1] --arg y=i32[1,1,1,1] --arg out=zeros:i32[4]
expect 2 "the argument \`out\` is missing" run $add --grid 1 --arg x=i32[1,2,3,4] --arg y=i32[1,1,1,1]
expect 2 "there is no parameter \`z\`" run $add --grid 1 $four --arg z=1
expect 2 "is given twice" run $add --grid 1 $four --arg x=1
expect 2 "but the array holds fp32" run $add --grid 1 --arg x=f32[1,2,3,4] --arg y=i32[1,1,1,1] --arg out=zeros:i32[4]
expect 2 "but a number is given" run $add --grid 1 --arg x=1 --arg y=i32[1,1,1,1] --arg out=zeros:i32[4]
expect 2 "--grid" run $add --grid 0 $four
expect 2 "--grid" run $add --grid -1 $four
expect 2 "--grid" run $add --grid 1,2,3,4 $four
expect 2 "there is no target" run $add --grid 1 --target tpu $four
expect 2 "cannot read" run tests/ops/none.ttir --grid 1
expect 2 "cannot read" run $add --grid 1 --arg x=@none.npy --arg y=i32[1,1,1,1] --arg out=zeros:i32[4]
expect 2 "" frobnicate
expect 2 "" run
cat >"$folder/k.py" <<'K'
import triton
import triton.language as tl


@triton.jit
def scale(x, out, n, a, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(out + i, tl.load(x + i, mask=i < n) * a, mask=i < n)
K
k="$folder/k.py:scale"
expect 0 "out = [2, 4, 6, 0]" run "$k" --grid 2 -D B=2 --arg x=f32[1,2,3,4] --arg out=zeros:f32[4] --arg n=3 --arg a=2.0 --show out
expect 0 "out = [2, 0, 0, 0]" run "$k" --grid 2 -D B=2 --arg x=f32[1,2,3,4] --arg out=zeros:f32[4] --arg n=1 --arg a=2.0 --show out
expect 0 "tt.func public @scale" emit "$k" --signature "*fp32:16,*fp32:16,i32,fp32,4"
# Target wasm runs in Node, where its runtime is built.
if [ -e web/dist/node-run.js ]; then
  expect 0 "runs here in Node v" targets
  expect 0 "out = [2, 3, 4, 5]" run $add --target wasm --grid 1 $four --show out
  expect 0 '"median_us"' run $add --target wasm --grid 1 $four --time 3 --threads 2
  expect 0 "out = [2, 4, 6, 0]" run "$k" --target wasm --grid 2 -D B=2 --arg x=f32[1,2,3,4] --arg out=zeros:f32[4] --arg n=3 --arg a=2.0 --show out
  expect 2 "but the array holds fp32" run $add --target wasm --grid 1 --arg x=f32[1,2,3,4] --arg y=i32[1,1,1,1] --arg out=zeros:i32[4]
  # What is printed is printed alike.
  cat >"$folder/p.py" <<'K'
import triton
import triton.language as tl


@triton.jit
def show(x, n, f, B: tl.constexpr):
    i = tl.arange(0, B)
    tl.device_print("values", tl.load(x + i), n, f)
    tl.device_print("hex", n, hex=True)
K
  shown="run $folder/p.py:show --grid 2 -D B=2 --arg x=f32[0.0078125,-1e30] --arg n=-3 --arg f=1.5:fp16 --threads 1"
  "$nereid" $shown --target cpu >"$folder/cpu.txt" 2>&1
  "$nereid" $shown --target wasm >"$folder/wasm.txt" 2>&1
  grep -q "^pid (1, 0, 0) .*values.*-3 1.500000" "$folder/cpu.txt" && cmp -s "$folder/cpu.txt" "$folder/wasm.txt" && passed=$((passed + 1)) || {
    failed=$((failed + 1))
    echo "FAILED tl.device_print differs"
    diff "$folder/cpu.txt" "$folder/wasm.txt"
  }
  NEREID_NODE=/nowhere
  export NEREID_NODE
  expect 0 "does not run here" targets
  expect 3 "NEREID_NODE names /nowhere" run $add --target wasm --grid 1 $four
  NEREID_NODE=/bin/true
  expect 3 "Node ended" run $add --target wasm --grid 1 $four
  unset NEREID_NODE
fi
expect 2 "is a constexpr" run "$k" --grid 1 --arg B=2 --arg x=f32[1] --arg out=zeros:f32[4] --arg n=3 --arg a=2.0
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
