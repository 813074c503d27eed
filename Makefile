# The only list of tasks. `make` prints it.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := help
# The tasks of a list are meant in its order, but for those that are said to be independent.
ifndef SIDE_BY_SIDE
.NOTPARALLEL:
endif

# Arguments for `handback run` in the demo, for example DEMO_ARGS=--no-keep-alive.
DEMO_ARGS ?=
# Arguments of benches/compare.mjs, for example BENCH_ARGS='--only pages'.
BENCH_ARGS ?=
# The test cluster; several of different names may be up at once.
CLUSTER ?= $(or $(HANDBACK_CLUSTER),default)
# Which tests of test-e2e; all of them unless said.
TESTS ?=
# The plan of the demo.
PLAN ?= examples/shop.md

comma := ,
say = @printf '\n== %s\n' '$(1)'

.PHONY: help
help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: setup web build ## Watch a plan buy something in a small shop, then take the browser over
	@scripts/demo.sh $(PLAN) $(DEMO_ARGS)

# Tests of library and program wait for browsers and clocks a good part of their time: two more of them go on
# than there are cores.
.PHONY: test
test: setup-cluster ## Everything: lints, the page, the library, real browsers, a real S3 server, a real Kubernetes
	$(call say,the shop under test)
	@node --test tests/site/shop.test.mjs
	$(call say,a double of Mailpit)
	@$(MAKE) --no-print-directory tests/mail/node_modules/.installed
	@node --test tests/mail/mailpit.test.mjs
	$(call say,the takeover page and the player)
	@$(MAKE) --no-print-directory web
	@npm --prefix web test
	@$(MAKE) --no-print-directory lints
	$(call say,library and program)
	@RUST_TEST_THREADS=$${RUST_TEST_THREADS:-$$(($$(nproc) + 2))} cargo test --locked --no-fail-fast
	@$(MAKE) --no-print-directory takeover-tests
	@$(MAKE) --no-print-directory mcp-tests
	@$(MAKE) --no-print-directory test-s3
	@$(MAKE) --no-print-directory test-fleet
	$(call say,all passed)

# A person's browser, driven by Playwright, against the program that was just built.
.PHONY: test-takeover
test-takeover: web build takeover-tests

