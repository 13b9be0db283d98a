#!/bin/sh
# SPDX-License-Identifier: MIT
# A kernel on the interpreter and on the CPU.
set -eu
cd "$(dirname "$0")/.."
nereid=build/bin/nereid
echo "The targets of this build:"
$nereid targets
for target in interp cpu; do
  $nereid targets | grep -q "^$target " || continue
  echo "
Softmax on $target:"
  $nereid run tests/ops/softmax.ttir:softmax --target $target --grid 2 --arg 'x=f32[0, 1, 2, 9, 3, 3, 3, 9; 2, 4]' --arg 'o=zeros:f32[2,4]' --arg n=3 --arg s=4 --show o
done
