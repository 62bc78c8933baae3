# `make help` lists what a person may want. A fresh machine needs Python 3.11 or newer, venv and make.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(VENV)/uv/bin/uv
READY := $(VENV)/.ready
# A module's tests stay in one worker, which has an API server of its own. Four workers even on two
# cores: most of these tests wait.
INTEGRATION := --numprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | column -t -s $$'\t'

$(UV): requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "make: Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) -V). Name another with PYTHON=…" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)/uv
	@$(VENV)/uv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt

$(READY): $(UV) requirements/dev.txt pyproject.toml
	@echo "Preparing the Python environment in $(VENV) …"
	@test -x $(BIN)/python || $(UV) --quiet venv --allow-existing --python $(PYTHON) $(VENV)
	@$(UV) --quiet pip sync --compile-bytecode --python $(BIN)/python --require-hashes requirements/dev.txt
	@$(UV) --quiet pip install --python $(BIN)/python --no-deps --editable .
	@touch $@

.PHONY: env
env: $(READY) ## the Python environment in .venv

.PHONY: binaries
binaries: $(READY) ## find or build etcd, kube-apiserver, kube-controller-manager, kubectl, Helm and versitygw
	@PYTHONPATH=hack $(BIN)/python -m local binaries

.PHONY: demo
demo: $(READY) ## run one example job from kubectl apply to its results, then stop everything
	@PYTHONPATH=hack $(BIN)/python -m local demo

.PHONY: up
up: $(READY) ## start a control plane, the emulator, an S3 server, the controller and the receiver, and leave them running (SCHEDULE=pending=1m,running=5m)
	@PYTHONPATH=hack $(BIN)/python -m local up $(if $(SCHEDULE),--schedule='$(SCHEDULE)')

.PHONY: down
down: $(READY) ## stop what `make up` started
	@PYTHONPATH=hack $(BIN)/python -m local down

.PHONY: check
check: lint unit ## lint and the tests that need no API server, in under a minute

.PHONY: test
test: binaries unit ## what a change can break, on a real API server, in minutes
	$(BIN)/pytest $(INTEGRATION) tests/integration tests/histories tests/crash

.PHONY: test-all
test-all: binaries unit ## every test, every kill table and 500 random histories, in about an hour
	$(BIN)/pytest $(INTEGRATION) --exhaustive tests/integration tests/histories tests/crash
	$(MAKE) histories

.PHONY: coverage
coverage: binaries ## as test, counting what runs in processes of its own too
	$(BIN)/pytest $(INTEGRATION) --exhaustive --cov --cov-config=hack/coverage-of-processes.toml --cov-report=term

.PHONY: conformance
conformance: binaries ## attack the receiver by the catalogue, and print the result of every row
	PYTHONPATH=. $(BIN)/pytest $(INTEGRATION) --quiet -p tests.conformance.plugin tests/unit tests/integration

.PHONY: crash
crash: binaries ## kill each process at every outward call of a job, and print what that costs (CRASH=--help)
	PYTHONPATH=hack $(BIN)/python -m tests.crash $(CRASH)

.PHONY: histories
histories: HISTORIES ?= 500
histories: SEED ?= $(shell date +%s)
histories: binaries ## run 500 random histories, in half an hour or more (HISTORIES, SEED, HISTORY)
	HISTORIES=$(HISTORIES) SEED=$(SEED) $(BIN)/pytest --numprocesses 2 --dist worksteal --verbose \
	  tests/histories/test_random_history.py

FUZZER := $(VENV)/fuzz/bin/python

$(VENV)/fuzz/.ready: $(UV) requirements/fuzz.txt
	@$(UV) --quiet venv --allow-existing --python $(PYTHON) $(VENV)/fuzz
	@$(UV) --quiet pip sync --python $(FUZZER) --require-hashes requirements/fuzz.txt
	@touch $@

.PHONY: fuzz
fuzz: SECONDS ?= 600
fuzz: $(VENV)/fuzz/.ready ## fuzz what strangers' bytes reach, in an hour and a half (SECONDS for each target, TARGETS); Python 3.11 to 3.13
	PYTHONPATH=operator:. $(FUZZER) -m tests.fuzz --seconds $(SECONDS) $(TARGETS)

.PHONY: e2e
e2e: $(READY) ## the image in real pods of a single-node cluster; needs Linux and root
	$(BIN)/pytest --capture=no --verbose tests/e2e

.PHONY: unit
unit: $(READY) ## the tests that need no API server; the policies must be covered whole
	$(BIN)/pytest --numprocesses auto --maxprocesses 4 --ignore tests/unit/controller/lifecycle tests/unit
	$(BIN)/pytest --numprocesses auto --maxprocesses 4 --cov --cov-config=hack/coverage-of-policies.toml \
	  tests/unit/controller/lifecycle

