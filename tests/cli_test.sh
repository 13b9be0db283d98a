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
for target in cpu wasm lower threads; do
  expect 0 "schedule of add" emit $add --target $target --stage schedule
  expect 0 "lo.store" emit $add --target $target --stage lower
done
strides="i32:16,i32:16,i32:16,i32:16,1,i32:16,1,i32:16,1"
expect 0 "lo.prefetch" emit bench/suite/kernels/products.py:matmul --target cpu --stage lower --signature "*fp32:16,*fp32:16,*fp32:16,$strides,64,64,32,8"
expect 0 "variant wgsl.distinct" emit $add --target webgpu --stage schedule
expect 0 "variant wgsl.distinct" emit $add --target webgpu --stage lower+lines
expect 1 "[unsupported]" emit $add --target interp --stage schedule
expect 0 "// after fold" emit $add --stage passes --print-after-all --verify-each
expect 0 "tt.func public @add" emit $add --stage pass.fold
expect 1 "unknown pass \`folds\`" emit $add --stage pass.folds
expect 1 "[syntax]" emit tests/errors/syntax.ttir
expect 1 "there is no function @sub" emit tests/ops/add.ttir:sub
expect 1 "[bounds]" run $add --grid 1 --check-bounds --arg x=i32[1] --arg y=i32[1,1,1,1] --arg out=zeros:i32[4]
expect 1 "the argument \`out\` is missing" run $add --grid 1 --arg x=i32[1,2,3,4] --arg y=i32[1,1,1,1]
expect 1 "the kernel has no parameter \`z\`" run $add --grid 1 $four --arg z=1
expect 2 "is given twice" run $add --grid 1 $four --arg x=1
expect 1 "but the array contains fp32" run $add --grid 1 --arg x=f32[1,2,3,4] --arg y=i32[1,1,1,1] --arg out=zeros:i32[4]
expect 1 "but got a number: give an array" run $add --grid 1 --arg x=1 --arg y=i32[1,1,1,1] --arg out=zeros:i32[4]
expect 2 "--show z: --arg does not pass an array \`z\`: add one, such as --arg z=zeros:f32[8]" run $add --grid 1 $four --show z
expect 2 "--save out: --arg does not pass an array \`out\`" run $add --grid 1 --arg x=i32[1,2] --arg y=i32[1,1] --save out=o.npy
expect 2 "--show n: \`n\` is a number, not an array" run $add --grid 1 $four --arg n=3 --show n
expect 1 "\`eps\`: \`x\` is not a number: write a number, True, False, zeros:f32[8], f32[1, 2] or @file.npy [argument]" run $add --grid 1 --arg eps=x
expect 1 "\`n\`: \`99999999999999999999\` does not fit in 64 bits" run $add --grid 1 --arg n=99999999999999999999
expect 1 "\`n\`: \`2.5\` is not a number of type i32" run $add --grid 1 --arg n=2.5:i32
expect 1 "\`x\`: unknown type \`float\`: use f32, f16" run $add --grid 1 --arg x=float[1,2]
printf 'import triton\n\n\n@triton.jit\ndef k(x):\n    tl.store(x, 1)\n' >"$folder/missing.py"
expect 1 "hint: add \`import triton.language as tl\`" emit "$folder/missing.py:k" --signature "*i32"
short="emit examples/softmax/softmax.py:softmax --signature *fp32,*fp32,i32"
expect 1 "softmax.py:9:38: error: the signature has 3 items, so parameter \`x_stride\`, which is number 4, has no type" $short
expect 1 'hint: the signature needs one item per parameter, such as "*fp32:16" or "i32"; the parameters are x_ptr, out_ptr, columns, x_stride, out_stride, BLOCK' $short
expect 1 "--grid" run $add --grid 0 $four
expect 1 "--grid" run $add --grid -1 $four
expect 1 "--grid" run $add --grid 1,2,3,4 $four
expect 2 "tpu\` is unknown; use one of: interp" run $add --grid 1 --target tpu $four
expect 1 "cannot read" run tests/ops/none.ttir --grid 1
expect 1 "cannot read" run $add --grid 1 --arg x=@none.npy --arg y=i32[1,1,1,1] --arg out=zeros:i32[4]
# A library's package is found from the importing file; a package of the same name elsewhere is not used.
mkdir -p "$folder/src/pk/ops" "$folder/src/pk/utils"
touch "$folder/src/pk/__init__.py" "$folder/src/pk/ops/__init__.py" "$folder/src/pk/utils/__init__.py"
printf 'import triton\nimport triton.language as tl\n\n\n@triton.jit\ndef two(x):\n    return x * 0 + 2\n' >"$folder/src/pk/utils/ext.py"
printf 'import triton\nimport triton.language as tl\n\n\n@triton.jit\ndef two(x):\n    return x * 0 + 3\n' >"$folder/src/pk/ops/ext.py"
for line in "from pk.utils.ext import two" "from pk.utils import ext as e; two = e.two" "import pk.utils.ext as e; two = e.two" "from ..utils.ext import two"; do
  printf 'import triton\nimport triton.language as tl\n%s\n\n\n@triton.jit\ndef k(o):\n    tl.store(o, two(tl.load(o)))\n' "$(echo "$line" | tr ';' '\n' | sed 's/^ //')" >"$folder/src/pk/ops/k.py"
  expect 0 "o = [2]" run "$folder/src/pk/ops/k.py:k" --grid 1 --arg o=i32[7] --show o
