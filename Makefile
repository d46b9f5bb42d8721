# The front door: a thin list of plain commands. `make demo` and `make test` work as the first command after a clone;
# they need git, make and Python 3.11 or newer with venv and pip.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
CONSTRAINTS := --constraint requirements/constraints.txt
PROJECTS := pyproject.toml $(wildcard plugins/*/*/pyproject.toml sdk/pyproject.toml docs/examples/*/pyproject.toml)
PACKAGES := assay_core $(notdir $(wildcard plugins/*/*/src/assay_* sdk/src/assay docs/examples/*/src/assay_*))
SUITES := tests $(wildcard plugins/*/*/tests sdk/tests docs/examples/*/tests)
PYTEST := $(BIN)/python -m pytest

# The newest supported interpreter that is there; override it with `make PYTHON=/path/to/python test`.
PYTHON ?= $(shell for each in python3.13 python3.12 python3.11 python3 python; do \
	$$each -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$each && break; done)

.PHONY: demo test check bench nightly soak docs new-plugin clean

demo: $(VENV)/.ready
	$(BIN)/python docs/examples/demo/demo.py

test: $(VENV)/.ready
	$(PYTEST) -n 2 $(SUITES)

check: $(VENV)/.ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(addprefix -p ,$(PACKAGES))
	$(BIN)/mypy $(wildcard docs/*.py docs/generators/*.py docs/examples/demo/*.py benchmarks/*.py plugins/new_plugin/__main__.py)
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check
	$(PYTEST) -q tests/architecture/test_repository.py

bench: $(VENV)/.ready
	$(BIN)/python benchmarks/run.py

nightly: $(VENV)/.ready
	ASSAY_NIGHTLY=1 $(PYTEST) -n 2 $(SUITES)
	for python in python3.11 python3.12 python3.13; do \
		if $$python -c 'import ensurepip, venv' 2>/dev/null; \
		then $(MAKE) test VENV=.venv-$$python PYTHON=$$python || exit 1; \
		else echo "skipped: no $$python here"; fi; done

soak: $(VENV)/.ready
	$(BIN)/python benchmarks/soak.py --minutes $(or $(MINUTES),30)

docs: $(VENV)/.ready
	$(BIN)/python docs/generate.py
	ASSAY_UPDATE_DOCS=1 $(PYTEST) -q tests/e2e/test_docs.py

new-plugin: $(VENV)/.ready
	$(BIN)/python plugins/new_plugin "$(KIND)" "$(NAME)"
	$(PIP) install --quiet --no-build-isolation --no-deps --editable "plugins/$(KIND)s/$(NAME)"

clean:
	rm -rf $(VENV) .venv-python3.* .demo dist build

$(VENV)/.ready: requirements/dev.txt requirements/test.txt requirements/constraints.txt $(PROJECTS)
	@test -n "$(PYTHON)" || { echo "no Python 3.11 or newer with venv and pip found; name one: make PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --upgrade $(CONSTRAINTS) pip hatchling editables
	$(PIP) install --quiet --no-build-isolation $(CONSTRAINTS) --requirement requirements/dev.txt
	@touch $@
