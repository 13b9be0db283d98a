#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the universal wheel into build/wheel-universal; with `test` also runs tests/python with it, installed in a folder whose path has spaces and
# other letters, without a home directory and with Python's oldest text settings.
set -eu
unset PYTHONPATH
cd "$(dirname "$0")/.."
scripts/wasm.sh python
rm -rf build/wheel-universal
python=python3
[ ! -x .venv/bin/python ] || python=.venv/bin/python
$python scripts/universal_wheel.py build/wheel-universal
[ "${1:-}" = test ] || exit 0

root=$PWD
place=$(mktemp -d)
trap 'chmod -R u+w "$place"; rm -rf "$place"' EXIT
site="$place/sites de Zoë ☂"
.venv/bin/pip install --quiet --disable-pip-version-check --no-index --no-deps --target "$site" build/wheel-universal/*.whl
chmod -R a-w "$site"
others=$(.venv/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")
run() {
  env -i PATH="$PATH" HOME=/dev/null/home PYTHONUTF8=0 PYTHONDONTWRITEBYTECODE=1 LC_ALL=C NEREID_CORE=wasm PYTHONPATH="$site:$others" "$@"
}
# Without a cache directory a launch works, too.
cp tests/python/kernel_helpers.py "$place/k é.py"
cat >>"$place/k é.py" <<'PY'


@nereid.jit
def scaled(x, N: tl.constexpr):  # größer
    i = tl.arange(0, N)
    tl.store(x + i, halved(tl.load(x + i)))


if __name__ == "__main__":
    import array
    x = array.array("f", [2, 4, 6, 8])
    scaled[(1, )](x, N=4)
    assert list(x) == [1, 2, 3, 4] and not nereid._core.NATIVE
    print(nereid.info(measure=False))
PY
(cd "$place" && run "$root/.venv/bin/python" "k é.py")
run "$root/.venv/bin/python" -m pytest -q -p no:cacheprovider tests/python --ignore=tests/python/plugin --ignore=tests/python/jax
