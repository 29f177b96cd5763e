#!/bin/sh
# Installs what the tests need and runs them all. MinIO's first build takes
# about seven minutes of CPU: it goes on beside the tests that do not need it,
# and those that do wait for it.
set -eu
cd "$(dirname "$0")/.."
scripts/tools.sh deb npm go
rm -rf .cache/bin/*.building.*
scripts/tools.sh minio &
minio=$!
trap 'kill $minio 2>/dev/null || :' EXIT
scripts/wasm.sh
export CLINIVAULT_TOOLS=required
scripts/lint.sh
echo "test: JavaScript"
node --test scripts/test-js/
echo "test: Go"
go test -tags nodynamic -count=1 -timeout 25m ./...
wait $minio
trap - EXIT
echo "test: fuzz targets, 3 s each"
scripts/fuzz.sh 3s
