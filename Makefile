# Recipes call scripts; what a target needs to know is in the script's first lines.
# REGISTRY and TAG name the images; with KUBECONFIG set, demo, test and install use that cluster.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo test images cluster-up install uninstall cluster-down bench fuzz generate fmt lint

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Show an app sleep, wake, scale out and sleep again on a real node
	@tests/demo/run

test: ## Run every test, those against a real node included
	@tests/run

images: ## Build the images and bring them to the node, or push them to REGISTRY
	@tests/images/make
	@tests/images/deliver

cluster-up: ## Start a Kubernetes node (the first time builds it)
	@tests/cluster/up

install: ## Install or upgrade todoapp with Helm, images included
	@tests/cluster/install

uninstall: ## Remove what install made; CRDs and apps stay
	@tests/cluster/uninstall

cluster-down: ## End the node and leave nothing behind
	@tests/cluster/down

bench: ## Take the figures of bench/RESULTS.md
	@bench/run

fuzz: ## Replay the corpus of each fuzz target and try new inputs for a minute
	@fuzz/run

generate: ## Write the CRDs and manifests from the Rust types and the chart
	@charts/generate

fmt: ## Format the code
	@cargo fmt --all
	@cargo fmt --manifest-path fuzz/Cargo.toml

lint: ## Check format and lints
	@cargo fmt --all --check
	@cargo fmt --manifest-path fuzz/Cargo.toml --check
	@cargo clippy --locked --workspace --all-targets -- -D warnings
	@cargo clippy --locked --package activator --features otlp --all-targets -- -D warnings
