# Two commands do everything: `make run` and `make test`. Neither needs a step before it.
ADDR ?= 127.0.0.1:8440
DATA ?= .data/demo

.PHONY: run run-stack test check build wasm bench fuzz clean

run: build ## start the service with its embedded default and demo accounts
	@.build/vaultd demo --addr "$(ADDR)" --data "$(DATA)"

run-stack: build ## the same on MinIO, PostgreSQL and Orthanc, all on loopback
	@ADDR="$(ADDR)" DATA="$(DATA)-stack" scripts/stack.sh

test: ## install what the tests need (pinned, cached) and run them all
	@scripts/test.sh

check: ## format, vet, staticcheck, all tests with the race detector, short fuzz
	@scripts/check.sh

build: wasm ## vaultd and capture into .build
	@go build -trimpath -tags nodynamic -o .build/ ./cmd/vaultd ./cmd/capture

wasm: ## the browser's sealing module
	@scripts/wasm.sh

bench: ## Go benchmarks, in benchstat's format
	@scripts/bench.sh

fuzz: ## every fuzz target, FUZZTIME each (default 1h)
	@scripts/fuzz.sh "$${FUZZTIME:-1h}"

clean: ## forget built things; keeps .data and .cache
	@rm -rf .build .shots api/web/static/wasm/*.wasm api/web/static/wasm/*.js api/web/static/wasm/zxing api/web/packed/*.br api/web/packed/index.json
