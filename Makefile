# `make` lists what there is. Needs Python 3.11 or newer and a package registry; test-real, soak and test-long need more.

VENV := .venv
PYTHON := $(firstword $(PYTHON_FOUND) python3)
RUN := $(VENV)/bin/python
# how many processes run the tests
WORKERS := 2
# what is near to the interpreter: packages, processes, the demo and the platform
SMOKE := tests/platform tests/installed tests/tools tests/examples tests/test_documents.py tests/test_habits.py tests/test_samples.py \
	tests/doors/test_demo.py tests/doors/test_command_line_process.py tests/smtp/test_session.py

# The first interpreter that is new enough. A pyenv shim may be on the path and still not run: each one is asked.
PYTHON_FOUND = $(shell for name in python3 python3.13 python3.12 python3.11; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$name" && break; done)

.DEFAULT_GOAL := help
.PHONY: help setup demo console test test-smoke faults fuzz soak mutants bench test-real test-long lint format types docs pictures recording \
	model manifest changelog package lock

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.installed ## install everything into .venv (PYTHON=… chooses the interpreter)

demo: setup ## send real mail to a catcher on this machine and show what arrived
	$(RUN) smtp_connector.py demo

console: setup ## open the console in a browser, with a mail catcher, a sample asset and an inbox (PORT=…)
	$(RUN) smtp_connector.py serve --catch $(if $(PORT),--port $(PORT))

test: setup ## run the tests that need nothing but this machine
	$(RUN) -m pytest -n $(WORKERS)

test-smoke: setup ## run those of them that could differ between versions of Python
	$(RUN) -m pytest -n $(WORKERS) $(SMOKE)

faults: setup ## play the whole fault matrix against a server whose own log is the judge (PART=… some; CLIENT=smtplib …)
	$(RUN) -m tests.faults $(if $(PART),'$(PART)') $(if $(CLIENT),--client $(CLIENT)) $(if $(EVERY),--every $(EVERY))

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

test-long: setup $(VENV)/.fuzzing ## run what takes hours, and write docs/long-results.md (PART=… only that; Debian, root)
	tests/real/install.sh
	$(RUN) -m tools.long $(PART)

model: setup ## check the model of a delivery with SPIN, in every order of its steps (Debian's spin and gcc)
	$(RUN) -m tools.model

lint: setup ## look for mistakes and for code that is not formatted
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check

format: setup ## format the code
	$(RUN) -m ruff format

types: setup ## check the types
	$(RUN) -m mypy

pictures: setup ## take the pictures of the console in docs/images anew (Debian's chromium)
	$(RUN) -m tests.real.pictures

recording: setup ## draw docs/demo.svg, the picture of the demo, anew
	$(RUN) -m tools.recording

docs: setup ## write the tables in the documents anew
	$(RUN) docs/generate.py

manifest: setup ## write the order numbers of connector.json anew, from position
	$(RUN) -m tools.manifest

changelog: setup ## move the fragments of changelog.d/ into CHANGELOG.md, under the version of connector.json
	$(RUN) -m towncrier build --yes --version "$$($(RUN) -c 'import json; print(json.load(open("connector.json"))["app_version"])')"

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
