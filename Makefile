# vmtui: `make run` opens the app, `make test` runs the whole suite.  Both set up .venv by themselves, once.

.DEFAULT_GOAL := run
.PHONY: run test test-long test-live check published bench shots readme clean
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?= -n 3 --dist loadgroup
ARGS ?=
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

run: $(VENV)/.run  ## open the app (ARGS='scenarios/04-the-first-figure.scenario' plays that one)
	@echo 'vmtui: opening'
	@$(BIN)/python -m vmtui $(ARGS)

test: $(VENV)/.test  ## the whole suite
	$(BIN)/python -m pytest $(PYTEST_ARGS)

test-long: $(VENV)/.test  ## the agreement of all schemes over 5,000 random programs, 500 of every other property
	VMTUI_PROGRAMS=5000 VMTUI_EXAMPLES=500 $(BIN)/python -m pytest $(PYTEST_ARGS) tests/properties

test-live: $(VENV)/.test  ## what the kernel underneath does, as root on Linux: makes a swap file, cgroups and BPF programs, and takes them back
	VMTUI_LIVE=1 $(BIN)/python -m pytest tests/live

check: $(VENV)/.dev  ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/mypy --strict vmtui

published: $(VENV)/.test  ## every published figure beside what this machine gives (VMTUI_LONG=1: the largest too)
	@$(BIN)/python -m tests.published

bench: $(VENV)/.test  ## what everything costs, beside this machine's kernel (ARGS=--json; ARGS='steps kernel')
	@$(BIN)/python -m tests.benchmarks $(ARGS)

shots: $(VENV)/.test  ## draw the golden screenshots anew (look at the diff before you keep it)
	$(BIN)/python -m pytest tests/tui --update-shots $(PYTEST_ARGS)

readme: $(VENV)/.test  ## put the tables of keys and of figures into README anew
	$(BIN)/python -m tests.test_readme

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

# A stamp a group.  A newer pyproject.toml makes .venv anew, so nothing that left the list can linger.
$(VENV)/.run: pyproject.toml
	@$(find_python); \
	echo "vmtui: making $(VENV) with $$python"; \
	rm -rf $(VENV) && "$$python" -m venv $(VENV)
	@echo 'vmtui: installing (once, about a minute)'
	@$(PIP) install --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.run
	@echo 'vmtui: installing what the tests need (once)'
	@$(PIP) install --editable '.[test]'
	@touch $@

$(VENV)/.dev: $(VENV)/.test
	@echo 'vmtui: installing ruff and mypy (once)'
	@$(PIP) install --editable '.[test,dev]'
	@touch $@

# The newest of python3.14 .. python3.11 that runs and can make a virtual environment (a shim may do neither).
define find_python
python=; old=; \
for name in python3.14 python3.13 python3.12 python3.11 python3 python; do \
	path=$$(command -v $$name) || continue; \
	"$$path" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null || continue; \
	"$$path" -c 'import ensurepip, venv' 2>/dev/null && { python=$$path; break; }; \
	[ -n "$$old" ] || old=$$path; \
done; \
if [ -z "$$python" ] && [ -n "$$old" ]; then \
	version=$$("$$old" -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	echo "vmtui: $$old has no venv module; this mends it:" >&2; \
	if command -v dnf >/dev/null; then echo "    sudo dnf install python$$version" >&2; \
	else echo "    sudo apt install python$$version-venv" >&2; fi; \
	exit 1; \
elif [ -z "$$python" ]; then \
	echo 'vmtui: needs Python 3.11, 3.12, 3.13 or 3.14 on PATH' >&2; exit 1; \
fi
endef