done
printf 'import triton\nimport triton.language as tl\nfrom other.ext import two\n\n\n@triton.jit\ndef k(o):\n    tl.store(o, two(tl.load(o)))\n' >"$folder/src/pk/ops/k.py"
expect 1 "\`other.ext.two\`" run "$folder/src/pk/ops/k.py:k" --grid 1 --arg o=i32[7] --show o
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
# Loops that fill or copy are one instruction.
for instruction in fill copy; do
  expect 0 "memory.$instruction" emit tests/corpus/memory.py:fill_and_copy --signature "*fp32,*fp32,*i8,*i32,i32,16384" --stage wat
done
# Code for GPUs that CI lacks: sums hidden from drivers that contract, and products with subgroup matrices.
cat >"$folder/expm1.ttir" <<'TTIR'
tt.func public @k(%x: f32, %o: !tt.ptr<f32>) {
  %y = math.expm1 %x : f32
  tt.store %o, %y : !tt.ptr<f32>
  tt.return
}
TTIR
expect 0 "rounded(v" emit "$folder/expm1.ttir" --stage wgsl
product="examples/matmul/matmul.py:matmul --signature *fp16:16,*fp16:16,*fp16:16,i32:16,i32:16,i32:16,i32:16,i32:16,i32:16,32,64,32,8"
expect 0 "subgroupMatrixMultiplyAccumulate" emit $product --stage wgsl.matrix.distinct
expect 0 "lo.matrix_dot" emit $product --stage threads
expect 0 "subgroup_matrix_left<i8, 32, 16>" emit tests/corpus/matrix_units.py:bytes --signature "*i8:16,*i8:16,*i32:16,64,64,64" --stage wgsl.matrix.distinct
# Small programs run side by side in a workgroup.
expect 0 "place / 1u" emit tests/corpus/small_programs.py:collatz --signature "*i32,*i32,i32" --stage wgsl
expect 0 "place / 16u" emit tests/corpus/small_programs.py:doubled --signature "*fp32:16,*fp32:16,64" --stage wgsl.distinct
# Loads for the next iteration are software-pipelined, without code for masked elements; f16 is stored in words.
expect 0 "unspecified" emit $product --stage threads
expect 0 "c_ptr_put2(" emit $product --stage wgsl.matrix.distinct
expect 0 "subgroupShuffleXor" emit examples/softmax/softmax.py:softmax --signature "*fp32:16,*fp32:16,i32:16,i32:16,i32:16,1024" --stage wgsl.subgroups.distinct
sed 's/math.expm1 %x/arith.subf %x, %x/' "$folder/expm1.ttir" >"$folder/difference.ttir"
expect 0 " - rounded(v" emit "$folder/difference.ttir" --stage wgsl
# Decisions of a schedule: printed, edited, and refused with a reason.
softmax="examples/softmax/softmax.py:softmax --signature *fp32:16,*fp32:16,i32:16,i32:16,i32:16,1024"
"$nereid" emit $softmax --stage schedule --target wasm >"$folder/softmax.schedule"
if "$nereid" emit $softmax --stage schedule --target wasm --schedule "$folder/softmax.schedule" | cmp - "$folder/softmax.schedule"; then
  passed=$((passed + 1))
