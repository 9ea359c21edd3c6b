# Everything stays in the checkout: environments in .venv*, wheels and every tool's cache in .cache.
# Wheels come over the network once; after that each target works without one.
# Needs Python 3.11 or newer. Give another one with PYTHON=, a shared folder of wheels with WHEELS=, and one
# for all that is downloaded and built with CACHE=.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
SHELL := /bin/sh

CACHE  ?= $(CURDIR)/.cache
override CACHE := $(abspath $(CACHE))
WHEELS ?= $(CACHE)/wheels
IMAGE  ?= exitkit
BASE   ?=
PLATFORM ?=
VARIANT ?=
# For podman and buildah: it asks for no rights on cgroups and namespaces, which machines of CI seldom give.
BUILDAH_ISOLATION ?= chroot
ARGS   ?=
BENCH  ?= startup cleanup ship explain

# The first of these that is new enough and can make environments.
SUITABLE := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for one in python3.13 python3.12 python3.11 python3 python; do \
	$$one -c '$(SUITABLE)' >/dev/null 2>&1 && echo $$one && break; done)

export PIP_CACHE_DIR := $(CACHE)/pip
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
export UV_CACHE_DIR := $(CACHE)/uv
export XDG_CACHE_HOME := $(CACHE)/xdg
export TMPDIR := $(CACHE)/tmp
export GOPATH := $(CACHE)/go
export GOCACHE := $(CACHE)/go-build
export GOFLAGS := -modcacherw
export BUILDAH_ISOLATION
# A PYTHONPATH of the caller's would be seen by every command here, and by pip.
unexport PYTHONPATH PYTHONHOME

VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
SOURCES = $(shell find exitkit -name '*.py')

# $(call install,ENVIRONMENT,LOCK): from the folder of wheels alone if it has them all, else they are
# downloaded to it first. The hashes are checked either way.
define install
mkdir -p "$(WHEELS)" "$(TMPDIR)"
$(1)/bin/python -m pip install -q --no-index --find-links "$(WHEELS)" --no-deps --only-binary :all: --require-hashes -r $(2) \
	>"$(CACHE)/install.log" 2>&1 || { \
	echo "downloading the wheels of $(2) to $(WHEELS)" && \
	$(1)/bin/python -m pip download -q --no-deps --only-binary :all: --require-hashes --dest "$(WHEELS)" -r $(2) && \
	$(1)/bin/python -m pip install -q --no-index --find-links "$(WHEELS)" --no-deps --only-binary :all: --require-hashes -r $(2); }
endef

OWN = -m pip install -q --no-index --no-deps --no-build-isolation

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r name text; do \
		printf '  %-17s %s\n' "$$name" "$$text"; done

.PHONY: demo
demo: .venv/.core ## run a plan on a failed workflow's facts, with no service
	.venv/bin/exitkit demo $(or $(ARGS),demo-out)

.PHONY: test
test: .venv/.dev ## run the tests that need nothing but Python
	.venv/bin/python -m pytest --ignore=tests/integration -n auto --dist loadgroup $(ARGS)

.PHONY: test-integration
test-integration: .venv/.dev ## run the tests against real programs, as far as these can be had
	@sh .ci/prepare-integration
	@XDG_CONFIG_HOME="$(CACHE)/config" WHEELS="$(WHEELS)" .venv/bin/python -m pytest tests/integration --ignore=tests/integration/argo -rs $(ARGS); code=$$?; \
	if [ $$code -eq 5 ]; then echo "test-integration: there are no integration tests"; exit 0; fi; exit $$code

.PHONY: soak
soak: .venv/.dev ## kill a thousand runs for each store, and run fifty pairs at once by each channel; takes hours
	@sh .ci/prepare-integration
	@EXITKIT_SOAK=1000 .venv/bin/python -m pytest tests/integration/test_once.py -rs $(ARGS)

.PHONY: test-argo
test-argo: .venv/.dev ## run the tests against Argo's own controller, where Go can build it
	@sh .ci/prepare-argo
	@XDG_CONFIG_HOME="$(CACHE)/config" WHEELS="$(WHEELS)" .venv/bin/python -m pytest tests/integration/argo -rs $(ARGS)

.PHONY: lint
lint: .venv/.dev ## check style and format
	.venv/bin/ruff check --extend-exclude '.venv-*' .
	.venv/bin/ruff format --check --extend-exclude '.venv-*' .

.PHONY: types
types: .venv/.dev ## check types
	.venv/bin/mypy

.PHONY: docs
docs: .venv/.dev ## write the generated pages anew
	.venv/bin/python docs/generate.py
	.venv/bin/python docs/architecture.py
	.venv/bin/python deploy/generate.py

.PHONY: site
site: .venv-docs/.ready ## build the documentation as a site, in .cache/site
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict --quiet

.PHONY: bench
bench: .venv-bench/.ready ## measure exitkit beside its peers
	@for one in $(BENCH); do .venv-bench/bin/python bench/$$one.py $(ARGS) || exit 1; done

