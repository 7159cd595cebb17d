# Guildhall. `make` alone lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 22

gen: ## generate Python from protos/ into gen/
	@rm -rf gen/guildhall
	@cd protos && ../$(BIN)/python -m grpc_tools.protoc -I. --python_out=../gen --grpc_python_out=../gen \
	  --plugin=protoc-gen-mypy=../$(BIN)/protoc-gen-mypy --mypy_out=../gen \
	  --plugin=protoc-gen-mypy_grpc=../$(BIN)/protoc-gen-mypy_grpc --mypy_grpc_out=only_async:../gen \
	  $$(find guildhall -name '*.proto' | sort)

LOCK := $(BIN)/uv pip compile -q --universal --generate-hashes --no-annotate --python-version 3.11 --custom-compile-command "make lock" pyproject.toml
lock: ## compile pyproject.toml into requirements/, one hashed lock per service
	$(LOCK) --all-extras --group dev --group bench -o requirements/dev.txt
	for extra in gateway executor llm ratelimit board sandbox; do \
	  $(LOCK) --extra $$extra -c requirements/dev.txt -o requirements/$$extra.txt; done
	$(LOCK) --all-extras -c requirements/dev.txt -o requirements/run.txt
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-annotate --python-version 3.11 \
	  --custom-compile-command "make lock" --group encodings -o requirements/encodings.txt

.PHONY: help gen lock
