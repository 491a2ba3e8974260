#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# quickstart.sh [AGENT]: from a bare Debian or Ubuntu to the report of a real agent's run. Safe to run twice.
# AGENT: gemini-cli (default), qwen-code, pi-chat, pi-messages, pi-responses. The agent comes from npm and its tools are
# real; the model is played by the scripted server in tests/support, in a network without a way out. No key is needed.
set -euo pipefail
cd "$(dirname "$0")/.."
agent=${1:-gemini-cli}
recording=$PWD/quickstart.tokrec

say() { printf '\n== %s\n' "$*"; }

say "1. Packages to build tokprof and to run an agent"
tests/support/install-deps.sh build agent

say "2. Build: build/release/bin/tokprof"
tests/support/build.sh release

say "3. The agent $agent, from npm, into ${XDG_CACHE_HOME:-$HOME/.cache}/tokprof-agents"
export TOKPROF_AGENTS_DIR=${TOKPROF_AGENTS_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/tokprof-agents}
export TOKPROF_BIN_DIR=$PWD/build/release/bin
python3 tests/e2e/agents.py install "$agent"

say "4. Record it: probes need root, the agent runs as you"
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo env "TOKPROF_AGENTS_DIR=$TOKPROF_AGENTS_DIR" "TOKPROF_BIN_DIR=$TOKPROF_BIN_DIR")
"${as_root[@]}" python3 tests/e2e/demo.py "$agent" "$recording"

say "5. Where the tokens went"
for command in calls report; do
  printf '$ tokprof %s quickstart.tokrec\n' "$command"
  build/release/bin/tokprof "$command" "$recording"
  echo
done
