# Every target makes .venv itself when it is missing or the lock has changed.
PYTHON ?= python3
BIN := .venv/bin
# For a laptop without a GPU: make demo TORCH_BACKEND=cpu
TORCH := $(if $(TORCH_BACKEND),--torch-backend $(TORCH_BACKEND))
EXTRAS := dev,timm,heic,video,sklearn-heads,datasets,track,ray
UV := 0.13.9
comma := ,
# What is imported is compiled once and kept, whatever the environment says: else every process compiles torch anew.
export PYTHONDONTWRITEBYTECODE :=
export NO_MKDOCS_2_WARNING := 1
# Those of speed read the photo sets in HANDSHAPE_DATA.
BENCHMARKS := layout extract memory train_head train_cnn compare_end_to_end interval_coverage calibration_floor

.PHONY: venv demo test test-all test-slow test-faults check docs format bench lock

venv: .venv/installed

.venv/installed: pyproject.toml requirements.lock
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv==$(UV)
ifdef TORCH_BACKEND # another build of torch has other hashes than those in the lock
	@echo "Packages are not checked against the hashes in requirements.lock, because TORCH_BACKEND is set."
	$(BIN)/uv pip install --quiet --python $(BIN)/python $(TORCH) --constraint requirements.lock --editable '.[$(EXTRAS)]'
else
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirement requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
endif
	@touch $@

demo: venv
	$(BIN)/handshape demo --force

# The everyday tier: drawn photos, minutes.
test: venv
	$(BIN)/python -m pytest -n auto --dist loadgroup -m 'not slow'

# Everything: browsers, servers, killed processes, every family of networks, real photos.
test-all: venv
	$(BIN)/python -m pytest -n auto --dist loadgroup

# A part of what `make test` leaves out, such as PART=0/16.
test-slow: venv
	$(BIN)/python -m pytest -n auto --dist loadgroup -m slow $(if $(PART),--part $(PART))

# Every command killed at twenty moments, full disks, clocks put back; about an hour.
test-faults: venv
	$(BIN)/python -m pytest -n auto --dist loadgroup tests/faults --kills 20

check: venv
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/typos *.md docs
	$(BIN)/mypy
	$(BIN)/mkdocs --quiet build --strict
	$(BIN)/pip-licenses --summary --partial-match --fail-on GPL > /dev/null # nothing that binds its users

# The documentation as a site, in build/site.
docs: venv
	$(BIN)/mkdocs build --strict

format: venv
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: venv
	$(BIN)/uv pip install --quiet --python $(BIN)/python $(TORCH) --constraint requirements.lock --editable '.[$(EXTRAS),bench]'
	for name in $(BENCHMARKS); do $(BIN)/python -m benchmarks.$$name || exit 1; done

lock: venv
	$(BIN)/uv pip compile pyproject.toml $(patsubst %,--extra %,$(subst $(comma), ,$(EXTRAS))) --universal --generate-hashes --no-header \
	  --no-emit-index-url --quiet --output-file requirements.lock
