#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# run.sh [--all]: installs what is missing, builds, and runs the tests. Safe to run twice.
# Without --all: the quick ones (under two minutes). With --all, or CI=true: also those that take long, that install
# agents from npm, the unit tests under AddressSanitizer, and 20 s of each fuzz target (TOKPROF_FUZZ_SECONDS). As
# root also those that load probes. Ends with a table of what each stage took; CI on 2 cores has 40 minutes.
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
log=$(mktemp) times=$(mktemp)
finish() {
  stage
  printf '%-24s %8s\n' stage seconds
  cat "$times"
  printf '%-24s %8d\n' total "$SECONDS"
  rm -f "$log" "$times"
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
give_up() {
  echo "run.sh: $*" >&2
  failed=$((failed + 1))
  finish
  exit 1
}

# stage [NAME]: the stage before ends here, and NAME, if any, begins.
stage_name='' stage_begin=0
stage() {
  [ -n "$stage_name" ] && printf '%-24s %8d\n' "$stage_name" $((SECONDS - stage_begin)) >>"$times"
  stage_name=${1:-} stage_begin=$SECONDS
}

# suite PRESET CTEST-ARG...: builds one preset, runs its tests, adds to the counts.
suite() {
  local preset=$1 total bad idle
  shift
  stage "build $preset"
  tests/support/build.sh "$preset" || give_up "preset $preset does not build"
  stage "test $preset"
  ctest --test-dir "build/$preset" --output-on-failure "$@" </dev/null 2>&1 | tee "$log"
  total=$(sed -n 's/.*tests failed out of \([0-9]*\).*/\1/p' "$log")
  bad=$(sed -n 's/.* \([0-9]*\) tests failed out of .*/\1/p' "$log")
  [ -n "$total" ] || give_up "ctest ran no test in build/$preset"
  idle=$(grep -c '\*\*\*Skipped' "$log")
  failed=$((failed + bad)) skipped=$((skipped + idle)) passed=$((passed + total - bad - idle))
}

# fuzz: the build of the targets and the replay of their corpora are in it. A finding is one failed test.
fuzz() {
  stage fuzz
  tests/fuzz/run.sh "${TOKPROF_FUZZ_SECONDS:-20}" </dev/null 2>&1 | tee "$log"
  local status=${PIPESTATUS[0]}
  passed=$((passed + $(grep -c '^fuzz .*nothing found$' "$log")))
  [ "$status" -eq 0 ] || failed=$((failed + 1))
}

stage install
tests/support/install-deps.sh build test || give_up "could not install what the tests need"
if $all; then
  tests/support/install-deps.sh agent || give_up "could not install what the agents need"
  suite dev -j 2
  suite asan -j 2 -LE 'root|slow|net'
  fuzz
else
  suite dev -j 2 -LE 'slow|net'
fi

if [ "$skipped" -gt 0 ]; then
  echo "$skipped tests were skipped: run as root to load probes; ctest -V says each reason"
  # In CI, no evidence is not a pass.
  [ "${CI:-}" = true ] && failed=$((failed + skipped))
fi
finish