# Files and image bear the same time, the first second there is, so that the same sources make the same digest, and
# a release's layers are those of the last one but where something changed. When it was made says a label.
.PHONY: image
image: ## build the image with docker, podman or buildah; BASE= and PLATFORM= take others, VARIANT=full all extras
	@mkdir -p "$(TMPDIR)"
	@if docker info >/dev/null 2>&1; then build="docker build --build-arg SOURCE_DATE_EPOCH=0"; \
	elif podman info >/dev/null 2>&1; then build="podman build --timestamp 0"; \
	elif buildah info >/dev/null 2>&1; then build="buildah bud --layers --timestamp 0"; \
	else echo "make image: needs docker with a running engine, podman, or buildah; none of them works here" >&2; exit 1; fi; \
	set -x; $$build $(if $(BASE),--build-arg BASE=$(BASE)) $(if $(PLATFORM),--platform $(PLATFORM)) $(if $(VARIANT),--build-arg LOCK=$(VARIANT)) \
		--build-arg VERSION=$(VERSION) --build-arg REVISION="$$(git rev-parse HEAD 2>/dev/null)" \
		--build-arg CREATED="$$(git log -1 --format=%cI 2>/dev/null)" $(ARGS) -t $(IMAGE):$(VERSION)$(if $(VARIANT),-$(VARIANT)) .

.PHONY: lock
lock: .venv-lock/bin/uv ## choose the newest versions that fit, and write their hashes
	.venv-lock/bin/uv pip compile pyproject.toml $(LOCKED) -o requirements/core.lock $(IMAGE_EXTRAS)
	.venv-lock/bin/uv pip compile pyproject.toml $(LOCKED) -o requirements/full.lock --all-extras -c requirements/core.lock
	.venv-lock/bin/uv pip compile pyproject.toml $(LOCKED) -o requirements/dev.lock --all-extras --group dev -c requirements/core.lock
	.venv-lock/bin/uv pip compile requirements/build.in $(LOCKED) -o requirements/build.lock -c requirements/dev.lock
	.venv-lock/bin/uv pip compile requirements/docs.in $(LOCKED) -o requirements/docs.lock
	.venv-lock/bin/uv pip compile pyproject.toml requirements/bench.in $(LOCKED) -o requirements/bench.lock --all-extras -c requirements/core.lock

# What the image holds; DuckDB would make it half as large again.
IMAGE_EXTRAS = --extra aws --extra gcp --extra sql --extra kubernetes
LOCKED = --universal --python-version 3.11 --generate-hashes --no-header --quiet --upgrade

.PHONY: clean
clean: ## remove all that the targets made, but for the downloaded wheels
	rm -rf .venv .venv-bench .venv-docs .venv-lock build dist demo-out .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	if [ -d .cache ]; then find .cache -mindepth 1 -maxdepth 1 ! -name wheels -exec rm -rf {} +; fi

# Two stamps in one environment: what the development lock brings contains what the demo needs.
.venv/.core: requirements/core.lock requirements/build.lock pyproject.toml | .venv/bin/python
	@echo "setting up .venv from requirements/core.lock"
	@$(call install,.venv,requirements/core.lock)
	@$(call install,.venv,requirements/build.lock)
	@.venv/bin/python $(OWN) --editable .
	@touch $@

.venv/.dev: requirements/dev.lock requirements/build.lock pyproject.toml | .venv/bin/python
	@echo "setting up .venv from requirements/dev.lock"
	@$(call install,.venv,requirements/dev.lock)
	@$(call install,.venv,requirements/build.lock)
	@.venv/bin/python $(OWN) --editable .
	@touch $@ .venv/.core

# No editable install here: what is measured is what a user installs, compiled. Without setuptools, which
# older versions of venv bring, and whose .pth file makes every start slower.
.venv-bench/.ready: requirements/bench.lock requirements/build.lock pyproject.toml $(SOURCES) | .venv-bench/bin/python
	@echo "setting up .venv-bench from requirements/bench.lock"
	@$(call install,.venv-bench,requirements/bench.lock)
	@$(call install,.venv-bench,requirements/build.lock)
	@.venv-bench/bin/python $(OWN) --force-reinstall .
	@.venv-bench/bin/python -m pip uninstall -q -y setuptools 2>/dev/null
	@.venv-bench/bin/python -m compileall -q .venv-bench/lib
	@touch $@

.venv-docs/.ready: requirements/docs.lock | .venv-docs/bin/python
	@echo "setting up .venv-docs from requirements/docs.lock"
	@$(call install,.venv-docs,requirements/docs.lock)
	@touch $@

.venv-lock/bin/uv: | .venv-lock/bin/python
	@mkdir -p "$(TMPDIR)"
	.venv-lock/bin/python -m pip install -q uv==0.13.9

.venv/bin/python .venv-bench/bin/python .venv-docs/bin/python .venv-lock/bin/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "exitkit needs Python 3.11 or newer with its venv module (Debian: the package python3-venv)." >&2; \
		echo "Found: $$(python3 --version 2>&1 || echo no python3). Name one with: make PYTHON=/path/to/python3" >&2; \
		exit 1; fi
	@mkdir -p "$(TMPDIR)"
	@$(PYTHON) -c '$(SUITABLE)' || { echo "$(PYTHON) is older than 3.11, or lacks its venv module" >&2; exit 1; }
	@$(PYTHON) -m venv $(patsubst %/bin/python,%,$@)
