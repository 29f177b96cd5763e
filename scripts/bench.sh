#!/bin/sh
# Go benchmarks in benchstat's format: bench.sh [REGEXP] [COUNT]
set -eu
cd "$(dirname "$0")/.."
scripts/tools.sh deb npm go minio
scripts/wasm.sh
CLINIVAULT_TOOLS=required go test -tags nodynamic -run '^$' -bench "${1:-.}" -benchmem -count "${2:-1}" -timeout 60m -p 1 ./...
