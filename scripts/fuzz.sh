#!/bin/sh
# Runs every fuzz target of the tree for TIME each: fuzz.sh TIME
set -eu
cd "$(dirname "$0")/.."
time=${1:-5s}
grep -rlE '^func Fuzz' --include='*_test.go' . | xargs -n1 dirname | sort -u | while read -r dir; do
  grep -hoE '^func Fuzz[A-Za-z0-9_]*' "$dir"/*_test.go | sed 's/^func //' | sort -u | while read -r target; do
    echo "fuzz: $dir $target for $time"
    go test -tags nodynamic -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 1s -timeout 0 "$dir" </dev/null
  done
done
