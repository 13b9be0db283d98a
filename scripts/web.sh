#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds or tests the npm package web/ and the playground, with the Node of its npm packages if installed.
#   scripts/web.sh build
#   scripts/web.sh site [serve [PORT]]
#   scripts/web.sh test [node | chromium] [NAME]
cd "$(dirname "$0")/../web" || exit 1
[ -d node_modules ] || { echo "skipped: no web/node_modules (scripts/setup.sh --web makes it)"; exit 0; }
node=node_modules/node/bin/node
[ -x $node ] || node=node
command=$1
shift
case "$command" in
  build) ../scripts/wasm.sh && exec $node build.mjs ;;
  site) ../scripts/wasm.sh && exec $node site.mjs "$@" ;;
  test) exec $node test/run.mjs "$@" ;;
  *) echo "web.sh: build, site or test, not $command" >&2; exit 2 ;;
esac
