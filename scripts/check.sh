#!/bin/sh
# Everything `make test` does, with the race detector.
set -eu
cd "$(dirname "$0")/.."
scripts/tools.sh
scripts/wasm.sh
scripts/lint.sh
export CLINIVAULT_TOOLS=required
node --test scripts/test-js/
go test -tags nodynamic -race -count=1 -timeout 40m ./...
scripts/fuzz.sh 5s
