# `make run` and `make test` need Python 3.11 or newer and make; all else they bring themselves.

PYTHON ?= python3
BIN := .venv/bin
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header
# More workers than cores: many tests wait for real processes.
PYTEST := $(BIN)/python -m pytest --numprocesses 6 --maxschedchunk 1
# Else each worker, and each process that a test starts, compiles everything anew where the environment says so.
test: export PYTHONDONTWRITEBYTECODE =
.PHONY: run test lint format messages lock

run: .venv/installed .env
	@$(BIN)/python manage.py run

test: lint
	$(PYTEST)
	$(BIN)/python -m tests.postgres $(PYTEST) --database-only

lint: .venv/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: .venv/installed-dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Gathers the texts people are shown into locale/, see docs/translations.md.
messages: .venv/installed-dev
	$(BIN)/python -m tests.translations

# Versions to upgrade to are named in the .in files; what those need moves along.
lock: .venv/installed-dev
	$(LOCK) requirements.in -o requirements.txt
	$(LOCK) requirements-dev.in -o requirements-dev.txt

.env: .venv/installed
	$(BIN)/python -m onboarding.dotenv $@

.venv/installed: requirements.txt | .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

.venv/installed-dev: requirements-dev.txt | .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

.venv:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, and $(PYTHON) is %d.%d. \
	To name another one: make PYTHON=python3.12" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv

# Measured against what they could be; see docs/benchmarks.md.
.PHONY: bench-push bench-store bench-passthrough bench-api
bench-push bench-store bench-passthrough bench-api: bench-%: .venv/installed-dev
	$(BIN)/python -m bench.$*
