#!/bin/sh
# SPDX-License-Identifier: MIT
# On a machine with a GPU, torch and stock Triton, without a network: Nereid must not interfere, and gives the same results when selected.
#   tests/python/gpu_machine.sh WHEEL
# The wheel is built elsewhere, for that machine's Python: scripts/wheel.sh.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
wheel=$(readlink -f "$1")
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
# Unpacking a wheel is enough; pip may not exist.
python3 -m zipfile -e "$wheel" "$place/site"
export PYTHONPATH="$place/site"
export NEREID_CACHE_DIR="$place/cache" TRITON_CACHE_DIR="$place/triton"
cat >"$place/kernels.py" <<'PY'
import sys, torch, triton, triton.language as tl

@triton.jit
def softmax(x, o, n, BLOCK: tl.constexpr):
    row, i = tl.program_id(0), tl.arange(0, BLOCK)
    v = tl.load(x + row * n + i, mask=i < n, other=-float("inf"))
    e = tl.exp(v - tl.max(v, axis=0))
    tl.store(o + row * n + i, e / tl.sum(e, axis=0), mask=i < n)

@triton.jit
def matmul(a, b, c, N, B: tl.constexpr):
    m, n, k = tl.program_id(0) * B + tl.arange(0, B), tl.program_id(1) * B + tl.arange(0, B), tl.arange(0, B)
    acc = tl.zeros((B, B), tl.float32)
    for s in range(0, N, B):
        acc = tl.dot(tl.load(a + m[:, None] * N + (s + k)[None, :]), tl.load(b + (s + k)[:, None] * N + n[None, :]), acc)
    tl.store(c + m[:, None] * N + n[None, :], acc.to(tl.bfloat16))

device, wanted, file = sys.argv[1:]
from triton.runtime.driver import driver
assert type(driver.active).__name__ == wanted, type(driver.active)
torch.manual_seed(0)
x, a, b = torch.randn(100, 781), torch.randn(128, 128).bfloat16(), torch.randn(128, 128).bfloat16()
x, a, b = x.to(device), a.to(device), b.to(device)
o, c = torch.empty_like(x), torch.empty_like(a)
softmax[(100, )](x, o, 781, BLOCK=1024)
matmul[(4, 4)](a, b, c, 128, B=32)
torch.save((o.cpu(), c.cpu()), file)
print(triton.__version__, wanted, "ran")
PY
cd "$place"
python3 kernels.py cuda CudaDriver gpu.pt
TRITON_DEFAULT_BACKEND=nereid python3 kernels.py cpu NereidDriver cpu.pt
python3 -c "
import torch
for g, c in zip(torch.load('gpu.pt'), torch.load('cpu.pt')):
    d = (g.float() - c.float()).abs().max().item()
    print('largest difference', d)
    assert d <= 2e-2 * g.float().abs().max().item()
"
# A tensor of the GPU is refused, not read.
cat >"$place/refused.py" <<'PY'
import torch, nereid, nereid.language as tl

@nereid.jit
def kernel(x):
    tl.store(x, 1.0)

try:
    kernel[1](torch.zeros(1, device="cuda"))
    raise SystemExit("a tensor of the GPU was taken")
except TypeError as e:
    assert "not in the CPU's memory" in str(e), e
x = torch.zeros(1)
kernel[1](x)
assert x[0] == 1
PY
python3 refused.py
if python3 -c "import pytest, ml_dtypes" 2>/dev/null; then
  # Skip tests that assume that there is no GPU.
  JAX_PLATFORMS=cpu TRITON_DEFAULT_BACKEND=nereid python3 -m pytest -q -p no:cacheprovider "$here/plugin" -k "not backend_can_be_named and not stands_back"
fi
echo "1 passed, 0 failed"
