#!/bin/sh
# Builds the browser's sealing module, and Go's own loader beside it, into the
# embedded static folder. Skips the work when nothing it is made from is newer.
set -eu
cd "$(dirname "$0")/.."
out=api/web/static/wasm
mkdir -p "$out"
if [ -e "$out/capture.wasm" ] &&
  [ -z "$(find cmd/capture-wasm vault/seal imaging go.mod -newer "$out/capture.wasm" -type f ! -name '*_test.go' ! -name '*.md' ! -path 'imaging/train/*' -print -quit)" ]; then
  exit 0
fi
GOOS=js GOARCH=wasm go build -trimpath -ldflags='-s -w' -o "$out/capture.wasm.new" ./cmd/capture-wasm
cp "$(go env GOROOT)/lib/wasm/wasm_exec.js" "$out/wasm_exec.js"
mv "$out/capture.wasm.new" "$out/capture.wasm"
