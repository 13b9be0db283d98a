#!/bin/sh
# SPDX-License-Identifier: MIT
# Checks the English of README, docs and comments: words to avoid, long sentences, more than one sentence on a line.
#   scripts/prose.sh [FILE...]
cd "$(dirname "$0")/.." || exit 1
exec python3 scripts/prose.py "$@"
