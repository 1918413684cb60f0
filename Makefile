# Everything starts from python3, make and git: the environment is made on first use and then left alone.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
PY := $(BIN)/python
BROWSER_PACKAGES := chromium fonts-noto-cjk
# Each core tests by itself, with a database of its own, and is handed a few tests at a time in the order of conftest.py.
# By number, not by name (`load`): the fuzzer's tests share one name, and all but one of them would be left out unsaid.
SIDE_BY_SIDE := -n logical --dist load --maxschedchunk 4

.DEFAULT_GOAL := help
.PHONY: wheelhouse help demo serve test check lint bench env runtime browser messages mo new-context reference

help: ## what make can do
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

demo: runtime mo ## the demo city Lanjiang at http://localhost:8000 (PORT and KEQIAO_DATA are honoured)
	@exec $(BIN)/keqiao demo

serve: runtime mo ## a site with its own data
	@exec $(BIN)/keqiao serve

test: env mo browser ## unit tests, services and journeys
	$(PY) -m pytest -m "not slow" $(SIDE_BY_SIDE)

check: lint browser ## lint, types, contracts, migrations, and the long tests
	$(PY) -m pytest -m slow $(SIDE_BY_SIDE)

lint: env mo ## format, lint, types, import contracts, templates, migrations
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint --lint src
	$(PY) tools/migrations.py

bench: env ## retrieval on the public collections, and speed
	$(PY) bench/run.py

wheelhouse: env ## everything a site needs to be installed without a network, in build/wheelhouse
	$(PY) tools/wheelhouse.py

env: ## the developers' environment in .venv
	@$(PYTHON) tools/environment.py dev

runtime: # the same without the developers' tools, unless they are there already
	@$(PYTHON) tools/environment.py runtime

browser: # what the browser tests need
	@$(PYTHON) tools/debian.py $(BROWSER_PACKAGES)

messages: env ## bring the translations up to date with the sources
	$(PY) tools/messages.py extract

mo: # compile the translations that changed
	@$(PY) tools/messages.py compile

reference: env ## write the generated pages in docs/reference
	$(PY) tools/reference.py

new-context: env ## make new-context leasing after:deals
	$(PY) tools/new_context.py $(filter-out $@,$(MAKECMDGOALS))

ifneq ($(filter new-context,$(MAKECMDGOALS)),)
%:
	@:
endif
