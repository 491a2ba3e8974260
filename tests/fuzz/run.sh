#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# run.sh [SECONDS [TARGET...]]: builds the fuzz targets under ASan and UBSan, replays the kept corpus, then fuzzes
# each target (json, conn, ...; default: all) for SECONDS (default 20), two at a time, starting from that corpus.
# Fails on any finding; findings are kept in build/fuzz/findings, new inputs that reach new code in build/fuzz/found/.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2

seconds=${1:-20}
[ $# -gt 0 ] && shift
case $seconds in '' | *[!0-9]*) echo "usage: tests/fuzz/run.sh [SECONDS [TARGET...]]" >&2; exit 2 ;; esac
tests/support/install-deps.sh fuzz || exit 2
tests/support/build.sh fuzz fuzzers || exit 1

out=$PWD/build/fuzz
rm -rf "$out/findings"
mkdir -p "$out/findings" "$out/logs" "$out/found"
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  for program in "$out"/fuzz/fuzz_*; do
    name=${program##*/fuzz_}
    case $name in *.*) continue ;; esac
    targets+=("$name")
  done
fi
[ ${#targets[@]} -gt 0 ] || { echo "fuzz: no target was built" >&2; exit 1; }

# One target: replays, then fuzzes. Prints one line; the whole story is in its log.
fuzz_one() {
  local name=$1 seconds=$2 out=$3 log=$3/logs/$1.log kept=tests/fuzz/corpus/$1 runs reached
  local program=$out/fuzz/fuzz_$name found=$out/found/$name
  mkdir -p "$found"
  [ -d "$kept" ] || { echo "fuzz $name: FAILED: no corpus in $kept"; return 1; }
  # A leak in a target is a finding; -timeout is for one input, -rss_limit_mb what its ceilings must keep.
  if ! "$program" -runs=0 -timeout=10 -rss_limit_mb=1024 -artifact_prefix="$out/findings/$name-" "$kept" >"$log" 2>&1; then
    echo "fuzz $name: FAILED in replay of $kept; see $log"
    return 1
  fi
  if ! "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 -verbosity=1 \
      -artifact_prefix="$out/findings/$name-" "$found" "$kept" >"$log" 2>&1; then
    echo "fuzz $name: FAILED; see $log"
    grep -m 3 -E 'ERROR|SUMMARY|runtime error|Test unit written' "$log"
    return 1
  fi
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  reached=$(grep -o 'cov: [0-9]*' "$log" | tail -1)
  echo "fuzz $name: ${runs:-0} runs, ${reached:-cov: ?}, nothing found"
}
export -f fuzz_one

printf '%s\n' "${targets[@]}" | xargs -P 2 -I{} bash -c 'fuzz_one "$@"' fuzz {} "$seconds" "$out"
status=$?
if [ -n "$(ls "$out/findings")" ]; then
  echo "fuzz: findings in $out/findings:"
  ls "$out/findings"
  status=1
fi
[ $status -eq 0 ]
