# The commands of the project. A fresh Debian with Python 3.11 and make is enough, as root or as a
# user who may sudo. Everything is safe to repeat; what is installed already costs nothing.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
# Programs that the tests drive; the Debian package of each has its name, or the one given here.
PROGRAMS := prometheus chromium influxd
PACKAGE_influxd := influxdb
ABSENT = $(foreach program,$(PROGRAMS),$(if $(shell command -v $(program) 2>/dev/null),,$(or $(PACKAGE_$(program)),$(program))))

.PHONY: help demo test check bench programs clean

help:
	@echo "make demo    install, then the whole pipeline on the shipped recordings: demo/report.html"
	@echo "make test    install what the tests need, then run them all"
	@echo "make check   ruff, format and mypy only"
	@echo "make bench   speed as ratios to other tools on this machine"
	@echo "make clean   remove what these commands made"

demo: $(VENV)/.installed
	$(BIN)/perfreport demo -o demo

test: $(VENV)/.installed-dev programs
	$(BIN)/pytest -n auto

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.installed-dev
	@set -e; for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script; done

clean:
	rm -rf $(VENV) demo build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis

# Stamps: they are older than pyproject.toml when the dependencies may have changed.
$(VENV)/.installed: $(VENV)/bin/pip pyproject.toml
	$(BIN)/pip install --quiet --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/bin/pip pyproject.toml
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/.installed

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed. Name one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { $(call install,$(notdir $(PYTHON))-venv); }
	$(PYTHON) -m venv $(VENV)

programs:
	@$(if $(strip $(ABSENT)),$(call install,$(strip $(ABSENT))))

# $(call install,PACKAGES): Debian packages through apt, or a line that says what to do instead.
install = { echo "Installing with apt: $(1)"; \
	$(SUDO) apt-get update -qq && \
	$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $(1); \
	} || { echo "Could not install $(1). Install it by hand, then repeat this command." >&2; exit 1; }
