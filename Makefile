# Says what runs, nothing more. `make` alone lists the targets.
.DEFAULT_GOAL := help
.PHONY: help setup up test test-unit test-real test-cluster test-long check bench bench-pulls docs images screenshot clean

export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install what is missing for up and test (again and again without harm)
	@scripts/setup.sh up test

up: ## start Waybill with a live demonstration; ARGS="--http 127.0.0.1:8090" changes it
	@scripts/setup.sh up
	@bin/waybill demo --data .data $(ARGS)

test: ## check, unit tests, tests with real servers; ends with a line that counts
	@scripts/setup.sh test
	@node scripts/test.ts check unit real

test-unit: ## tests that need only Node; seconds
	@scripts/setup.sh
	@node scripts/test.ts unit

test-real: ## tests with real PostgreSQL, containerd, skopeo and Chromium
	@scripts/setup.sh test
	@node scripts/test.ts real

test-cluster: ## tests on real Kubernetes clusters of two nodes (root); builds Kubernetes the first time, 16 minutes of one core
	@scripts/setup.sh test cluster
	@npm run --silent build --workspace @waybill/cluster
	@node scripts/test.ts cluster

test-long: ## soaks, attacks, many thousand rounds; much longer than all the others
	@scripts/setup.sh test
	@node scripts/test.ts long

check: ## types, lint, format, import rules, dead code, same versions
	@scripts/setup.sh
	@node scripts/test.ts check

bench: ## measure side by side with docker-registry
	@scripts/setup.sh test bench
	@npm run --silent bench --workspace @waybill/bench

bench-pulls: ## the pull server under load; ARGS="1000x200 knee" chooses, BENCH_SECONDS=30
	@scripts/setup.sh
	@npm run --silent pulls --workspace @waybill/bench -- $(ARGS)

images: ## container images as an OCI layout in dist/images; ARGS="--push http://127.0.0.1:8080" pushes them
	@scripts/setup.sh images
	@node deploy/images/src/main.ts $(ARGS)

docs: ## write the generated pages of docs/
	@scripts/setup.sh
	@bin/waybill docs settings > docs/settings.md
	@node scripts/chart-values.ts

screenshot: ## make the screenshots of the README again
	@scripts/setup.sh test
	@npm run --silent screenshot --workspace @waybill/tests

clean: ## remove what these commands made, except node_modules
	@scripts/clean.sh
