#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the compiler (everything without LLVM) as WebAssembly and prints its size; more than 1.2 MB, or 475 kB with gzip, is a failure.
#   scripts/wasm.sh           for pages: build-wasm/nereid.wasm
#   scripts/wasm.sh python    for the Python package, with the interpreter: build-wasm/python.wasm, and libm.wasm with the mathematical functions
#                             that kernels import
set -eu
cd "$(dirname "$0")/.."
out=build-wasm
mkdir -p $out
# Generates a source file with the Triton library.
cmake --preset release > $out/configure.log 2>&1 || { cat $out/configure.log; exit 1; }
flags="--target=wasm32-wasi -Wno-deprecated -stdlib=libc++ -std=c++23 -fno-exceptions -fno-rtti -Oz -flto -ffp-contract=off -fno-threadsafe-statics -fno-c++-static-destructors -fmerge-all-constants
  -ffunction-sections -fdata-sections -fno-math-errno -Isrc"
if [ -d src/frontends/tl ] && ls src/frontends/tl/*.cpp >/dev/null 2>&1; then flags="$flags -DNEREID_HAS_TL=1"; fi
if ls src/lower/*.cpp >/dev/null 2>&1; then flags="$flags -DNEREID_HAS_LOWER=1"; fi
flags="$flags -DNEREID_HAS_WASM=1"
if ls src/backends/wgsl/*.cpp >/dev/null 2>&1; then flags="$flags -DNEREID_HAS_WGSL=1"; fi
clang="clang++-22"
command -v ccache >/dev/null && clang="ccache clang++-22"

# Compiled and linked separately: the driver would run Debian's old wasm-opt.
{
  printf 'builddir = %s\n' "$out"
  printf 'rule cc\n command = %s %s $flags -MMD -MF $out.d -c $in -o $out\n depfile = $out.d\n deps = gcc\n description = wasm $in\n' "$clang" "$(echo $flags)"
  sysroot=/usr
  lib=$sysroot/lib/wasm32-wasi
  # Options that reduce the size with gzip.
  lto="-mllvm -enable-merge-functions -mllvm -inline-threshold=-40 -mllvm -disable-lsr -mllvm -enable-pre=false -mllvm -enable-load-pre=false"
  printf 'rule link\n command = wasm-ld-22 --gc-sections --strip-debug $lto -O2 -z stack-size=1048576 --entry _initialize %s $in -L%s -lc++ -lc++abi -lc %s -o $out\n description = link $out\n' \
    "$lib/crt1-reactor.o" "$lib" "$(clang++-22 --target=wasm32-wasi -print-libgcc-file-name 2>/dev/null)"
  objects=""
  interpreter=""
  for file in src/support/*.cpp src/ir/*.cpp src/interp/*.cpp src/frontends/*/*.cpp src/passes/*.cpp src/analysis/*.cpp src/schedule/*.cpp \
    src/lower/*.cpp src/workgroup/*.cpp src/backends/wasm/*.cpp src/backends/wgsl/*.cpp src/driver/*.cpp src/wasm/*.cpp build/generated/tl_library.cpp; do
    [ -e "$file" ] && [ "$file" != src/driver/node.cpp ] || continue
    object=$out/$(echo "$file" | tr / _).o
    printf 'build %s: cc %s\n' "$object" "$file"
    objects="$objects $object"
    case "$file" in
      src/interp/element.cpp | src/interp/libdevice.cpp | src/wasm/entry.cpp)
        printf 'build %s.python: cc %s\n flags = -DNEREID_INTERPRETS=1\n' "$object" "$file"
        object=$object.python
        ;;
    esac
    interpreter="$interpreter $object"
  done
  # Without Binaryen, which takes a minute: a wheel is downloaded once.
  printf 'build %s/python.wasm: link%s\n lto = --lto-O2 %s\n' "$out" "$interpreter" "$lto"
  exports=""
  for name in exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh erf erfc cbrt pow fmod fma; do
    exports="$exports --export=$name"
  done
  printf 'rule libm\n command = wasm-ld-22 --gc-sections --strip-all -O2 --no-entry -z stack-size=16384%s -L%s -lm -lc -o $out\n description = link $out\n' "$exports" "$lib"
  printf 'build %s/libm.wasm: libm\n' "$out"
  # Binaryen removes another sixth. The linker puts nothing below address 1024. Without locals for recomputed values the module is smaller with
  # gzip; keeping large functions separate from their only caller saves another 0.2 %, and similar functions next to each other 3 %.
  opt=web/node_modules/binaryen/bin/wasm-opt
  node=web/node_modules/node/bin/node
  linked=nereid.wasm
  if [ -e $opt ]; then
    linked=linked.wasm
    features="--enable-bulk-memory --enable-bulk-memory-opt --enable-sign-ext --enable-nontrapping-float-to-int --enable-mutable-globals --enable-multivalue --enable-reference-types"
    opt="$node $opt --low-memory-unused --zero-filled-memory $features"
    printf 'rule opt\n command = %s --one-caller-inline-max-function-size 10 --flatten --rereloop -Oz -Oz --skip-pass=local-cse --skip-pass=memory-packing -g $in -o $out\n description = optimise $out\n' "$opt"
    printf 'rule order\n command = scripts/order_functions.py $in $out.ranked && %s --reorder-functions-by-name --strip-debug --strip-producers --strip-target-features $out.ranked -o $out\n description = order $out\n' "$opt"
    printf 'build %s/optimised.wasm: opt %s/linked.wasm\n' "$out" "$out"
    printf 'build %s/nereid.wasm: order %s/optimised.wasm | scripts/order_functions.py\n' "$out" "$out"
  fi
  printf 'build %s/%s: link%s\n lto = --lto-O2 %s\n' "$out" $linked "$objects" "$lto"
} > $out/build.ninja.new
cmp -s $out/build.ninja.new $out/build.ninja || cp $out/build.ninja.new $out/build.ninja
if [ "${1:-}" = python ]; then
  ninja --quiet -f $out/build.ninja $out/python.wasm $out/libm.wasm
  wasm-validate --enable-all $out/python.wasm
  wasm-validate $out/libm.wasm
  echo "python.wasm: $(wc -c < $out/python.wasm) bytes, libm.wasm: $(wc -c < $out/libm.wasm)"
  exit
fi
ninja --quiet -f $out/build.ninja $out/nereid.wasm
wasm-validate --enable-all $out/nereid.wasm 2>/dev/null || wasm-validate $out/nereid.wasm
size=$(wc -c < $out/nereid.wasm)
packed=$(gzip -9 -c $out/nereid.wasm | wc -c)
echo "nereid.wasm: $size bytes, $packed with gzip"
[ "$size" -le 1200000 ] || { echo "larger than 1.2 MB"; exit 1; }
[ "$packed" -le 475000 ] || { echo "larger than 475 kB with gzip"; exit 1; }