else
  failed=$((failed + 1))
  echo "FAILED a schedule that is read is not the same schedule"
fi
sed 's/vector 0 lanes 8/vector 0 lanes 4/' "$folder/softmax.schedule" >"$folder/edited.schedule"
expect 0 "nest 2 axes 1024 vector 0 lanes 4 threads 1 order 0 unrolled no" emit $softmax --stage schedule --target wasm --schedule "$folder/edited.schedule"
for edit in "s/^nest 0 axes 1024r/nest 0 axes 512r/ line 7: nest 0: the axes are 1024r, not 512r" "s/lanes 16/lanes 128/ nest 0: at most 64 lanes" \
  "s/lanes 16/lanes 3/ nest 0: lanes must be a power of two" "s/threads 1 order/threads 2 order/ nest 0: a program has 1 threads" \
  "s/unrolled no/unrolled maybe/ expected yes or no, but got \`maybe\`" "s/^nest 2/nest 7/ the kernel has no nest 7 with loops" \
  "s/^kernel.*/kernel threads 3/ threads must be a power of two, but they are 3" "s/order 0/order 1/ nest 0: \`order\` has each axis once"; do
  sed "${edit%%/ *}/" "$folder/softmax.schedule" >"$folder/edited.schedule"
  expect 1 "${edit#*/ }" emit $softmax --stage schedule --target wasm --schedule "$folder/edited.schedule"
done
# The legal values of each decision, and a line that makes one of them.
expect 0 "nest 2 axes 1024 vector 0 lanes {" emit $softmax --stage candidates --target wasm
expect 0 "variant wgsl.subgroups.distinct" emit $softmax --stage candidates --target webgpu
printf 'kernel threads 1 programs 1 subgroups no matrices no\nnest 2 vector none\n' >"$folder/edited.schedule"
expect 0 "nest 2 axes 1024 vector none lanes 1 threads 1 order 0 unrolled no" emit $softmax --stage schedule --target wasm --schedule "$folder/edited.schedule"
expect 0 "now none, by default 0: most accesses are contiguous along it" emit $softmax --stage candidates --target wasm --schedule "$folder/edited.schedule"
# Decisions about a dot.
dot="tests/lang/dot_added.py:plain --signature *fp32,*fp32,*fp32 --stage schedule --target wasm"
"$nereid" emit $dot >"$folder/dot.schedule"
sed 's/rows 6 rest 4 columns 8/rows 5 rest 4 columns 16/' "$folder/dot.schedule" >"$folder/edited.schedule"
expect 1 "dot 1: tiles of 5 and 4 rows do not make 16 rows" emit $dot --schedule "$folder/edited.schedule"
sed 's/rows 6 rest 4 columns 8/rows 5 rest 1 columns 16/' "$folder/dot.schedule" >"$folder/edited.schedule"
expect 0 "dot 1 rows 5 rest 1 columns 16 group 1" emit $dot --schedule "$folder/edited.schedule"
for edit in "s/rows 6/rows 17/ dot 1: rows must be between 1 and 16" "s/rest 4/rest 0/;s/rows 6/rows 3/ dot 1: tiles of 3 rows leave a rest of 16 rows" \
  "s/columns 8/columns 32/ dot 1: columns must be a power of two up to 16" "s/group 1/group 4/ dot 1: group must be 1" \
  "s/dot 1 .*/dot 1 depth 4 unrolled no/ dot 1: \`depth\` is not a decision about it" "s/^dot 1/dot 7/ the kernel has no dot 7" "s/group 1/tile 1/ a dot has no \`tile\`"; do
  sed "${edit%%/ *}/" "$folder/dot.schedule" >"$folder/edited.schedule"
  expect 1 "${edit#*/ }" emit $dot --schedule "$folder/edited.schedule"