# After `cargo test` the program is there; `build` would make it again, since without the tests'
# dependencies their features are off and nearly everything has to be compiled anew.
.PHONY: takeover-tests
takeover-tests:
	$(call say,a second browser takes over)
	@tests=(tests/takeover/*.test.mjs); node --test --test-concurrency=1 "$${tests[@]}"

# Coding agents that are not ours: the official clients of two other languages, against the program that was just
# built.
.PHONY: test-mcp
test-mcp: web build mcp-tests

.PHONY: mcp-tests
mcp-tests: tests/mcp/node_modules/.installed tests/mcp/.venv/.installed
	$(call say,coding agents over MCP)
	@node --test --test-concurrency=1 tests/mcp/stdio.test.mjs tests/mcp/http.test.mjs

# Everything that needs images and nodes. Four parts of it have a cluster of their own and mostly wait for it.
.PHONY: test-fleet
test-fleet: programs images ## On a Kubernetes: the test cluster itself, the chart, the quickstart, runs and takeovers
	$(call say,a real Kubernetes; beside it$(comma) without a word until their end$(comma) the test cluster itself$(comma) the chart and the quickstart)
	@$(MAKE) --no-print-directory --jobs=4 --output-sync=target --keep-going SIDE_BY_SIDE=yes \
	  test-runs test-cluster test-chart test-quickstart

# The longest of the four: the plus sign lets its words through as they come.
.PHONY: test-runs
test-runs:
	+@env -u MAKEFLAGS -u MFLAGS -u SIDE_BY_SIDE scripts/test-e2e.sh

# The chart, runs and takeovers on a real Kubernetes. A cluster of somebody's own pulls its images from
# a registry; ours gets them here. TESTS is a part of a test's name.
.PHONY: test-e2e
test-e2e: setup-cluster ## Everything on a real Kubernetes: that of KUBECONFIG, or else the test cluster
	@[ -n "$${KUBECONFIG:-}" ] || $(MAKE) --no-print-directory programs images
	$(call say,a real Kubernetes)
	@scripts/test-e2e.sh $(TESTS)

# A real S3 server, which the test cluster's programs have with them, and a client that is not ours.
.PHONY: test-s3
test-s3: programs
	$(call say,the files of a run in a real S3 server)
	@HANDBACK_VERSITYGW=$$(scripts/versitygw.sh) cargo test --locked --test s3

.PHONY: test-apps
test-apps: setup web ## Four applications that are not ours, ten runs of each: the same steps, the same verdicts
	$(call say,four applications ten times)
	@HANDBACK_APP_RUNS=10 cargo test --locked --test it -- apps::

# Brings a cluster of its own up and down, since that is what one reads there. A `make` that is typed there
# is nobody's part.
.PHONY: test-quickstart
test-quickstart: setup-cluster web ## Type every line of examples/quickstart.md
	$(call say,the quickstart)
	@env -u MAKEFLAGS -u MFLAGS -u SIDE_BY_SIDE node tests/quickstart/quickstart.mjs

# A cluster of its own, unless KUBECONFIG says which. The images have to be there.
.PHONY: test-chart
test-chart: programs ## Helm chart, rights and pipeline examples; install, upgrade and uninstall on a cluster
	$(call say,the chart)
	@scripts/test-chart.sh

.PHONY: check
check: ## The quick part: formatting, lints, layering
	@$(MAKE) --no-print-directory lints
	@cargo test --locked --test it tidy

# Tests that are asked for by name are no part of all targets, and are left out if they are named beside them.
.PHONY: lints
lints:
	$(call say,formatting and lints)
	@cargo fmt --all --check
	@cargo clippy --locked --all-targets -- -D warnings
	@cargo clippy --locked --test e2e --test s3 -- -D warnings

.PHONY: setup
setup: ## Install what is missing, or say exactly what to install
	@scripts/setup.sh

.PHONY: setup-cluster
setup-cluster:
	@scripts/setup.sh cluster

# What a cluster is made of, and others that are built with it: helm, kubeconform, versitygw.
.PHONY: programs
programs: setup-cluster
	@tests/cluster/programs

.PHONY: cluster-up
cluster-up: setup-cluster ## A Kubernetes of one node on this machine, for tests; one that is half dead is repaired
	@tests/cluster/up $(CLUSTER)

.PHONY: cluster-down
cluster-down: ## Take it away, with all that it left
	@tests/cluster/down $(CLUSTER)

# The images for tests have the debug build, with the page in it and without its symbols, which are half of it.
.PHONY: images
images: setup-cluster web ## The container images, at target/images; the cluster gets them if it is up
	@cargo build --locked --features embed
	@install -D --strip target/debug/handback target/images/program
	@tests/cluster/images $(CLUSTER)

# Brings a cluster of its own up and down, and kills parts of it. The images have to be there.
.PHONY: test-cluster
test-cluster: setup-cluster
	$(call say,the test cluster itself)
	@tests/cluster/test

.PHONY: build
build: ## The program, at target/debug/handback
	@cargo build --locked

.PHONY: crds
crds: build ## The custom resource definitions, from the types to crds/ and the chart
	@target/debug/handback crds --out crds
	@cp crds/*.yaml charts/handback/files/crds/

.PHONY: docs
docs: build ## The pages of docs/ that the program itself writes
	@target/debug/handback check --reference grammar >docs/grammar.md
	@target/debug/handback check --reference tools >docs/tools.md

.PHONY: web
web: web/dist/index.html ## The takeover page, at web/dist

web/node_modules/.installed: web/package-lock.json
	@npm --prefix web ci --no-audit --no-fund
	@touch $@

web/dist/index.html: web/node_modules/.installed $(shell find web -type f -not -path 'web/node_modules/*' -not -path 'web/dist/*' -not -path 'web/test/*' 2>/dev/null)
	@npm --prefix web run build
	@touch $@

# A client that is not ours, which holds the double of Mailpit to what Mailpit says.
tests/mail/node_modules/.installed: tests/mail/package-lock.json
	@npm --prefix tests/mail ci --no-audit --no-fund
	@touch $@

tests/mcp/node_modules/.installed: tests/mcp/package-lock.json
	@npm --prefix tests/mcp ci --no-audit --no-fund
	@touch $@

tests/mcp/.venv/.installed: tests/mcp/requirements.txt
	@rm -rf tests/mcp/.venv
	@python3 -m venv tests/mcp/.venv
	@tests/mcp/.venv/bin/pip install --quiet --disable-pip-version-check --no-deps -r tests/mcp/requirements.txt
	@touch $@

benches/playwright/node_modules/.installed: benches/playwright/package-lock.json
	@npm --prefix benches/playwright ci --no-audit --no-fund
	@touch $@

.PHONY: bench
bench: setup web benches/playwright/node_modules/.installed ## Times and memory, with playwright-core beside us; best on an idle machine
	$(call say,an optimised build)
	@cargo bench --locked --bench page --no-run
	$(call say,measuring takes a quarter of an hour)
	@node benches/compare.mjs $(BENCH_ARGS)

.PHONY: bench-cluster
bench-cluster: images ## Times, API writes and memory of runs in the test cluster, which has to be up
	$(call say,measuring takes five minutes)
	@tests/cluster/in node benches/cluster.mjs

.PHONY: clean
clean: ## Remove what was built
	@rm -rf web/dist web/node_modules benches/playwright/node_modules tests/mail/node_modules tests/mcp/node_modules tests/mcp/.venv
	@cargo clean
