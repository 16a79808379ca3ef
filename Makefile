# The commands of this project. `make run` and `make test` need nothing but this folder on a Debian 12 machine.
SHELL := /bin/bash
.DEFAULT_GOAL := help
JOBS ?= $(shell nproc)
DATA ?= ./data
LISTEN ?= 127.0.0.1:8080
# The seed of every randomised test: printed, and taken from the environment to repeat a run.
PENSTOCK_TEST_SEED ?= $(shell od -An -N4 -tu4 /dev/urandom | tr -d ' ')
export PENSTOCK_TEST_SEED JOBS
CTEST := ctest --output-on-failure --no-tests=error

.PHONY: help run build test test-systems bench soak fmt tidy asan tsan clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## Install what is missing, build, and start the demo pipeline
	@exec build/release/penstock run pipelines/demo.yaml --data $(DATA) --listen $(LISTEN)

build: ## Leave an optimised binary at build/release/penstock
	@scripts/install.sh run
	@[ -f build/release/build.ninja ] || cmake --preset release -DPENSTOCK_TESTS=OFF
	@cmake --build build/release --target penstock -j $(JOBS)

test: ## Install what is missing, build, and run the tests
	@scripts/install.sh test
	@scripts/build.sh dev -j $(JOBS)
	@scripts/build.sh fuzz -j $(JOBS) --target fuzzers
	@echo "seed of the randomised tests: $$PENSTOCK_TEST_SEED"
	@$(CTEST) --test-dir build/dev -LE 'systems|soak' -j 2

test-systems: ## Also test against the real Kafka tools
	@scripts/install.sh systems
	@scripts/build.sh dev -j $(JOBS)
	@KAFKA_LIBS=$$(scripts/kafka_tools.sh) && export KAFKA_LIBS && $(CTEST) --test-dir build/dev -L systems

soak: ## Run the randomised tests many more times than `make test` does
	@scripts/install.sh test
	@scripts/build.sh dev -j $(JOBS)
	@echo "seed of the randomised tests: $$PENSTOCK_TEST_SEED"
	@$(CTEST) --test-dir build/dev -L soak

bench: ## Measure this project and its peers side by side
	@scripts/install.sh bench
	@bench/run.sh

asan: ## Run the unit tests under the address and undefined behaviour sanitizers
	@scripts/install.sh test
	@scripts/build.sh asan -j $(JOBS)
	@$(CTEST) --test-dir build/asan -LE 'systems|soak|binary' -j 2

tsan: ## Run the unit tests under the thread sanitizer
	@scripts/install.sh test
	@scripts/build.sh tsan -j $(JOBS)
	@$(CTEST) --test-dir build/tsan -LE 'systems|soak|binary' -j 2

tidy: ## Build with clang-tidy's checks
	@scripts/install.sh tidy
	@scripts/build.sh tidy -j $(JOBS)

fmt: ## Format the C++ sources
	@git ls-files -co --exclude-standard '*.h' '*.cpp' | xargs clang-format-19 -i

clean: ## Remove what was built (downloads stay in .cache)
	rm -rf build
