# Every target works on a fresh machine: the first one that runs makes .venv from constraints.txt and, for anything but
# the demo, constraints-dev.txt. Packages are installed if their files have the digests that these name.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNS := $(VENV)/.runs
STAMP := $(VENV)/.installed
export OMP_NUM_THREADS ?= 1
export TOKENIZERS_PARALLELISM ?= false
# Where it is set, as in many containers, every process would compile thousands of modules of torch and transformers anew:
# ten seconds each. Setting up leaves that to whoever imports them first.
unexport PYTHONDONTWRITEBYTECODE

# Where no release is pinned, torch still is: one choice of build for all, and unpinned it brings gigabytes of CUDA.
TORCH := $(shell sed -n 's/^\(torch==[^ ]*\).*/\1/p' constraints.txt)
NEWEST := .venv-newest
OLDEST := .venv-oldest

.PHONY: demo test test-fast test-all test-newest test-oldest test-quantised test-docs nightly check docs format bench kills setup lock sbom clean

demo: $(RUNS)
	$(BIN)/unispect demo --out demo

# Tiers: what each leaves out, and how long it takes, stands in CONTRIBUTING.md.
PYTEST := python -m pytest -n 2 --dist worksteal
FAST := -m "not slow and not nightly"
# Of the newest and the oldest releases.
TESTS ?= tests

test-fast: setup
	$(BIN)/$(PYTEST) $(FAST)

test: setup
	$(BIN)/$(PYTEST) -m "not nightly"

test-all: setup
	$(BIN)/$(PYTEST)

nightly: test-all kills test-oldest test-quantised

# The packages that own quantised formats lie apart: peft imports two of them wherever they are installed.
test-quantised: setup
	$(locked) --upgrade --target .quantised -r constraints-quantised.txt
	PYTHONPATH=.quantised $(BIN)/$(PYTEST) tests/unit/models/quantised

# What `pip install` brings today, looked up again every time; only what is newer than the locked releases is installed and tried. The rest is
# found in .venv, with the byte code that is there. Inspect, which no lock file holds, opens our logs here.
test-newest: setup
	test -x $(NEWEST)/bin/python || $(PYTHON) -m venv $(NEWEST)
	$(BIN)/python -c $(PACKAGES) >"$$($(NEWEST)/bin/python -c $(PACKAGES))/locked.pth"
	$(call install,$(NEWEST)) --upgrade --upgrade-strategy eager $(TORCH) -e ".[all,inspect,judges,test]"
	$(call releases,$(VENV)) >$(NEWEST)/locked.txt
	$(call releases,$(NEWEST)) | grep -vxF -f $(NEWEST)/locked.txt >$(NEWEST)/newer.txt || true
	if test -s $(NEWEST)/newer.txt; then cat $(NEWEST)/newer.txt; $(call fast,$(NEWEST)); \
	else echo "the newest releases are the locked ones, which make test tries"; fi

# The lowest releases that pyproject.toml allows. Without [judges], whose packages ask for more than the lowest.
test-oldest: $(OLDEST)/.installed
	$(call releases,$(OLDEST))
	$(call fast,$(OLDEST))

$(OLDEST)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv --clear $(OLDEST)
	sed -n 's/^ .*"\([a-z0-9-]*\)>=\([0-9.]*\).*/\1==\2/p' pyproject.toml | grep -v '^torch==' >$(OLDEST)/constraints.txt
	$(call install,$(OLDEST)) -c $(OLDEST)/constraints.txt $(TORCH) -e ".[all,test]"
	touch $@

PACKAGES := 'import sysconfig; print(sysconfig.get_path("purelib"))'
install = $(1)/bin/python -m pip install -q --disable-pip-version-check --no-compile
releases = $(1)/bin/python -m pip list --disable-pip-version-check --format=freeze --exclude pip --exclude setuptools
fast = $(1)/bin/$(PYTEST) $(FAST) $(TESTS)

# The site, in build/docs: its pages are those of docs/; a warning, such as of a link that leads nowhere, is an error.
docs: .docs/.installed
	$(BIN)/python bench/site.py
	PYTHONPATH=$(CURDIR)/.docs $(BIN)/python -m zensical build --strict --clean

# What builds the site and runs its notebook lies apart: nothing else needs it.
.docs/.installed: constraints-docs.txt | setup
	$(locked) --upgrade --target .docs -r constraints-docs.txt
	touch $@

# What `make test` skips without these packages; in one process, which builds the site once.
test-docs: docs
	PYTHONPATH=$(CURDIR)/.docs $(BIN)/python -m pytest -m slow tests/unit/supply/test_site.py tests/e2e/test_notebook.py

check: setup
	$(BIN)/ruff format --check src tests bench reproductions
	$(BIN)/ruff check src tests bench reproductions
	rm -rf build/written
	for like in janus-pro show-o janus-flow omnigen2; do $(BIN)/unispect new-model like-$$like --like $$like --out build/written/$$like >/dev/null || exit 1; done
	$(BIN)/pyright src reproductions build/written/*/like_*
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff format src tests bench reproductions
	$(BIN)/ruff check --fix src tests bench reproductions

bench: setup
	$(BIN)/python bench/entropy.py

# Once a night: two hundred SIGKILLs of real commands, and a full disk or a kill at every single moment of a training.
kills: setup
	$(BIN)/python bench/kills.py
	UNISPECT_EVERY_MOMENT=1 $(BIN)/python -m pytest -n 2 tests/unit/train/test_failing_disk.py tests/unit/organisms/test_growing_safely.py

setup: $(STAMP)

# torch comes first and by itself: of two builds of one release pip would else take the one whose digest the index told it,
# which brings gigabytes of CUDA, and not the one that it finds without digests asked for.
$(RUNS): pyproject.toml constraints.txt constraints-cuda.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	rm -rf $(VENV)/torch && $(BIN)/python -m pip download -q --disable-pip-version-check --no-deps -d $(VENV)/torch $(TORCH)
	sed -n '/^torch==/,/[^\\]$$/p' constraints.txt >$(VENV)/torch.txt
	$(locked) --no-index --find-links $(VENV)/torch -r $(VENV)/torch.txt
	rm -r $(VENV)/torch
	$(locked) -r constraints.txt
	if $(BIN)/python -m pip show torch 2>/dev/null | grep -q '^Requires:.*cuda'; then $(locked) -r constraints-cuda.txt; fi
	$(call install,$(VENV)) --no-deps --no-build-isolation -e .
	touch $(RUNS)

$(STAMP): $(RUNS) constraints-dev.txt
	$(locked) -r constraints-dev.txt
	$(BIN)/python -m pip check
	touch $(STAMP)

# Nothing is looked up, built or run that the file does not name. Byte code is made of what is imported, when it is first.
locked = $(BIN)/python -m pip install -q --disable-pip-version-check --no-compile --require-hashes --no-deps --only-binary :all:

# The newest releases that pyproject.toml allows: make lock UPGRADE=--upgrade
lock: setup
	$(BIN)/python bench/lock.py $(UPGRADE)

# What is installed in .venv, in CycloneDX's JSON.
sbom: setup
	mkdir -p build
	$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --of JSON -o build/sbom.cdx.json $(BIN)/python

clean:
	rm -rf $(VENV) $(NEWEST) $(OLDEST) .quantised .docs demo .pytest_cache .ruff_cache .import_linter_cache build dist