.PHONY: lint
lint: $(READY) ## formatting, style, types, layers, generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/gemini-operator crds --check crds
	@PYTHONPATH=hack $(BIN)/python -m chart --check

.PHONY: format
format: $(READY) ## rewrite the code in the house style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: crds
crds: $(READY) ## generate crds/ and the chart's CRDs from the models
	$(BIN)/gemini-operator crds --output crds
	@PYTHONPATH=hack $(BIN)/python -m chart

.PHONY: bench
bench: binaries ## measure the quota, calls to Google, deliveries, ends of batches, the start, large inputs and results
	@PYTHONPATH=hack:. $(BIN)/python -m benchmarks.quota
	@PYTHONPATH=hack:. $(BIN)/python -m benchmarks.client
	@PYTHONPATH=hack:. $(BIN)/python -m benchmarks.receiver
	@PYTHONPATH=hack:. $(BIN)/python -m benchmarks.ends
	@PYTHONPATH=hack:. $(BIN)/python -m benchmarks.start
	@$(MAKE) bench-payload MEGABYTES=2047

.PHONY: bench-payload
bench-payload: MEGABYTES ?= 200
bench-payload: binaries ## measure what a large input and large results cost (MEGABYTES)
	@PYTHONPATH=hack:. $(BIN)/python -m benchmarks.payload --megabytes $(MEGABYTES)

.PHONY: chart
chart: $(READY) ## generate the chart's values, their schema and their documentation from hack/chart
	@PYTHONPATH=hack $(BIN)/python -m chart

.PHONY: tables
tables: binaries ## write the tables in docs/ from the code
	@PYTHONPATH=hack $(BIN)/python -m documents

.PHONY: lock
lock: $(UV) ## pin every dependency with its hashes
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 -o requirements/run.txt pyproject.toml
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 -c requirements/run.txt --group dev -o requirements/dev.txt pyproject.toml
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 -c requirements/run.txt --group fuzz -o requirements/fuzz.txt pyproject.toml
	for group in build sbom; do $(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --group $$group -o requirements/$$group.txt || exit 1; done

# The host's settings for pip apply to the build, where there are any.
PIP_SETTINGS = $(foreach path,$(wildcard /etc/pip.conf),--volume $(path):$(path):ro --volume /etc/ssl/certs:/etc/ssl/certs:ro)
BUILDER = $(firstword $(foreach name,buildah docker,$(if $(shell command -v $(name)),$(name))))
IMAGE ?= gemini-operator:$(VERSION)
VERSION = $(shell sed -n 's/^version = "\(.*\)"$$/\1/p' pyproject.toml)

.PHONY: image
image: ## build the container image with buildah or docker (IMAGE=…, BASE=…)
	@test -n "$(BUILDER)" || { echo "make: building an image needs buildah or docker, and neither is installed" >&2; exit 1; }
	$(BUILDER) build --network host --file Dockerfile --tag $(IMAGE) $(if $(BASE),--build-arg BASE=$(BASE)) \
	  --build-arg VERSION=$(VERSION) --build-arg REVISION=$$(git rev-parse HEAD 2>/dev/null || echo unknown) \
	  --build-arg SOURCE=$$(git remote get-url origin 2>/dev/null) \
	  $(if $(filter buildah,$(BUILDER)),$(PIP_SETTINGS)) .

SBOM_TOOL := $(VENV)/sbom/bin/cyclonedx-py

$(SBOM_TOOL): $(UV) requirements/sbom.txt
	@$(UV) --quiet venv --allow-existing --python $(PYTHON) $(VENV)/sbom
	@$(UV) --quiet pip sync --python $(VENV)/sbom/bin/python --require-hashes requirements/sbom.txt
	@touch $@

.PHONY: sbom
sbom: $(SBOM_TOOL) ## list the run-time dependencies in build/sbom.cdx.json (CycloneDX)
	@mkdir -p build
	@$(UV) --quiet venv --allow-existing --python $(PYTHON) $(VENV)/run
	@$(UV) --quiet pip sync --python $(VENV)/run/bin/python --require-hashes requirements/run.txt
	$(SBOM_TOOL) environment --pyproject pyproject.toml --output-reproducible --output-format JSON \
	  --output-file build/sbom.cdx.json $(VENV)/run/bin/python

.PHONY: clean
clean: down ## remove the environment and local state
	rm -rf $(VENV) build .local .mypy_cache .pytest_cache .ruff_cache
