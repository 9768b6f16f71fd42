# make demo | test | bench | lint | reset | stop      (make help says more)
PYTHON ?= python3
VAR ?= var
PORT ?= 8000
ONCE ?=
VENV := .venv
PY := $(VENV)/bin/python
override VAR := $(abspath $(VAR))
export VAR

.DEFAULT_GOAL := help
.PHONY: help install demo test test-spark test-encoder snapshots bench lint reset stop

help:
	@echo "make demo           the desk with two weeks of simulated traffic; Ctrl-C stops it"
	@echo "make demo ONCE=1    the same without serving; prints found against planted as JSON"
	@echo "make test           all tests (CI=true: a skipped test fails)"
	@echo "make test-encoder   the pooled test with a sentence encoder, an extra"
	@echo "make test-spark     every detector on Spark as on DuckDB; needs Java"
	@echo "make snapshots      writes anew what the detectors ask of each warehouse; review the change"
	@echo "make bench          the figures, a JSON line each; BENCH_DATA=folder adds labelled data"
	@echo "make lint           ruff"
	@echo "make reset          forget the demo's data, after asking"
	@echo "make stop           stop the embedded PostgreSQL and broker"
	@echo "VAR=folder PORT=n   let two copies run side by side"

install: $(VENV)/.runtime

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is %d.%d: make PYTHON=python3.11 …" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	@echo "· making $(VENV)" >&2
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.txt constraints.txt | $(PY)
	@echo "· installing the pinned requirements (about a minute)" >&2
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-compile -r requirements.txt -c constraints.txt >&2
	@touch $@

$(VENV)/.dev: requirements-dev.txt requirements.txt constraints.txt | $(PY)
	@echo "· installing the pinned requirements of the tests (about a minute)" >&2
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-compile -r requirements-dev.txt -c constraints.txt >&2
	@touch $@ $(VENV)/.runtime

demo: $(VENV)/.runtime
	@$(PY) manage.py demo --port $(PORT) $(if $(ONCE),--once)

test: $(VENV)/.dev
	@CHROMIUM="$$(sh .ci/chromium)" VAR=$(VAR)/test $(PY) -m pytest -n auto --maxprocesses 4 --dist loadscope $(ARGS)

test-encoder: $(VENV)/.dev
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-encoder.txt >&2
	@VAR=$(VAR)/test $(PY) -m pytest -m encoder $(ARGS)

test-spark: $(VENV)/.dev
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-spark.txt -c constraints.txt >&2
	@VAR=$(VAR)/test $(PY) -m pytest -m spark $(ARGS)

snapshots: $(VENV)/.dev
	@DJANGO_SETTINGS_MODULE=analyst.settings $(PY) -m tests.ingest.warehouse_sql

bench: $(VENV)/.dev
	@VAR=$(VAR)/bench $(PY) -m tests.bench

lint: $(VENV)/.dev
	@$(PY) -m ruff check . && $(PY) -m ruff format --check .

reset: $(VENV)/.runtime
	@$(PY) manage.py reset

stop: $(VENV)/.runtime
	@$(PY) manage.py services stop
