#!/bin/sh
# Format, vet (also for js/wasm), staticcheck, and whether the native client builds for the systems it runs on.
set -eu
cd "$(dirname "$0")/.."
unformatted=$(git ls-files '*.go' | xargs gofmt -l)
[ -z "$unformatted" ] || { echo "gofmt: run gofmt -w on:"; echo "$unformatted"; exit 1; }
go vet -tags nodynamic ./...
GOOS=js GOARCH=wasm go build ./imaging # its tests are of what browsers leave out
GOOS=js GOARCH=wasm go vet ./vault/seal/... ./cmd/capture-wasm
for system in windows darwin; do
  GOOS=$system go build -tags nodynamic -o /dev/null ./cmd/capture
done
.cache/bin/staticcheck -tags nodynamic ./...
