#!/bin/sh
# SPDX-License-Identifier: MIT
# Checks the sources without running them: formatting, linters, prose. Takes about two minutes.
#   scripts/check.sh          reports problems
#   scripts/check.sh --fix    formats, and fixes what the linters can fix
set -u
cd "$(dirname "$0")/.." || exit 1
fix=${1:-}
passed=0
failed=0
check() {
  name=$1
  shift
  if "$@" >build/check.log 2>&1; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "--- $name:"
    cat build/check.log
  fi
}
mkdir -p build
bin=tools/lint/node_modules/.bin
cpp=$(git ls-files '*.cpp' '*.h')
scripts=$(git ls-files 'web/*.ts' 'web/*.tsx' 'web/*.mjs' 'recall/*.ts' 'recall/*.mjs' 'voice/*.ts' 'voice/*.mjs' 'scripts/*.mjs' 'bench/*.mjs' 'tools/*.mjs')
# shellcheck disable=SC2046,SC2086
{
  check "clang-format (scripts/check.sh --fix)" clang-format-22 $([ "$fix" = --fix ] && echo -i || echo "--dry-run -Werror") $cpp
  check "prettier (scripts/check.sh --fix)" $bin/prettier --config tools/lint/.prettierrc.json --log-level warn $([ "$fix" = --fix ] && echo --write || echo --check) $scripts
  check eslint $bin/eslint -c tools/lint/eslint.config.mjs $([ "$fix" = --fix ] && echo --fix) $scripts
  check ruff .venv/bin/ruff check $([ "$fix" = --fix ] && echo --fix) python recall voice tests bench scripts examples
  check "import cycles" scripts/import_cycles.py
  check shellcheck shellcheck -S warning $(git ls-files '*.sh' .ci/run)
  [ ! -x scripts/prose.sh ] || check prose scripts/prose.sh
  # Only for files with uncommitted changes: clang-tidy takes seconds per file. src/wasm is for another target than the compile commands.
  changed=$(git diff --name-only --diff-filter=d HEAD -- 'src/*.cpp' 'tools/*.cpp' 'python/src/*.cpp' ':!src/wasm' | head -40)
  [ -z "$changed" ] || [ ! -e build/compile_commands.json ] || check clang-tidy clang-tidy-22 -p build --quiet $changed
}
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
