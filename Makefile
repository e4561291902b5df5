# Needs Rust and make; `make test`, `make bench` and `make bench-push` fetch the rest (see tests/services.sh).
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

SERVICES := tests/services.sh
SCRIPTS := $(SERVICES) .ci/run

.PHONY: help
help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Run every channel's fake, the gateway and a small ERP on this machine; nothing else is needed
	cargo run --locked --release -p loadtest -- demo

.PHONY: test
test: ## Run all tests beside a real Redis and a real Kafka
	$(SERVICES) install
	cargo test --locked --workspace --all-targets --no-run
	$(SERVICES) run -- cargo test --locked --workspace --no-fail-fast

.PHONY: lint
lint: ## Check format, lints, documents and dependencies
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --quiet
	cargo test --locked --test it --quiet -- tidy:: dependencies:: dashboards::
	if command -v shellcheck >/dev/null; then shellcheck $(SCRIPTS); fi
	if command -v cargo-deny >/dev/null; then cargo deny --offline check bans licenses sources; fi

.PHONY: bench
bench: ## Measure the gateway against the bare pipeline, beside a real Redis and a real Kafka
	$(SERVICES) install
	cargo build --locked --release -p channel-gateway -p loadtest
	target/release/loadtest channels
	$(SERVICES) run -- target/release/loadtest bench

.PHONY: bench-push
bench-push: ## Measure carrying stock back, beside a real Redis and a real Kafka
	$(SERVICES) install
	cargo build --locked --release -p channel-gateway -p loadtest
	$(SERVICES) run -- target/release/loadtest push

.PHONY: fmt
fmt: ## Format the code
	cargo fmt --all

.PHONY: schema
schema: ## Write config/schema/*.json and docs/asyncapi.json from the types
	cargo run --locked --quiet -p channel-gateway -- schema --write config/schema
	cargo run --locked --quiet -p channel-gateway -- schema --asyncapi > docs/asyncapi.json
