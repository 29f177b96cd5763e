#!/bin/sh
# Runs every fuzz target of the tree for TIME each: fuzz.sh TIME
#
# At the end of TIME Go's coordinator sometimes takes its own deadline for a
# failure (golang/go#75804, mended in Go 1.27): it says "context deadline
# exceeded", nothing else, and keeps no input. Such a run is done again, three
# times at most; every other failure ends here.
set -eu
cd "$(dirname "$0")/.."
time=${1:-5s}
kept=$(mktemp -d)
trap 'rm -rf "$kept"' EXIT

# fuzz DIR TARGET
fuzz() {
  for _ in 1 2 3; do
    echo "fuzz: $1 $2 for $time"
    {
      go test -tags nodynamic -run '^$' -fuzz "^$2\$" -fuzztime "$time" -fuzzminimizetime 1s -timeout 0 "$1" 2>&1 </dev/null && rc=0 || rc=$?
      echo "$rc" >"$kept/rc"
    } | tee "$kept/said"
    if [ "$(cat "$kept/rc")" -eq 0 ]; then return; fi
    if ! grep -q '^ *context deadline exceeded$' "$kept/said" || grep -qE 'Failing input written|panic|_test\.go:' "$kept/said"; then return 1; fi
    echo "fuzz: the coordinator met its own deadline (golang/go#75804): once more"
  done
  return 1
}

grep -rlE '^func Fuzz' --include='*_test.go' . | xargs -n1 dirname | sort -u | while read -r dir; do
  grep -hoE '^func Fuzz[A-Za-z0-9_]*' "$dir"/*_test.go | sed 's/^func //' | sort -u | while read -r target; do
    fuzz "$dir" "$target"
  done
done
