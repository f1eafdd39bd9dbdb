# Two commands matter: `make demo` and `make test`. Both create .venv and install what they need, and are quick when run again.
PYTHON ?= python3
ARGS ?=
PIP = .venv/bin/python -m pip --disable-pip-version-check
INSTALLED = .venv/.installed
SOURCES = $(wildcard src tests apps docs benchmarks examples sample_runs)
# The formatter also looks at the Python in Markdown; the generated pages quote theirs as it stands in the rules.
FORMAT = .venv/bin/ruff format --exclude docs/symptoms

.DEFAULT_GOAL := help
.PHONY: help demo dashboard test check docs format browser clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

demo: $(INSTALLED) ## train five small networks, diagnose them, open the dashboard (ARGS=--no-dashboard for scripts)
	.venv/bin/torchvitals demo $(ARGS)

dashboard: $(INSTALLED) ## open the dashboard on the sample runs (ARGS=--no-browser, --port 8600)
	.venv/bin/torchvitals dashboard sample_runs $(ARGS)

test: check browser ## everything CI runs: the checks, then the tests (ARGS goes to pytest)
	.venv/bin/python -m pytest -n 2 $(ARGS)

check: $(INSTALLED) ## format, lint, types, layers, spelling, generated docs
	$(FORMAT) --check $(SOURCES) $(wildcard *.md)
	.venv/bin/ruff check $(SOURCES)
	.venv/bin/mypy
	.venv/bin/lint-imports --no-cache
	.venv/bin/codespell --toml pyproject.toml $(SOURCES) $(wildcard *.md) Makefile
	.venv/bin/python docs/generate.py --check

docs: $(INSTALLED) ## regenerate the pages that are made from the code
	.venv/bin/python docs/generate.py

format: $(INSTALLED) ## format and fix what ruff can fix
	$(FORMAT) $(SOURCES) $(wildcard *.md)
	.venv/bin/ruff check --fix $(SOURCES)

# The browser tests need a Chromium. A container that may install one gets it; anybody else is told what is skipped.
browser:
	@for name in chromium chromium-browser google-chrome; do \
	  if command -v $$name >/dev/null; then exit 0; fi; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "No Chromium found: installing Debian's for the browser tests."; \
	  { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; } >/dev/null 2>&1 \
	    || echo "Chromium could not be installed; the browser tests will be skipped."; \
	else echo "No Chromium or Chrome found; the browser tests will be skipped."; fi

# torch goes first and alone, so that its large wheel is settled before anything else is resolved. Build and download
# settings are pip's own: set PIP_INDEX_URL, PIP_EXTRA_INDEX_URL or PIP_FIND_LINKS to choose another source or a CPU-only torch.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "torchvitals needs Python 3.11 or newer; run: make PYTHON=python3.11 …")'
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	$(PIP) install --quiet -c constraints.txt torch
	$(PIP) install --quiet -c constraints.txt -e '.[all]' $$(.venv/bin/python -c \
	  'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["dev"])')
	@touch $@

clean: ## remove the environment, caches and recorded demo runs
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .artifacts build dist runs/demo
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
