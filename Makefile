# Everything a newcomer or CI runs. Needs Python 3.11 or newer and make; each target makes its own environment first.
#   make PYTHON=/path/to/python3.12 test   picks the interpreter
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
DEMO_OUT := out/demo
PIP_INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check

.PHONY: help demo test test-all test-frontends fuzz lint bench conform reference-given clean
.DEFAULT_GOAL := help

help:
	@echo "make demo                    map ResNet-18 (ONNX) onto an Eyeriss-like chip; writes $(DEMO_OUT)/report.html"
	@echo "make test                    ruff, mypy and the test suite"
	@echo "make test-all                the same and the slow tests (larger spaces and nests)"
	@echo "make test-frontends          install PyTorch, transformers, JAX and Keras into $(VENV)-frontends and test their front ends"
	@echo "make fuzz                    damaged and hostile input for every reader, $(FUZZ_SECONDS) s each (FUZZ_SECONDS=...); atheris where it installs"
	@echo "make lint                    ruff and mypy only"
	@echo "make bench                   every speed claim as a ratio measured now"
	@echo "make conform REFERENCE=DIR   recompute another tool's published rows (MODEL=accelforge)"
	@echo "make clean                   remove the environment, caches and out/"

demo: $(VENV)/.installed-run
	@$(BIN)/tileloom list networks resnet18 --path > $(VENV)/demo-network
	@echo "Network: $$(cat $(VENV)/demo-network)"
	@$(BIN)/tileloom map "$$(cat $(VENV)/demo-network)" --bind N=1 --arch eyeriss --objective edp --out $(DEMO_OUT)

test: lint
	@$(BIN)/python -m pytest -n 2 -m "not slow"

test-all: lint
	@$(BIN)/python -m pytest -n 2

# An environment of its own: the frameworks are large, and nothing else needs them.
test-frontends: $(VENV)-frontends/.installed
	@$(VENV)-frontends/bin/python -m pytest tests/frontends

FUZZ_SECONDS := 20
# Inputs that end in anything but a typed error are kept under out/fuzz, with their tracebacks.
fuzz: $(VENV)/.installed-dev
	@$(BIN)/python -m pip install -qq --disable-pip-version-check atheris || echo "atheris does not install here; damage is drawn by chance"
	@$(BIN)/python tests/property/fuzz_all.py $(FUZZ_SECONDS) out/fuzz
	@$(BIN)/python -m pytest tests/property/test_readers_survive.py

lint: $(VENV)/.installed-dev
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy --no-error-summary

bench: $(VENV)/.installed-dev
	@$(BIN)/python benchmarks/run.py $(ONLY) $(FLAGS)

MODEL := accelforge
conform: reference-given $(VENV)/.installed-run
	@$(BIN)/tileloom conform $(MODEL) --reference "$(REFERENCE)"

reference-given:
	@test -n "$(REFERENCE)" || { echo "usage: make conform REFERENCE=DIR [MODEL=accelforge]" >&2; exit 2; }

clean:
	rm -rf $(VENV) $(VENV)-frontends out build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis src/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Commands named like a Python may exist and fail, or lack venv: only one that runs this line is taken.
$(VENV)/.made:
	@for python in "$(PYTHON)" python3.13 python3.12 python3.11 python3; do \
	  test -n "$$python" || continue; \
	  "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue; \
	  echo "Making $(VENV) with $$("$$python" -V)"; \
	  "$$python" -m venv --clear $(VENV) && touch $@ && exit 0; \
	done; \
	echo "No Python 3.11 or newer with venv was found; name one: make PYTHON=/path/to/python ..." >&2; exit 2

# A CPU build of PyTorch is enough; PyPI's default is taken where nothing else is configured.
$(VENV)-frontends/.installed: pyproject.toml $(VENV)/.made
	@echo "Installing Tileloom with PyTorch, transformers, JAX and Keras into $(VENV)-frontends"
	@$(BIN)/python -m venv $(VENV)-frontends
	@$(VENV)-frontends/bin/python -m pip install -qq --disable-pip-version-check --editable '.[huggingface,keras,onnx]' pytest
	@touch $@

$(VENV)/.installed-run: pyproject.toml $(VENV)/.made
	@test $(VENV)/.installed-dev -nt pyproject.toml || { \
	  echo "Installing Tileloom into $(VENV)"; $(PIP_INSTALL) --editable '.[onnx,plot,accelforge]'; }
	@touch $@

$(VENV)/.installed-dev: pyproject.toml $(VENV)/.made
	@echo "Installing Tileloom and its test tools into $(VENV)"
	@$(PIP_INSTALL) --editable '.[dev]'
	@touch $@
