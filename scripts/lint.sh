#!/bin/sh
# Format, vet (also for js/wasm, and the native client for the systems it runs on) and staticcheck.
set -eu
cd "$(dirname "$0")/.."
unformatted=$(git ls-files '*.go' | xargs gofmt -l)
[ -z "$unformatted" ] || { echo "gofmt: run gofmt -w on:"; echo "$unformatted"; exit 1; }
go vet -tags nodynamic ./...
GOOS=js GOARCH=wasm go vet ./imaging/... ./vault/seal/... ./cmd/capture-wasm
GOOS=windows go vet -tags nodynamic ./cmd/capture
GOOS=darwin go vet -tags nodynamic ./cmd/capture
.cache/bin/staticcheck -tags nodynamic ./...
