# isocache. `make` lists what there is. Each target installs what it misses, and is quick when all is there.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
export PATH := $(HOME)/.cargo/bin:$(PATH)

PAGE_SOURCES := $(shell find crates/page crates/simulate/src src/engine xtask www/scripts -type f) Cargo.lock
SOURCES := $(shell find src crates/wasm crates/key-pattern xtask pkg/src pkg/scripts -type f) Cargo.toml Cargo.lock pkg/package.json package-lock.json

.PHONY: help demo docs build bridge page test test-rust test-js test-wasm test-everywhere test-instructions bench lint miri release-check clean

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: build bridge page ## Serve the embedded store and the page that shows the cache at work, on a loopback port that it prints
	@scripts/demo.sh

docs: ## Build the documentation with both references and serve it, on a loopback port that it prints (PORT: this one)
	@scripts/need.sh node rust
	cargo doc --quiet --no-deps -p isocache --all-features
	npm run --silent --workspace docs build
	mkdir -p docs/.vitepress/dist/reference
	cp -r target/doc docs/.vitepress/dist/reference/rust
	@node docs/scripts/serve.mjs

build: pkg/dist/index.js ## Build the npm package into pkg/dist

pkg/dist/index.js: $(SOURCES)
	@scripts/need.sh node rust wasm-target
	node pkg/scripts/build.mjs

bridge: ## Build the command isocache, for development: target/debug/isocache
	@scripts/need.sh rust
	cargo build --quiet --package isocache-bridge

page: www/built/glue.js ## Build what the page of the demonstration needs into www/built

www/built/glue.js: $(PAGE_SOURCES)
	@scripts/need.sh node rust wasm-target
	node www/scripts/build.mjs

test: lint test-rust test-instructions test-wasm test-js ## Everything: lint, Rust, wasm in Node and Chromium, npm package, page

test-rust:
	@scripts/need.sh node rust redis python curl xz
	@mkdir -p target
	node scripts/run-tests.mjs -- cargo test --workspace 2>&1 | tee target/rust-tests.log
	@echo "isocache: $$(grep -c '^skipped:' target/rust-tests.log || true) of these tests were skipped"

test-instructions:
	@scripts/need.sh node rust valgrind
	node scripts/instructions.mjs

test-wasm: build
	@scripts/need.sh node rust wasm-target wasm-bindgen wasm-pack chromium
	scripts/wasm-tests.sh

test-js: build bridge page
	@scripts/need.sh node chromium redis python wasm-target wasm-bindgen xz
	cargo build --quiet --features http,metrics,redis,sessions,tower,tracing --example user_service --example shop
	node scripts/run-tests.mjs $$(find tests/js tests/packaging www/test -name '*.test.mjs' | sort)

test-everywhere: build bridge ## The package in every environment of docs/environments.md, and its table; tools go to target/environments
	@scripts/need.sh node rust wasm-target chromium firefox webkit wasm-bindgen wasm-pack geckodriver
	node tests/packaging/environments/run.mjs --write
	scripts/wasm-tests.sh --firefox

lint: build ## Formatters, linters, types and documentation, without changing anything
	@scripts/need.sh node rust wasm-target
	cargo fmt --all --check
	scripts/check-features.sh
	cargo clippy --quiet --workspace --all-targets --all-features -- -D warnings
	cargo clippy --quiet --package isocache-wasm --package isocache-page --target wasm32-unknown-unknown -- -D warnings
	cargo clippy --quiet --tests --target wasm32-unknown-unknown --features http,js -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --quiet --no-deps --target wasm32-unknown-unknown --features http,js
	cargo fmt --check --manifest-path examples/rust-worker/Cargo.toml
	cargo clippy --quiet --manifest-path examples/rust-worker/Cargo.toml --target wasm32-unknown-unknown -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --quiet --no-deps --workspace --exclude instructions --exclude servers --exclude isocache-wasm --exclude isocache-docs --all-features
	npx biome ci --error-on-warnings .
	npx tsc -p pkg --noEmit

bench: build ## Compare speed, size and memory with other caches; tables go to bench-results/ and the documentation (QUICK=1: less exact)
	@scripts/need.sh node rust redis xz
	cargo bench --bench peers $(if $(QUICK),-- --quick)
	cargo bench --bench loading $(if $(QUICK),-- --quick)
	cargo bench --bench redis $(if $(QUICK),-- --quick)
	cargo bench --package isocache-bridge --bench bridge $(if $(QUICK),-- --quick)
	cargo bench --package isocache-bridge --bench invalidations $(if $(QUICK),-- --quick)
	node pkg/bench/run.mjs $(if $(QUICK),--quick)
	node pkg/bench/loading.mjs $(if $(QUICK),--quick)
	node pkg/bench/tiers.mjs $(if $(QUICK),--quick)
	cargo build --quiet --release --package isocache-bridge --package cache-reader
	node pkg/bench/http.mjs $(if $(QUICK),--quick)
	node pkg/bench/stale-reads.mjs $(if $(QUICK),--quick)
	node pkg/bench/commands.mjs $(if $(QUICK),--quick)
	node scripts/performance.mjs

miri: ## The engine, the memory cache, loading and tiers under Miri, with small sizes: no undefined behaviour, no leak, no race
	@scripts/need.sh miri
	scripts/miri.sh

release-check: build bridge ## Check that every crate and the npm package can be published, without publishing them
	scripts/release-check.sh

clean: ## Remove what was built
	rm -rf target pkg/dist www/built node_modules bench-results test-results
