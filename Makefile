# Every target builds what it needs in .venv; a second run reinstalls nothing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
NATIVE := CMakeLists.txt pyproject.toml $(wildcard native/*)
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo test test-all check format bench oracle docs sanitize fuzz clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*##/\1 \t/p' $(MAKEFILE_LIST) | expand -t 12

$(VENV)/.created:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	@touch $@

# The package itself, compiled, with what it needs at run time.
$(VENV)/.installed: $(VENV)/.created $(NATIVE) constraints.txt
	$(PIP) -c constraints.txt scikit-build-core nanobind cmake ninja
	$(PIP) -c constraints.txt --no-build-isolation -e .
	@touch $@

# Everything for tests, checks and docs.
$(VENV)/.dev: $(VENV)/.installed
	$(PIP) -c constraints.txt --no-build-isolation -e '.[dev]'
	@touch $@

demo: $(VENV)/.installed  ## set up, then features and formation energies of the bundled crystals, and a picture
	@mkdir -p build
	@$(BIN)/seitz demo --plot build/demo.svg

test: $(VENV)/.dev  ## set up, then the whole test suite (without the slow proofs)
	$(BIN)/python -m pytest -n $(JOBS) -m "not slow"

test-all: $(VENV)/.dev  ## the suite with all slow proofs
	$(BIN)/python -m pytest -n $(JOBS)

check: $(VENV)/.dev  ## formatting, linting and types, of Python and C++
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror native/*.hpp native/*.cpp
	$(BIN)/clang-tidy --quiet -p $(wildcard build/*-Release) $(filter-out native/bindings.cpp,$(wildcard native/*.cpp))

format: $(VENV)/.dev  ## rewrite the sources in the house style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/clang-format -i native/*.hpp native/*.cpp

# The published implementation, in an environment of its own, as an oracle for benchmarks.
.venv-oracle/.installed: benchmarks/oracle-requirements.txt
	$(PYTHON) -m venv .venv-oracle
	.venv-oracle/bin/python -m pip --disable-pip-version-check install --quiet -r $<
	@touch $@

oracle: .venv-oracle/.installed  ## install the published implementation beside

bench: $(VENV)/.dev oracle  ## speed, as ratios against the published implementation in the same run
	$(BIN)/python benchmarks/run.py --oracle .venv-oracle/bin/python

docs: $(VENV)/.dev  ## build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# One environment per kind of build: an editable install elsewhere would win over PYTHONPATH.
SANITIZED := -c constraints.txt --no-build-isolation '.[test]' pytest-xdist
.venv-asan/.installed: $(NATIVE) $(shell find src -name '*.py')
	$(PYTHON) -m venv .venv-asan
	.venv-asan/bin/python -m pip --disable-pip-version-check install --quiet -c constraints.txt scikit-build-core nanobind cmake ninja
	.venv-asan/bin/python -m pip --disable-pip-version-check install --quiet $(SANITIZED) \
	  -Cbuild-dir=build/asan -Ccmake.build-type=RelWithDebInfo -Cinstall.strip=false \
	  -Ccmake.define.SEITZ_SANITIZE="address;undefined"
	@touch $@

.venv-tsan/.installed: $(NATIVE) $(shell find src -name '*.py')
	$(PYTHON) -m venv .venv-tsan
	.venv-tsan/bin/python -m pip --disable-pip-version-check install --quiet -c constraints.txt scikit-build-core nanobind cmake ninja
	.venv-tsan/bin/python -m pip --disable-pip-version-check install --quiet $(SANITIZED) \
	  -Cbuild-dir=build/tsan -Ccmake.build-type=RelWithDebInfo -Cinstall.strip=false \
	  -Ccmake.define.SEITZ_SANITIZE=thread
	@touch $@

sanitize: .venv-asan/.installed .venv-tsan/.installed  ## the suite under ASan + UBSan, then under TSan
	LD_PRELOAD="$$(g++ -print-file-name=libasan.so) $$(g++ -print-file-name=libubsan.so)" \
	  ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 PYTHONMALLOC=malloc \
	  .venv-asan/bin/python -m pytest -q -n $(JOBS) -m "not slow" tests \
	  --deselect tests/test_plots.py::test_pictures_are_written  # a browser cannot be preloaded with them
	LD_PRELOAD="$$(g++ -print-file-name=libtsan.so)" OPENBLAS_NUM_THREADS=1 \
	  TSAN_OPTIONS="exitcode=66 suppressions=$(CURDIR)/tests/tsan-suppressions.txt" \
	  .venv-tsan/bin/python -m pytest -q -m "not slow" tests/native tests/test_laws.py tests/test_tessellation.py \
	  tests/test_featurize.py tests/test_ward2017.py tests/test_defects.py tests/test_alloys.py

SECONDS_PER_FORMAT ?= 300
fuzz: $(VENV)/.dev  ## mutate files of every format; nothing but records and named errors may come out
	$(BIN)/python tests/io/fuzz_readers.py --format all --seconds $(SECONDS_PER_FORMAT)

clean:  ## remove everything that was built
	rm -rf build dist site $(VENV) .venv-asan .venv-tsan .venv-oracle
