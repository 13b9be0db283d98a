#!/bin/sh
# SPDX-License-Identifier: MIT
# Objects for ARM, compiled here and run by qemu-user: they compute what C computes.
set -eu
cd "$(dirname "$0")/.."
nereid=$PWD/build/bin/nereid
cross=/usr/aarch64-linux-gnu
gcc=$(ls -d /usr/lib/gcc-cross/aarch64-linux-gnu/* 2>/dev/null | tail -n 1)
[ "$(uname -m)" = x86_64 ] || { echo "skipped: this is not x86-64"; exit 0; }
if ! command -v qemu-aarch64 >/dev/null || [ ! -d "$cross/lib" ] || [ -z "$gcc" ]; then
  echo "skipped: no qemu-user, libc6-dev-arm64-cross or libgcc-12-dev-arm64-cross"
  exit 0
fi
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
cat >k.py <<'PY'
import triton
import triton.language as tl


@triton.jit
def softmax(out, x, n, BLOCK: tl.constexpr):
    r = tl.program_id(0)
    i = tl.arange(0, BLOCK)
    v = tl.load(x + r * n + i, mask=i < n, other=-float("inf"))
    e = tl.exp(v - tl.max(v, 0))
    tl.store(out + r * n + i, e / tl.sum(e, 0), mask=i < n)


@triton.jit
def product(a, b, c, n, BLOCK: tl.constexpr):
    rows = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    columns = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    depth = tl.arange(0, BLOCK)
    sums = tl.zeros((BLOCK, BLOCK), c.dtype.element_ty)
    for k in range(0, n, BLOCK):
        sums = tl.dot(tl.load(a + rows[:, None] * n + (k + depth)[None, :]), tl.load(b + (k + depth)[:, None] * n + columns[None, :]), sums)
    tl.store(c + rows[:, None] * n + columns[None, :], sums)
PY
cat >main.c <<'C'
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include KERNEL
enum { N = 64 };
#ifdef TYPE
static TYPE a[N * N], b[N * N];
static RESULT c[N * N];
int main(void) {
  for (int i = 0; i < N * N; ++i) a[i] = (TYPE)(i % 7 - 3), b[i] = (TYPE)(i % 5 - 2);
  int n = N;
  const void* args[] = {a, b, c, &n};
  uint32_t grid[3] = {N / 32, N / 32, 1};
  product(args, grid, 0, 4, aligned_alloc(64, product_scratch_bytes + 64));
  for (int i = 0; i < N; ++i)
    for (int j = 0; j < N; ++j) {
      double sum = 0;
      for (int k = 0; k < N; ++k) sum += (double)a[i * N + k] * (double)b[k * N + j];
      if (sum != (double)c[i * N + j]) return printf("%d %d: %g instead of %g\n", i, j, (double)c[i * N + j], sum), 1;
    }
  return 0;
}
#else
static float x[3 * N], o[3 * N];
int main(void) {
  for (int i = 0; i < 3 * N; ++i) x[i] = sinf(i);
  int n = N - 1;
  const void* args[] = {o, x, &n};
  uint32_t grid[3] = {3, 1, 1};
  softmax(args, grid, 0, 3, aligned_alloc(64, softmax_scratch_bytes + 64));
  for (int r = 0; r < 3; ++r) {
    double sum = 0;
    for (int i = 0; i < n; ++i) sum += exp(x[r * n + i]);
    for (int i = 0; i < n; ++i)
      if (!(fabs(o[r * n + i] - exp(x[r * n + i]) / sum) < 1e-6)) return printf("%d %d: %g\n", r, i, o[r * n + i]), 1;
  }
  return 0;
}
#endif
C
passed=0
failed=0
# run CPU KERNEL SIGNATURE BLOCK DEFINES...
run() {
  cpu=$1 kernel=$2 signature=$3 block=$4
  shift 4
  if "$nereid" compile "k.py:$kernel" --target cpu --cpu "$cpu" --signature "$signature" -D "BLOCK=$block" -o . >/dev/null &&
    clang-22 --target=aarch64-linux-gnu -O1 "-DKERNEL=\"$kernel.h\"" "$@" main.c "$kernel.o" -o main -fuse-ld=lld "-B$gcc" "-L$gcc" "-L$cross/lib" --sysroot=/ -isystem "$cross/include" -lm &&
    qemu-aarch64 -L "$cross" ./main; then
    passed=$((passed + 1))
  else
    echo "failed: $cpu $kernel $signature"
    failed=$((failed + 1))
  fi
}
for cpu in aarch64 aarch64:neoverse-n1; do
  run $cpu softmax '*fp32,*fp32,i32' 64
  run $cpu product '*fp32,*fp32,*fp32,i32' 32 -DTYPE=float -DRESULT=float
  run $cpu product '*i8,*i8,*i32,i32' 32 -DTYPE=int8_t -DRESULT=int32_t
  run $cpu product '*fp16,*fp16,*fp32,i32' 32 -DTYPE=__fp16 -DRESULT=float
done
# An unknown processor is an error.
if "$nereid" emit k.py:softmax --cpu aarch64:nothing --stage asm --signature '*fp32,*fp32,i32' -D BLOCK=64 >out 2>&1 || ! grep -q "does not know the processor nothing" out; then
  cat out
  failed=$((failed + 1))
else
  passed=$((passed + 1))
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