done
# Accesses that may meet, without a test.
"$nereid" emit tests/corpus/aggregates.py:window_sum --signature "*fp32,*fp32,i32,16" --stage schedule --target wasm >"$folder/meets.schedule"
sed 's/tested yes/tested no/' "$folder/meets.schedule" >"$folder/edited.schedule"
expect 0 "accesses may meet: what line" emit tests/corpus/aggregates.py:window_sum --signature "*fp32,*fp32,i32,16" --stage schedule --target wasm --schedule "$folder/edited.schedule"
values="--arg x_ptr=range:f32[4,1000] --arg out_ptr=zeros:f32[4,1000] --arg columns=1000:i32 --arg x_stride=1000:i32 --arg out_stride=1000:i32 -D BLOCK=1024 --grid 4"
expect 0 '"schedule": ' tune examples/softmax/softmax.py:softmax $values --seconds 0.5 -o "$folder/tuned.schedule"
expect 0 "" run examples/softmax/softmax.py:softmax $values --target cpu --schedule "$folder/tuned.schedule"
expect 2 "seconds must be above 0" tune examples/softmax/softmax.py:softmax $values --seconds 0
expect 2 "the target interp has no schedule" run examples/softmax/softmax.py:softmax $values --schedule "$folder/tuned.schedule"
sed 's/subgroups no/subgroups yes/' "$folder/softmax.schedule" >"$folder/edited.schedule"
expect 1 "no section is for this target" emit $softmax --stage schedule --target wasm --schedule "$folder/edited.schedule"
sed 's/threads 1 programs/threads 4 programs/' "$folder/softmax.schedule" >"$folder/edited.schedule"
expect 1 "a program has at most 1 thread on this machine" emit $softmax --stage schedule --target wasm --schedule "$folder/edited.schedule"
expect 2 "cannot read \`nothing.schedule\`" emit $softmax --schedule nothing.schedule
# An index that wraps is contiguous if a run-time test holds.
expect 0 "axis 0 run-time stride (two versions)" emit tests/lang/index_wraps.py:line --signature "*i32,*i32,i32" --stage schedule
# Threads that read what others wrote wait at a barrier of that memory.
expect 0 " storageBarrier();" emit tests/lang/written_by_others.py:turned --signature "*i32,*i32" --stage wgsl.distinct
expect 0 "storageBarrier();" emit tests/lang/written_by_others.py:through_another --signature "*i32,*i32,*i32" --stage wgsl
expect 0 " workgroupBarrier();" emit examples/softmax/softmax.py:softmax --signature "*fp32:16,*fp32:16,i32:16,i32:16,i32:16,1024" --stage wgsl.distinct
# The memory order of atomic operations; x86 itself is stricter.
for order in "relaxed monotonic" "acquire acquire" "release release" "acq_rel acq_rel"; do
  cat >"$folder/order.ttir" <<TTIR
