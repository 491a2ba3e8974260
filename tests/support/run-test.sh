#!/bin/sh
# run-test.sh PROGRAM [ARG...]: runs one Criterion program so that nothing can fail in silence.
# Criterion ignores what sanitizers report inside a test's process, and a run of no test exits 0: here any
# report, and any run without a test, fails.
set -u
reports=$(mktemp -d) || exit 99
trap 'rm -rf "$reports"' EXIT
export ASAN_OPTIONS="log_path=$reports/asan:abort_on_error=0:detect_leaks=${TOKPROF_DETECT_LEAKS:-1}"
export UBSAN_OPTIONS="log_path=$reports/ubsan:print_stacktrace=1"
"$@" --verbose=0 >"$reports/out" 2>&1
status=$?
cat "$reports/out"
if ! grep -Eq 'Tested: *[1-9]' "$reports/out"; then
  echo "run-test: no test ran"
  status=99
fi
for report in "$reports"/asan.* "$reports"/ubsan.*; do
  [ -s "$report" ] || continue
  cat "$report"
  status=98
done
exit "$status"
