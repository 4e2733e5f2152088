# Run `make check` before a commit that others will see. PYTHON may be set: make test PYTHON=python3.13
PYTHON ?= .venv/bin/python
BIN := $(dir $(PYTHON))

.PHONY: check test lint types docs site bench

check: lint types test  ## everything that must hold before a commit; .ci/run does more

test:  ## the tests, in three processes
	$(PYTHON) -m pytest -n 3

lint:  ## style, format, and which room may import which
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(BIN)lint-imports

types:
	$(PYTHON) -m mypy

docs:  ## write docs/keys.md, the stub of layers and the pictures anew, check the pages, build the site
	$(PYTHON) -m docs.keys
	$(PYTHON) -m docs.stubs
	$(PYTHON) -m docs.screenshots
	$(PYTHON) -m pytest -q tests/docs
	$(MAKE) site

site:  ## the pages and the reference as a site, in build/site; after pip install -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --strict

bench:  ## seconds of a training step and of predictions on this machine; no PyTorch needed
	$(BIN)cnn-tui bench
