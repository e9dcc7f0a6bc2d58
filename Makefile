# `make` lists what there is. Needs Python 3.11 or newer and a package registry; only test-real needs more.

VENV := .venv
PYTHON := $(firstword $(PYTHON_FOUND) python3)
RUN := $(VENV)/bin/python

# The first interpreter that is new enough. A pyenv shim may be on the path and still not run: each one is asked.
PYTHON_FOUND = $(shell for name in python3 python3.13 python3.12 python3.11; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$name" && break; done)

.DEFAULT_GOAL := help
.PHONY: help setup demo test faults fuzz soak mutants bench test-real lint format types docs package lock

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.installed ## install everything into .venv (PYTHON=… chooses the interpreter)

demo: setup ## send real mail to a catcher on this machine and show what arrived
	$(RUN) smtp_connector.py demo

test: setup ## run the tests that need nothing but this machine
	$(RUN) -m pytest

faults: setup ## play the whole fault matrix against a server whose own log is the judge (PART=… some; CLIENT=smtplib …)
	$(RUN) -m tests.faults $(if $(PART),'$(PART)') $(if $(CLIENT),--client $(CLIENT))

fuzz: setup $(VENV)/.fuzzing ## fuzz all that reads what others wrote (SECONDS=60, SEED=… for the same again, TARGET=…)
	$(RUN) -m tests.fuzz $(or $(SECONDS),60) $(or $(SEED),0) $(TARGET)

soak: setup ## send through a real Postfix and a proxy that breaks connections (SECONDS=120, SEED=… for the same again)
	tests/real/install.sh
	$(RUN) -m tests.soak $(or $(SECONDS),120) $(or $(SEED),0)

mutants: setup ## change the code in a thousand small ways and see whether a test notices (MODULE=smtp.state … only those)
	$(RUN) -m tests.mutants $(MODULE)

bench: setup ## measure beside the peers, and write docs/performance-results.md (PART=… only that; EFFORT=1 for a look)
	$(RUN) -m benchmarks $(if $(PART),$(PART),--write) --effort $(or $(EFFORT),3)

test-real: setup ## run the connector against Postfix, Dovecot, an OpenID provider and Chromium (Debian, root, Python 3.13)
	tests/real/install.sh
	$(RUN) -m pytest -m real tests/real

lint: setup ## look for mistakes and for code that is not formatted
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check

format: setup ## format the code
	$(RUN) -m ruff format

types: setup ## check the types
	$(RUN) -m mypy

docs: setup ## write the README's tables anew from connector.json
	$(RUN) docs/generate.py

package: setup ## write the app as Splunk SOAR installs it, with its wheels, into dist/
	$(RUN) -m tools.package

lock: setup ## pin the dependencies of requirements/*.in anew, with their hashes
	@for room in dev host app fuzz; do \
		echo "requirements/$$room.txt"; \
		$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
			--no-emit-index-url --no-emit-find-links --no-header --no-annotate \
			$$([ $$room = dev ] || echo --constraints requirements/dev.txt) \
			requirements/$$room.in --output-file requirements/$$room.txt || exit 1; \
	done

# Complete when the stamp is there, and made again when the pins change or its interpreter is gone. Our own modules
# are compiled here because that takes longer than sending a mail, and Python may have been told not to keep it.
$(VENV)/.installed: requirements/dev.txt $(if $(shell $(RUN) -c '' 2>/dev/null && echo works),,FORCE)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo 'Python 3.11 or newer was not found. Install one, or name it: make setup PYTHON=/path/to/python3' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo '$(PYTHON) has no venv module. On Debian and Ubuntu it is the package python3-venv.' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(RUN) -m compileall -q *.py actions auth delivery doors host message smtp
	@touch $@

$(VENV)/.fuzzing: requirements/fuzz.txt $(VENV)/.installed
	$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

.PHONY: FORCE
FORCE:
