#!/bin/sh
# SPDX-License-Identifier: MIT
# `nereid compile --target cpu` writes an object and a header that a C program can use with only the C library.
cd "$(dirname "$0")/.." || exit 1
cc=$(command -v cc || command -v clang || command -v clang-22) || { echo "skipped: no C compiler"; exit 0; }
nereid=build/bin/nereid
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/k.py" <<'K'
import triton
import triton.language as tl
from triton.language.extra import libdevice


# A buffer in scratch memory, and a function that we expand.
@triton.jit
def softmax(x_ptr, out_ptr, columns, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + tl.program_id(1) * columns + i, mask=i < columns, other=-float("inf"))
    e = tl.exp(x - tl.max(x, axis=0))
    tl.store(out_ptr + tl.program_id(1) * columns + i, e / tl.sum(e, axis=0), mask=i < columns)


# Functions of the C library, narrow floats, an atomic with rounding in a compare-and-swap loop, an unsigned and a boolean argument.
@triton.jit
def mixed(x_ptr, sum_ptr, out_ptr, limit: tl.uint32, double: tl.int1, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i).to(tl.float32)
    tl.device_assert(x < 100, "too large")
    tl.atomic_add(sum_ptr, tl.sum(x, axis=0).to(tl.bfloat16))
    y = libdevice.cosh(x) * (2 if double else 1)
    tl.store(out_ptr + i, tl.where(i.to(tl.uint32) < limit, y.to(tl.float16), 0))
K
cat >"$folder/main.c" <<'C'
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "mixed.h"
#include "softmax.h"

static float x[3 * 50], out[3 * 50];
static _Alignas(64) char scratch[softmax_scratch_bytes + mixed_scratch_bytes + 64];

int main(void) {
  for (int i = 0; i < 150; ++i) x[i] = (float)(i % 17) - 0.25f * (float)(i % 5);
  int32_t columns = 50;
  const void* args[] = {x, out, &columns};
  const uint32_t grid[3] = {2, 3, 1};
  softmax(args, grid, 0, 2, scratch); /* in two parts */
  softmax(args, grid, 2, 6, scratch);
  for (int r = 0; r < 3; ++r) {
    double sum = 0;
    for (int i = 0; i < 50; ++i) sum += exp(x[50 * r + i]);
    for (int i = 0; i < 50; ++i)
      if (!(fabs(out[50 * r + i] - exp(x[50 * r + i]) / sum) < 1e-6)) return printf("softmax is wrong at %d, %d\n", r, i), 1;
  }
  uint16_t halves[8] = {0, 0x3c00, 0x4000, 0x4200, 0xbc00, 0, 0x3800, 0x3c00}; /* f16: 0 1 2 3 -1 0 0.5 1 */
  uint16_t total = 0x3f80, result[8];                                         /* bf16: 1 */
  uint32_t limit = 7;
  uint8_t twice = 1;
  const void* more[] = {halves, &total, result, &limit, &twice};
  const uint32_t line[3] = {2, 1, 1};
  mixed(more, line, 0, 2, scratch);
  if (total != 0x40f0) return printf("the atomic gave %#x\n", total), 1;        /* 7.5 */
  /* 2 cosh of 0, 1, 2, 3, -1, 0, 0.5 in f16; 0 past the limit */
  const uint16_t wanted[8] = {0x4000, 0x422c, 0x4786, 0x4d09, 0x422c, 0x4000, 0x4083, 0};
  for (int i = 0; i < 8; ++i)
    if (result[i] != wanted[i]) return printf("mixed is wrong at %d: %#x\n", i, result[i]), 1;
  return 0;
}
C
# Padding before aligned loops is executed: no no-op may have five prefixes, even if LLVM considers them fast on this processor.
short_noops() { ! LC_ALL=C grep -qaP '\x66\x66\x66\x66\x66\x2e' "$1"; }
"$nereid" compile "$folder/k.py:softmax" --target cpu --signature "*fp32:16,*fp32:16,i32,64" -o "$folder" && short_noops "$folder/softmax.o" &&
  "$nereid" compile "$folder/k.py:mixed" --target cpu --signature "*fp16,*bf16,*fp16,u32,i1,4" -o "$folder" --debug &&
  "$cc" -std=c11 -Wall -Werror -o "$folder/main" "$folder/main.c" "$folder/softmax.o" "$folder/mixed.o" -lm && "$folder/main"
