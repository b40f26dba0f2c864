# Needs Python (>= 3.11) with pip, and nothing else. Every target makes its environment in
# .venv; a second run finds it there and installs nothing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RIVALS := benchmarks/.venv
PIP := $(BIN)/python -m pip --disable-pip-version-check
# One thread for each numerical library: two workers on two cores don't fight.
export OMP_NUM_THREADS ?= 1
# Packages are compiled when they are imported, and most of their files never are.
export PYTHONDONTWRITEBYTECODE =

.PHONY: demo test test-slow fuzz coverage mutate bench history lint docs figures clean

demo: $(VENV)/.demo
	$(BIN)/python -m sklearn_equity demo

test: $(VENV)/.test
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-slow: $(VENV)/.slow
	$(BIN)/python -m pytest -n 2 --dist worksteal -m slow tests

# Hostile input to every public name: `make fuzz CASES=1000 SEED=3` for others.
CASES ?= 20000
SEED ?= 0
fuzz: $(VENV)/.test
	$(BIN)/python tests/fuzz --cases $(CASES) --seed $(SEED)

# Lines and branches that the ordinary tests run: 95% at least. One process, as the tests
# start others, which are counted too.
coverage: $(VENV)/.coverage
	$(BIN)/python -m coverage erase
	COVERAGE_CORE=ctrace $(BIN)/python -m coverage run -m pytest -p no:xdist -q
	$(BIN)/python -m coverage combine -q
	$(BIN)/python -m coverage report

# Small mistakes, made in a copy of four stages: would a test fail? A sample, from a seed.
MUTANTS ?= 40
mutate: $(VENV)/.coverage
	$(BIN)/python tests/mutation --mutants $(MUTANTS) --seed $(SEED)

# Every script of benchmarks/comparisons, short form, beside its rivals: writes
# docs/benchmarks.md. `make bench ONLY="density_intervals metrics_aif360"` for some.
bench: $(RIVALS)/.made
	$(RIVALS)/bin/python benchmarks/run.py $(if $(ONLY),--only $(ONLY))

# Our own history, by asv: time, peak memory and import time of this commit, or of
# others: `make history COMMITS=v0.1..HEAD`. The results lie in benchmarks/asv/results.
COMMITS ?= HEAD^!
history: $(RIVALS)/.made
	cd benchmarks/asv && ../../$(RIVALS)/bin/asv machine --yes
	cd benchmarks/asv && ../../$(RIVALS)/bin/asv run '$(COMMITS)'

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --strict --follow-imports=silent tests/typing/example.py

# The guide, its gallery run on the way; a warning is an error.
docs: $(VENV)/.docs
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

# The figures that open the pages of the guide, drawn anew.
figures: $(VENV)/.demo
	$(BIN)/python docs/figures/draw.py

# A stamp says which sets of packages the environment holds; it is renewed when the
# project's requirements change.
$(VENV)/.base: constraints.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python >= 3.11 is needed; name one with make PYTHON=...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install -qq --no-compile --upgrade "pip>=25.1"
	touch $@

$(VENV)/.demo: $(VENV)/.base
	$(PIP) install -qq --no-compile --constraint constraints.txt --editable ".[all]"
	touch $@

$(VENV)/.test: $(VENV)/.demo
	$(PIP) install -qq --no-compile --constraint constraints.txt --group test
	touch $@

$(VENV)/.coverage: $(VENV)/.test
	$(PIP) install -qq --no-compile --constraint constraints.txt --group coverage
	touch $@

# The browser and Java are not Python's: `apt-get install chromium default-jre`, or the
# tests that need them are skipped.
$(VENV)/.slow: $(VENV)/.test
	$(PIP) install -qq --no-compile --constraint constraints.txt --group browser --group spark
	touch $@

# An environment of its own: rivals bring what the project does not want.
$(RIVALS)/.made: benchmarks/rivals.txt constraints.txt pyproject.toml
	test -x $(RIVALS)/bin/python || $(PYTHON) -m venv $(RIVALS)
	$(RIVALS)/bin/python -m pip install -qq --no-compile --upgrade "pip>=25.1"
	$(RIVALS)/bin/python -m pip install -qq --no-compile --constraint constraints.txt --requirement benchmarks/rivals.txt --editable .
	touch $@

# The types of a package can be checked only where it is installed.
$(VENV)/.lint: $(VENV)/.test
	$(PIP) install -qq --no-compile --constraint constraints.txt --group lint
	touch $@

$(VENV)/.docs: $(VENV)/.demo
	$(PIP) install -qq --no-compile --constraint constraints.txt --group docs
	touch $@

clean:
	rm -rf $(VENV) $(RIVALS) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -rf docs/_build docs/api/generated docs/gallery docs/sg_execution_times.rst
