# make install | demo | results | test | lint | coverage.  PYTHON=… chooses the Python, VENV=… the folder of the environment.

PYTHON ?=
VENV ?= .venv
RESULTS ?= results/demo
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# On a terminal pip shows what it downloads.
QUIET := $(shell test -t 2 || echo --quiet)
INSTALL = $(PIP) install $(QUIET) --constraint constraints.txt --editable

.PHONY: help install demo results test lint coverage ruff format types clean
help:
	@echo "make install   set up $(VENV)"
	@echo "make demo      code and measure the sample photographs, print the table"
	@echo "make results   make all of results/ again, from the weights that ship and the Kodak photographs; hours"
	@echo "make test      run the tests"
	@echo "make lint      ruff and mypy"
	@echo "make coverage  the tests once more, and which lines they run"
	@echo "make clean     remove $(VENV)"

install: $(VENV)/.installed

demo: $(VENV)/.installed
	@$(BIN)/jpegai-bench run -m +variant=base,combined dataset=sample results=$(RESULTS) > /dev/null
	@$(BIN)/jpegai-bench tables results=$(RESULTS)
	@echo "Plots: $(RESULTS)/plots"

# ONLY="complexity codecs" chooses rows of results/README.md; SEEDS=FOLDER and REPEATS=1 add what it says.
results: $(VENV)/.installed
	@$(BIN)/python scripts/results.py $(ONLY)

test: $(VENV)/.installed-test
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

coverage: $(VENV)/.installed-dev
	@OMP_NUM_THREADS=1 $(BIN)/python -m coverage run -m pytest -n 2 --dist loadfile --no-loadscope-reorder
	@$(BIN)/python -m coverage combine --quiet
	@$(BIN)/python -m coverage report

lint: ruff format types

ruff: $(VENV)/.installed-dev
	$(BIN)/ruff check .

format: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

clean:
	rm -rf $(VENV)

# The Python is $(PYTHON) where it is given, else the first of these that is 3.11 or 3.12 and has venv, else what uv has.
CANDIDATES := $(or $(PYTHON),python3 python3.11 python3.12)

$(BIN)/python:
	@found=; bare=; \
	for python in $(CANDIDATES); do \
	  $$python -c 'import sys; sys.exit((3, 11) > sys.version_info or sys.version_info >= (3, 13))' 2> /dev/null || continue; \
	  if $$python -c 'import ensurepip, venv' 2> /dev/null; then found=$$python; break; fi; \
	  bare=$${bare:-$$python}; \
	done; \
	if test "$$found"; then echo "Making $(VENV) with $$found"; exec $$found -m venv --clear $(VENV); fi; \
	if test -z "$(PYTHON)" && command -v uv > /dev/null; then \
	  echo "Making $(VENV) with Python 3.12 of uv"; rm -rf $(VENV); exec uv venv --quiet --seed --python 3.12 $(VENV); \
	fi; \
	if test "$$bare"; then \
	  version=$$($$bare -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	  echo "$$bare lacks venv; on Debian or Ubuntu: apt-get install python$$version-venv" >&2; \
	else \
	  echo "Python 3.11 or 3.12 is needed, and none of these is one: $(CANDIDATES); name one with make PYTHON=…," \
	    "or install uv (docs.astral.sh/uv), pyenv or conda: make takes Python 3.12 from uv by itself" >&2; \
	fi; \
	exit 1

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing into $(VENV); torch is several GB, this takes minutes"
	@$(INSTALL) .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	@$(INSTALL) '.[test]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@$(INSTALL) '.[dev]'
	@touch $@
