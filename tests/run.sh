#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# run.sh [--all]: installs what is missing, builds, and runs the tests. Safe to run twice.
# Without --all: the quick ones (under two minutes). With --all, or CI=true: also those that take long, that install
# agents from npm, and the unit tests under AddressSanitizer. As root also those that load probes.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

all=false
[ "${CI:-}" = true ] && all=true
case ${1:-} in
  '') ;;
  --all) all=true ;;
  *) echo "usage: tests/run.sh [--all]" >&2; exit 2 ;;
esac

passed=0 failed=0 skipped=0
log=$(mktemp)
finish() {
  rm -f "$log"
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
give_up() {
  echo "run.sh: $*" >&2
  failed=$((failed + 1))
  finish
  exit 1
}

# suite PRESET CTEST-ARG...: builds one preset, runs its tests, adds to the counts.
suite() {
  local preset=$1 total bad idle
  shift
  tests/support/build.sh "$preset" || give_up "preset $preset does not build"
  ctest --test-dir "build/$preset" --output-on-failure "$@" </dev/null 2>&1 | tee "$log"
  total=$(sed -n 's/.*tests failed out of \([0-9]*\).*/\1/p' "$log")
  bad=$(sed -n 's/.* \([0-9]*\) tests failed out of .*/\1/p' "$log")
  [ -n "$total" ] || give_up "ctest ran no test in build/$preset"
  idle=$(grep -c '\*\*\*Skipped' "$log")
  failed=$((failed + bad)) skipped=$((skipped + idle)) passed=$((passed + total - bad - idle))
}

tests/support/install-deps.sh build test || give_up "could not install what the tests need"
if $all; then
  tests/support/install-deps.sh agent || give_up "could not install what the agents need"
  suite dev -j 2
  suite asan -j 2 -LE 'root|slow|net'
else
  suite dev -j 2 -LE 'slow|net'
fi

if [ "$skipped" -gt 0 ]; then
  echo "$skipped tests were skipped: run as root to load probes; ctest -V says each reason"
  # In CI, no evidence is not a pass.
  [ "${CI:-}" = true ] && failed=$((failed + skipped))
fi
finish
