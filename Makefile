# Everything happens in a project-local environment; the only needs are Python >= 3.11 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
NODE_APP := tests/sandbox/slack/node
NODE_READY := $(NODE_APP)/node_modules/.ready

.PHONY: demo test check unit node node-packages browser browser-tools screenshots soak hostile bench image lock clean

# The main job, on embedded defaults: no Slack account, no keys. ONCE=1 exits after the story, VENDOR=name tells it with another
# vendor, PHOTOS=folder posts your own.
demo: $(READY)
	@$(BIN)/python -m bot demo $(if $(ONCE),--once) $(if $(VENDOR),--vendor "$(VENDOR)") $(if $(PHOTOS),--photos "$(PHOTOS)") $(if $(STATE),--state "$(STATE)")

# Linters, types, architecture and the whole suite.
test: check unit

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(READY)
	$(BIN)/pytest -n 2

$(READY): requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Darkroom needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --only-binary :all: -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# The local Slack held against Slack's own library for Node. Needs Node 20 and npm; make test skips it without the packages.
node: $(READY) $(NODE_READY)
	$(BIN)/pytest tests/sandbox/slack/test_node.py

node-packages: $(NODE_READY)

$(NODE_READY): $(NODE_APP)/package-lock.json
	cd $(NODE_APP) && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

# The local Slack's page, walked by hand in a browser. Needs the system's Chromium (Debian: apt-get install chromium).
browser: browser-tools
	$(BIN)/pytest -n 2 tests/browser

# What drives the browser; the browser itself is the system's.
browser-tools: $(READY)
	$(BIN)/python -m pip install --quiet --require-hashes --only-binary :all: -r requirements-browser.txt

# The README's pictures of that page, taken from a real run.
screenshots: browser-tools
	$(BIN)/python -m tests.browser.screenshots docs/images

# The long form of the walks: a crash at every moment, and thousands of histories by lot; then whole demos killed by lot.
soak: $(READY)
	DARKROOM_SOAK=2000 $(BIN)/pytest -n 2 tests/test_walks.py -k soak
	$(BIN)/python -m tests.soak_restarts --rounds $(or $(ROUNDS),20)

# The long form of the hostile pictures: some 1,800 files instead of some 300.
hostile: $(READY)
	DARKROOM_HOSTILE=long $(BIN)/pytest -n 2 tests/imaging/test_hostile.py

# Every benchmark in its short form; status 0 only if all goals hold.
bench: $(READY)
	@status=0; for one in ack intake polling startup memory page local_slack photos; do $(BIN)/python -m benchmarks.$$one --short || status=1; done; exit $$status

# The container image.
image:
	docker build -t darkroom .

# Newest releases, locked with hashes for every supported Python and platform.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --only-binary :all: --no-emit-index-url --no-header --upgrade \
	  pyproject.toml -o requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --only-binary :all: --no-emit-index-url --no-header --upgrade \
	  --extra sandbox --extra dev pyproject.toml -o requirements-dev.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --only-binary :all: --no-emit-index-url --no-header --upgrade \
	  --extra browser --constraint requirements-dev.txt --no-annotate pyproject.toml -o requirements-browser.txt

clean:
	rm -rf $(VENV) $(NODE_APP)/node_modules .demo .mypy_cache .ruff_cache .pytest_cache
