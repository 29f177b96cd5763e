#!/bin/sh
# Builds the browser's sealing module, and Go's own loader beside it, into the
# embedded static folder, with the reader of barcodes from the npm lock file, and compresses the client ahead. Skips the
# work when nothing it is made from is newer.
set -eu
cd "$(dirname "$0")/.."
out=api/web/static/wasm
mkdir -p "$out"
if [ ! -e "$out/zxing/share.js" ] || [ api/web/package-lock.json -nt "$out/zxing/share.js" ]; then
  (cd api/web && npm ci --ignore-scripts --no-audit --no-fund --silent)
  from=api/web/node_modules/zxing-wasm/dist
  mkdir -p "$out/zxing/reader"
  cp $from/es/reader/index.js $from/reader/zxing_reader.wasm "$out/zxing/reader/"
  cp $from/es/share.js "$out/zxing/share.js"
  touch "$out/zxing/share.js"
fi
if [ ! -e "$out/capture.wasm" ] ||
  [ -n "$(find cmd/capture-wasm vault/seal imaging go.mod -newer "$out/capture.wasm" -type f ! -name '*_test.go' ! -name '*.md' ! -path 'imaging/train/*' -print -quit)" ]; then
  GOOS=js GOARCH=wasm go build -trimpath -gcflags=all=-l -gcflags=github.com/clinivault/clinivault/imaging= \
    -ldflags='-s -w' -o "$out/capture.wasm.new" ./cmd/capture-wasm
  cp "$(go env GOROOT)/lib/wasm/wasm_exec.js" "$out/wasm_exec.js"
  mv "$out/capture.wasm.new" "$out/capture.wasm"
fi
node scripts/pack.mjs