tt.func public @k(%x: !tt.ptr<i32>, %n: i32) {
  %old = tt.atomic_rmw add, ${order% *}, gpu, %x, %n : (!tt.ptr<i32>, i32) -> i32
  %now = tt.atomic_cas ${order% *}, gpu, %x, %n, %old : (!tt.ptr<i32>, i32, i32) -> i32
  tt.store %x, %now : !tt.ptr<i32>
  tt.return
}
TTIR
  expect 0 " ${order#* }, align 4" emit "$folder/order.ttir" --stage llvm
  expect 0 " ${order#* } $(echo "${order#* }" | sed 's/acq_rel/acquire/; s/release/monotonic/'), align 4" emit "$folder/order.ttir" --stage llvm
done
# TypeScript types, as docs/reference/wasm.md shows them.
expect 0 "" compile "$k" --target wasm --signature "*fp32:16,*bf16,i64,fp32,4" -o "$folder/dist"
cat >"$folder/wanted.d.ts" <<'K'
// Written by nereid compile.
import type { Arg, Kernel } from "nereid-lang";

export interface Kernels {
  scale: Kernel<{
    x: Arg<"*fp32">;
    out: Arg<"*bf16">;
    n: Arg<"i64">;
    a: Arg<"fp32">;
  }>;
}
K
if cmp "$folder/wanted.d.ts" "$folder/dist/kernels.d.ts"; then passed=$((passed + 1)); else failed=$((failed + 1)); cat "$folder/dist/kernels.d.ts"; fi
# Target wasm runs in Node, where its runtime is built.
if [ -e web/dist/node-run.js ]; then
  expect 0 "runs here in Node v" targets
  expect 0 "out = [2, 3, 4, 5]" run $add --target wasm --grid 1 $four --show out
  expect 0 '"median_us"' run $add --target wasm --grid 1 $four --time 3 --threads 2
  expect 0 "out = [2, 4, 6, 0]" run "$k" --target wasm --grid 2 -D B=2 --arg x=f32[1,2,3,4] --arg out=zeros:f32[4] --arg n=3 --arg a=2.0 --show out
  expect 1 "but the array contains fp32" run $add --target wasm --grid 1 --arg x=f32[1,2,3,4] --arg y=i32[1,1,1,1] --arg out=zeros:i32[4]
  # Printed lines are the same on both targets.
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
  for target in interp cpu wasm; do "$nereid" $shown --target $target >"$folder/$target.txt" 2>&1; done
  if grep -q "^pid (1, 0, 0) idx () values: (operand 2) 1.500000$" "$folder/cpu.txt" && grep -q "^pid (0, 0, 0) idx () hex: 0xfffffffd$" "$folder/cpu.txt" &&
    cmp "$folder/interp.txt" "$folder/cpu.txt" && cmp "$folder/cpu.txt" "$folder/wasm.txt"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED tl.device_print differs"
    cat "$folder/cpu.txt"
    diff "$folder/cpu.txt" "$folder/wasm.txt"
  fi
  NEREID_NODE=/nowhere
  export NEREID_NODE
  expect 0 "does not run here" targets
  expect 3 "NEREID_NODE is /nowhere" run $add --target wasm --grid 1 $four
  NEREID_NODE=/bin/true
  expect 3 "Node exited before the kernel finished" run $add --target wasm --grid 1 $four
  unset NEREID_NODE
fi
expect 1 "is a constexpr" run "$k" --grid 1 --arg B=2 --arg x=f32[1] --arg out=zeros:f32[4] --arg n=3 --arg a=2.0
cat >"$folder/args.py" <<'K'
import triton
import triton.language as tl


@triton.jit
def shift(d, out, B: tl.constexpr):
    r = tl.program_id(0) * B
    out.store([r, 0], d.load([r + 1, -1]) + d.shape[0] * 100)


@triton.jit
def noted(d: "tensordesc<fp32[4,4]>", out):
    tl.store(out + tl.arange(0, 4)[:, None] * 4 + tl.arange(0, 4)[None, :], d.load([0, 0]))


@triton.jit
def pair(xs, out, p, B: tl.constexpr):
    i = tl.arange(0, B)
    a, b = xs
    n, (k, flag) = p
    y = tl.load(a + i, mask=i < n, other=0) + k * tl.load(b + i)
    tl.store(out + i, y if flag else -y)
K
descriptors="--signature tensordesc<i32[2,4]>,tensordesc<i32[2,4]>,2"
for target in interp lower cpu; do
  expect 0 "out = [300, 303, 304, 300, 306, 307, 300, 300, 300]" run "$folder/args.py:shift" --target $target --grid 2 $descriptors --arg d=range:i32[3,3] \
    --arg out=zeros:i32[3,3] --show out
  # A part of a tuple that is passed by name takes precedence.
  expect 0 "out = [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]" run "$folder/args.py:noted" --target $target --grid 1 --arg d=range:f32[2,2] \
    --arg d.stride.0=4 --arg d.shape.0=1 --arg out=zeros:f32[16] --show out
  expect 0 "out = [11, 12, 13, 10]" run "$folder/args.py:pair" --target $target --grid 1 -D B=4 --arg xs.0=f32[1,2,3,4] --arg xs.1=f32[1,1,1,1] \
    --arg out=zeros:f32[4] --arg p.0=3 --arg p.1.0=10 --arg p.1.1=True --show out
done
expect 0 "out = [-11, -12, -3, -4]" run "$folder/args.py:pair" --grid 1 --signature "(*fp32,*fp32),*fp32,(4,(i32,False)),4" --arg xs.0=f32[1,2,3,4] \
  --arg xs.1=f32[1,1,0,0] --arg out=zeros:f32[4] --arg p.1.0=10 --show out
expect 1 "descriptor of blocks with 2 axes, but the array has 1" run "$folder/args.py:shift" --grid 2 $descriptors --arg d=i32[1,2] --arg out=zeros:i32[3,3]
expect 1 "the argument \`p.0\` is missing" run "$folder/args.py:pair" --grid 1 --signature "(*fp32,*fp32),*fp32,(i32,(i32,False)),4" --arg xs.0=f32[1] \
  --arg xs.1=f32[1] --arg out=zeros:f32[4] --arg p.1.0=10
expect 1 "[signature]" run "$folder/args.py:pair" --grid 1 --signature "(*fp32,*fp33),*fp32,(i32,(i32,False)),4" --arg xs.0=f32[1]

# Names that would clash in generated text, or lead out of the folder.
cat > "$folder/names.py" <<'K'
import triton
import triton.language as tl


@triton.jit
def fn(x, x_get, x_get_2, x_put, var, é, __a, zero, params, B: tl.constexpr):
    i = tl.arange(0, B)
    tl.atomic_add(x + i, tl.load(x_get + i) + tl.load(x_get_2 + i) + tl.load(var + i) + zero)
    tl.store(x_put + i, tl.load(x_get + i) + tl.load(é + i) + tl.load(__a + i) + params)
K
names="--arg x=i32[1,2] --arg x_get=i32[10,20] --arg x_get_2=i32[3,4] --arg x_put=i32[0,0] --arg var=i32[5,5] --arg é=i32[6,6] --arg __a=i32[7,7] --arg zero=100 --arg params=1000"
for target in interp cpu wasm webgpu; do
  build/bin/nereid targets --json | grep -q "\"name\": \"$target\", [^}]*\"runs\": true" && expect 0 "x_put = [1023, 1033]" run "$folder/names.py:fn" --target $target --grid 1 -D B=2 $names --show x_put
done
cat > "$folder/name.ttir" <<'K'
tt.func public @"../k\0Aenable foo;"(%x: !tt.ptr<f32>) {
  tt.return
}
K
for target in cpu wasm webgpu; do
  expect 1 'kernel name "../k\u000aenable foo;" cannot be used as a file name [unsupported]' compile "$folder/name.ttir" --target $target -o "$folder/out.d"
done
expect 0 "" run "$folder/name.ttir" --grid 1 --arg x=zeros:f32[1]

# A feature that a target lacks is refused with its line.
cat > "$folder/wide.py" <<'K'
import triton
import triton.language as tl


@triton.jit
def wide(x, o, B: tl.constexpr):
    i = tl.arange(0, B)
    tl.store(o + i, (tl.load(x + i).to(tl.float64) * 2).to(tl.float32))


@triton.jit
def stored(o):
    tl.store(o, 2.5)
K
expect 1 "wide.py:8:" compile "$folder/wide.py:wide" --target webgpu --signature "*fp32,*fp32,4" -o "$folder/out.d"
expect 1 "wide.py:13:" compile "$folder/wide.py:stored" --target webgpu --signature "*fp64" -o "$folder/out.d"
cat > "$folder/unknown.py" <<'K'
import triton
import triton.language as tl


@triton.jit
def moved(x, o):
    p = (x.to(tl.int64) + 4).to(tl.pointer_type(tl.float32))
    i = tl.arange(0, 64)
    tl.store(o + i, tl.load(p + i))


@triton.jit
def absolute():
    p = tl.full((), 64, tl.int64).to(tl.pointer_type(tl.float32))
    tl.store(p, 1.0)
K
expect 1 "webgpu: cannot tell which argument this address is in" compile "$folder/unknown.py:moved" --target webgpu --signature "*fp32,*fp32" -o "$folder/out.d"
expect 1 "webgpu: cannot tell which argument this address is in" compile "$folder/unknown.py:absolute" --target webgpu --signature "" -o "$folder/out.d"

# Inputs for TypeScript: texts with JSON escapes, several kernels in one folder.
cat > "$folder/words.py" <<'K'
import triton
import triton.language as tl


@triton.jit
def first(n):
    tl.device_assert(n < 3, "a\tb \"c\" \\\\")


@triton.jit
def second(x):
    tl.store(x, 1.0)
K
expect 0 "" compile "$folder/words.py:first" --debug --target wasm --signature i32 -o "$folder/web"
expect 0 "" compile "$folder/words.py:second" --target cpu,wasm --signature "*fp32" -o "$folder/web"
expect 0 "" compile "$folder/words.py:second" --target wasm --signature "*fp32" -o "$folder/web"
names=$(python3 -c 'import json, sys; print(*sorted(a["target"] + ":" + a["kernel"]["name"] for a in json.load(open(sys.argv[1]))["artefacts"]))' "$folder/web/manifest.json")
if [ "$names" = "cpu:second wasm:first wasm:second" ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED the manifest names $names"; fi
if build/bin/nereid targets --json | grep -q '"name": "wasm", [^}]*"runs": true'; then
  expect 1 "words.py:7: assertion failed in program (0, 0, 0): a	b" run "$folder/words.py:first" --debug --target wasm --grid 1 --arg n=5
  expect 1 "at most 4 GiB" run "$folder/words.py:second" --target wasm --grid 1 --arg "x=zeros:f32[1100000000]"
fi
# An error hidden among many lines, and the reduced file.
cat >"$folder/long.py" <<'END'
import triton
import triton.language as tl


@triton.jit
def helper(a, b):
    return tl.where(a > b, a, b) * 2


@triton.jit
def k(x, o, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    v = tl.load(x + i, mask=i < n, other=0.0)
    s = tl.zeros((B, ), tl.float32)
    for j in range(4):
        s += tl.exp(v) * j
        if n > 10:
            s = helper(s, v)
    w = tl.sum(tl.missing(s) + v, 0)
    tl.store(o + i, s + w, mask=i < n)
END
expect 0 "long_reduced.py" reduce "$folder/long.py" --keep "$nereid emit {}:k --signature '*fp32,*fp32,i32,8' --stage ttir 2>&1 | grep -q 'has no .missing'"
if [ "$(wc -l <"$folder/long_reduced.py")" -le 6 ] && grep -q missing "$folder/long_reduced.py"; then passed=$((passed + 1)); else failed=$((failed + 1)); cat "$folder/long_reduced.py"; fi
expect 1 "does not succeed on" reduce "$folder/long.py" --keep "false {}"
expect 1 "needs \`{}\`" reduce "$folder/long.py" --keep true
expect 1 "takes a .py or a .ttir file" reduce README.md --keep "true {}"

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
