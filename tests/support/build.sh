#!/bin/sh
# SPDX-License-Identifier: MIT
# build.sh PRESET [TARGET...]: configures and builds one preset, or targets of it. Quiet unless it fails.
set -eu
cd "$(dirname "$0")/../.."
preset=$1
shift
targets=$*

# Ubuntu's /usr/sbin/bpftool is a wrapper that wants the running kernel's own package; any version generates skeletons.
bpftool=$(command -v bpftool || echo /usr/sbin/bpftool)
if ! "$bpftool" version >/dev/null 2>&1; then
  for candidate in /usr/lib/linux-tools/*/bpftool /usr/lib/linux-tools-*/bpftool; do
    [ -x "$candidate" ] && bpftool=$candidate
  done
fi
set -- --preset "$preset"
[ -x "$bpftool" ] && set -- "$@" "-DTOKPROF_BPFTOOL=$bpftool"

# Parts that are missing now may be there the next time: what was looked for is looked for again.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { cmake "$@" && cmake --build --preset "$preset" ${targets:+--target $targets}; } >"$log" 2>&1; then
  cat "$log" >&2
  echo "build: preset $preset failed" >&2
  exit 1
fi
echo "built preset $preset: build/$preset" >&2
