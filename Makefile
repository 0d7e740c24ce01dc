# make run    answer a demonstration call, then keep serving
# make test   every check
# make console  build the page from console/ into bridge/assets/console/; needs Node 20.19 or newer
# make setup  only the environment, in .venv/
# make docs   the documentation site, in build/site/; make docs-serve shows it at http://127.0.0.1:8000
# make test-day  a scripted day of 500 calls; some minutes
# make test-console  the console in a real Chromium; installs it (as root, on Debian)
# make test-sip  calls through a real Asterisk; installs what they need (as root, on Debian)

# The first Python that is there, works, and is new enough.
NEW_ENOUGH := import sys, venv; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
  $$p -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin

# Without a word of the generator's on its own future.
MKDOCS := NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs

.PHONY: run test test-console setup setup-test setup-browser setup-docs docs docs-serve console lint quick test-attempts test-day test-parity test-sip clean

run: setup
	@$(BIN)/callbridge serve --demo

test: setup-test setup-browser lint
	$(BIN)/pytest -rs --numprocesses 4 --dist worksteal

lint: setup-test
	$(BIN)/ruff check bridge tests infra examples
	$(BIN)/ruff format --check bridge tests infra examples
	$(BIN)/mypy

quick: setup-test
	$(BIN)/pytest -m "not slow"

docs: setup-docs
	$(MKDOCS) build --quiet --strict
	@echo "build/site/index.html"

docs-serve: setup-docs
	$(MKDOCS) serve --strict

# The console in Debian's Chromium, with a microphone that plays a recording.
test-console: setup-test setup-browser
	$(BIN)/pytest -rs tests/console

# 300 attempts of callers to have something blocked said to them, listened to: about five minutes.
test-attempts: setup-test
	$(BIN)/python -m tests.engine.cascade.attempts

# A scripted day of 500 calls of every kind; what it finds out is printed. DAY_SEED=7 scripts another day.
test-day: setup-test
	$(BIN)/pytest -m day tests/day

# The model runtime against the public package moshi, which has an environment of its own: its pins exclude our torch.
# And its command-line client against our server.
PARITY := .venv-parity
test-parity: setup-test
	@test -x $(PARITY)/bin/python || { \
	  $(BIN)/python -m venv $(PARITY) && \
	  $(PARITY)/bin/python -m pip install --quiet --disable-pip-version-check \
	    torch==2.13.0 safetensors sentencepiece einops numpy huggingface_hub tqdm && \
	  $(PARITY)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps moshi==0.2.13; \
	} || { echo "SKIPPED: moshi 0.2.13 cannot be installed here, so nothing is compared with it" >&2; rm -rf $(PARITY); }
	$(BIN)/pytest -rs tests/engine/personaplex/test_parity.py tests/server/compat/test_public_client.py

# A real Asterisk comes by `callbridge sip up`, which needs mmdebstrap to fetch it.
SIP_PACKAGES := sip-tester baresip-core tcpdump mmdebstrap openssl
test-sip: setup-test
	@command -v sipp baresip tcpdump mmdebstrap openssl >/dev/null || \
	  { apt-get update --quiet --quiet && apt-get install --yes --quiet --quiet --no-install-recommends $(SIP_PACKAGES); } || \
	  echo "Not everything could be installed; what cannot run says so. Needed: $(SIP_PACKAGES)" >&2
	$(BIN)/pytest -rs -m sip tests/sip

# The built page is committed, so that nobody else needs Node.
console: console/node_modules/.package-lock.json
	cd console && npm run check && npm test && npm run build

console/node_modules/.package-lock.json: console/package-lock.json
	@command -v npm >/dev/null || { echo "make console needs Node 20.19 or newer" >&2; exit 1; }
	cd console && npm ci
	@touch $@

setup: .venv/installed
setup-test: .venv/installed-test
setup-docs: .venv/installed-docs

# Chromium is Debian's own; without it the tests of the console skip, and say so.
setup-browser:
	@command -v chromium >/dev/null || \
	  { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && echo "installing Chromium for the tests of the console" && \
	    apt-get update --quiet --quiet && \
	    DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --quiet --no-install-recommends chromium >/dev/null; } || \
	  echo "Chromium is not here and could not be installed (apt-get install chromium): the console's tests skip" >&2

.venv/bin/python:
	@test -n "$(PYTHON)" && $(PYTHON) -c '$(NEW_ENOUGH)' || \
	  { echo "callbridge needs Python 3.11 or newer. Try: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

.venv/installed: .venv/bin/python pyproject.toml
	@echo "installing into .venv (once; about a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/installed-test: .venv/installed pyproject.toml
	@echo "installing what the tests need"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,docs,personaplex]'
	@touch $@ .venv/installed-docs

.venv/installed-docs: .venv/installed pyproject.toml
	@echo "installing what the documentation site needs"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch $@

clean:
	rm -rf .venv .venv-parity console/node_modules build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
