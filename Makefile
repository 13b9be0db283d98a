# SPDX-License-Identifier: MIT
# Everything from a bare Debian 12 machine: each target sets up what it needs first.
JOBS ?= $(shell nproc)
# Warnings are errors in continuous integration.
PRESET ?= $(if $(CI),ci,release)

.PHONY: check soak mutations build python wheel universal demo test conformance bench bench-gpu bench-web asan fuzz wasm web site serve setup clean

# The Python extension is built where setup.sh --python was.
PYTHON := $(if $(wildcard .venv/.has-nanobind*),-DNEREID_PYTHON=ON -DPython_EXECUTABLE=$(CURDIR)/.venv/bin/python)

build: setup
	@cmake --preset $(PRESET) $(PYTHON) > build-configure.log 2>&1 || { cat build-configure.log; exit 1; }
	@rm -f build-configure.log
	@ninja -C build -j $(JOBS)

setup:
	@scripts/setup.sh

# build/python has the package: PYTHONPATH=build/python
python: setup
	@scripts/setup.sh --python
	@$(MAKE) --no-print-directory build

# build/wheel has what `pip install` takes. Builds only the package.
wheel: setup
	@scripts/setup.sh --wheel
	@scripts/wheel.sh

# build/wheel-universal has a wheel for every platform.
universal: setup
	@scripts/setup.sh --web
	@scripts/universal.sh

demo: build
	@scripts/setup.sh --numpy
	@scripts/demo.sh

# Looks at sources without running them: formatting, linters, prose. Before a commit; some two minutes.
check: build
	@scripts/setup.sh --check
	@scripts/check.sh

test:
	@scripts/setup.sh --tests
	@scripts/test.sh

# The performance suite on the CPU and in WebAssembly, beside other libraries; best on an idle machine. Writes bench/suite/history and
# docs/benchmarks.md.
DATE ?= $(shell date +%F)
bench: python
	@scripts/setup.sh --bench
	@scripts/web.sh build
	@PYTHONPATH=build/python .venv-bench/bin/python bench/suite/cpu.py --date $(DATE)
	@PYTHONPATH=build/python web/node_modules/node/bin/node bench/suite/wasm.mjs --date $(DATE)
	@.venv-bench/bin/python bench/suite/report.py

# DIR=folder: the suite for a machine with a GPU, where its README.md says how to run it.
bench-gpu: build
	@test -n "$(DIR)" || { echo "make bench-gpu DIR=FOLDER" >&2; exit 2; }
	@scripts/setup.sh --web
	@scripts/setup.sh --numpy
	@scripts/web.sh build
	@python3 bench/suite/cases.py $(DIR)
	@.venv/bin/python bench/suite/pool.py $(DIR)
	@web/node_modules/node/bin/node bench/suite/pack.mjs $(DIR)

# In WebAssembly beside TensorFlow.js, ONNX Runtime Web and jax-js, in Node and Chromium.
bench-web: build
	@scripts/setup.sh --bench-web
	@scripts/web.sh build
	@web/node_modules/node/bin/node bench/web/run.mjs

asan: setup
	@scripts/asan.sh --all

# libFuzzer, a minute for each harness; FUZZ_SECONDS=3600 for more.
FUZZ_SECONDS ?= 60
fuzz: setup
	@cmake --preset fuzz > /dev/null
	@ninja -C build-fuzz -j $(JOBS)
	@for harness in build-fuzz/bin/fuzz_*; do \
	  name=$$(basename $$harness); mkdir -p build-fuzz/corpus/$$name; \
	  echo "$$name"; $$harness -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=build-fuzz/ build-fuzz/corpus/$$name tests/ir tests/ops || exit 1; \
	done

# Random programs with new seeds, fuzz harnesses and sanitizers for so long.
MINUTES ?= 10
soak: build
	@scripts/soak.sh $(MINUTES)

# Optional: breaks the compiler in one place at a time, and reports which test finds it; NAMES="fold mask" for some. An hour or more.
mutations: build
	@python3 tests/mutations.py --jobs $(JOBS) $(NAMES)

wasm: setup
	@scripts/setup.sh --web
	@scripts/wasm.sh

# Optional: what others wrote, by wheels that it fetches; SUITES="tutorials liger".
conformance: python
	@scripts/setup.sh --tests
	@scripts/conformance.sh $(SUITES)

# The npm package web/, and how large it is.
web:
	@scripts/setup.sh --web
	@scripts/web.sh build

# The playground: web/site, static files for any host; on localhost with the headers that threads need.
site: setup
	@scripts/setup.sh --web
	@scripts/web.sh site

PORT ?= 8000
serve: setup
	@scripts/setup.sh --web
	@scripts/web.sh site serve $(PORT)

clean:
	rm -rf build build-asan build-fuzz build-wasm web/build web/dist web/site
