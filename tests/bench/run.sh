#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs benchmarks one after the other and prints one table of what they measured.
# usage: run.sh [--smoke] [NAME...]      names: see below; all by default, agent only where its program can be installed
set -u
here=$(dirname "$(readlink -f "$0")")
: "${TOKPROF_BIN_DIR:=$(readlink -f "$here/../..")/build/dev/bin}"
export TOKPROF_BIN_DIR PYTHONDONTWRITEBYTECODE=1
smoke=
if [ "${1:-}" = --smoke ]; then smoke=--smoke; shift; fi
[ $# -gt 0 ] || set -- decode pipeline memory server server_plain idle start_stop syscalls agent

programs=$(dirname "$TOKPROF_BIN_DIR")/tests
rows=$(mktemp)
trap 'rm -f "$rows"' EXIT
failed=0
for name in "$@"; do
  echo "$name ..." >&2
  case $name in
    decode|pipeline) "$programs/bench_$name" $smoke ;;
    memory) python3 "$here/streams_memory.py" $smoke ;;
    server) python3 "$here/server_cpu.py" $smoke ;;
    server_plain) python3 "$here/server_cpu.py" $smoke --plain ;;
    idle|start_stop) python3 "$here/$name.py" $smoke ;;
    syscalls) python3 "$here/syscall_overhead.py" $smoke ;;
    agent) python3 "$here/agent_overhead.py" $smoke ;;
    *) echo "run.sh: no benchmark called $name" >&2; false ;;
  esac >> "$rows"
  status=$?
  if [ $status -ne 0 ] && [ $status -ne 77 ]; then
    echo "$name: status $status" >&2
    failed=1
  fi
done
grep '^skipped' "$rows" >&2
printf 'BENCH\tWHAT\tMEDIAN\tLOW\tHIGH\tUNIT\tAIM\tNOTE\n' | cat - "$rows" | grep "$(printf '\t')" | awk -F '\t' '
  { for (i = 1; i <= 8; i++) { cell[NR, i] = $i; if (length($i) > width[i]) width[i] = length($i) } }
  END { for (r = 1; r <= NR; r++) { line = ""
          for (i = 1; i <= 8; i++) line = line sprintf("%-" width[i] "s  ", cell[r, i])
          sub(/ +$/, "", line); print line } }'
exit $failed
