#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the wheel into build/wheel; with `test` also installs it into an empty environment and launches a kernel there.
set -eu
unset PYTHONPATH
cd "$(dirname "$0")/.."
rm -rf build/wheel
# With the same options as the other build, so that ccache already has all objects.
werror=""
! grep -qs '^NEREID_WERROR:BOOL=ON' build/CMakeCache.txt || werror="-Ccmake.define.NEREID_WERROR=ON"
# shellcheck disable=SC2086
.venv/bin/pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation $werror -Cbuild-dir=build/wheel-tree --wheel-dir build/wheel .
# The tag for the glibc that it needs, and a copy of libzstd, which not every system has.
if [ -x .venv/bin/auditwheel ]; then
  PATH=$PWD/.venv/bin:$PATH .venv/bin/auditwheel repair --plat "manylinux_2_35_$(uname -m)" --wheel-dir build/wheel/tagged build/wheel/*.whl 2>/dev/null
  rm build/wheel/*.whl
  mv build/wheel/tagged/*.whl build/wheel
fi
wheel=$(ls build/wheel/*.whl)
size=$(stat -c %s "$wheel")
echo "$wheel: $((size / 1000)) kB"
[ "${1:-}" = test ] || exit 0

# Fails if the wheel is too large to download casually.
[ "$size" -lt 20000000 ] || { echo "the wheel is too large"; exit 1; }
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
.venv/bin/python -m venv "$place/env"
"$place/env/bin/pip" install --quiet --disable-pip-version-check --no-index --no-deps "$wheel"
cat >"$place/k.py" <<'PY'
import array
import nereid
import nereid.language as tl


@nereid.jit
def doubled(x, o, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(o + i, 2 * tl.load(x + i, mask=i < n), mask=i < n)


x, o = array.array("f", range(1000)), array.array("f", [0] * 1000)
doubled[nereid.cdiv(1000, 64)](x, o, 1000, BLOCK=64)
assert list(o) == [2 * v for v in x]
assert nereid.__file__.startswith(__import__("sys").prefix), nereid.__file__
PY
cd "$place" && NEREID_CACHE_DIR="$place/cache" PYTHONPATH="" env/bin/python k.py
env/bin/nereid emit k.py:doubled --signature '*fp32,*fp32,i32' -D BLOCK=64 | grep -q 'tt.func public @doubled'
# Only libraries that every Debian 12, and Ubuntu from 22.04 on, provides.
for library in $(ldd env/lib/python*/site-packages/nereid/_native*.so | awk '{print $1}'); do
  case "$library" in
    linux-vdso* | libc.so* | libm.so* | libz.so* | libzstd*.so* | libstdc++.so* | libgcc_s.so* | /lib*ld-linux*) ;;
    *) echo "the wheel needs $library"; exit 1 ;;
  esac
done
newest=$(objdump -T env/lib/python*/site-packages/nereid/_native*.so | grep -o 'GLIBC_2\.[0-9]*' | sort -V | tail -n 1)
[ "${newest#GLIBC_2.}" -le 35 ] || { echo "the wheel needs $newest"; exit 1; }
