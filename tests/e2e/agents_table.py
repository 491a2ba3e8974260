#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The table of agents and versions that tokprof was tried with: runs each against the scripted server and says, as a
table in Markdown, what was found.

agents_table.py [--runs N] [--into FILE] [NAME[@VERSION]...]
    NAME         as agents.py or test_stripped.py know it; all that are there by default
    @VERSION     another release from npm, into a folder of its own
    --runs N     runs of each (3)
    --into FILE  puts the rows into FILE's table, in place of those of the same agent, version, API and transport

Needs what the end-to-end tests need: root, node, a build (TOKPROF_BIN_DIR).
"""
import argparse
import json
import os
import pathlib
import re
import sys

import agents
import compare
import harness
import recording
import test_agents
import test_stripped

COLUMNS = ("agent", "version", "runtime", "TLS stack", "API", "transport", "runs", "calls exact", "agent named", "session named", "also said")
BEGIN, END = "<!-- made by tests/e2e/agents_table.py -->", "<!-- end of the table -->"
RUNTIMES = {"boringssl": "Bun", "rustls": "Rust", "go": "Go"}
SAID = {"thr": "thread", "pthr": "parent thread", "sub": "subagent", "turn": "turn", "proj": "project"}
STREAMS = {"websocket": "WebSocket", "2": "SSE, h2", "1.1": "SSE, h1"}


class Script:
    """An agent that node runs."""
    runtime, stack = "node", "openssl"

    def __init__(self, name, version):
        self.name, self.package = name, agents.AGENTS[name][0]
        if version:
            agents.PICKED[self.package] = version
        agents.npm_install(self.package)
        agents.new_node()
        self.version = json.loads((agents.folder_of(self.package) / "node_modules" / self.package / "package.json").read_text())["version"]

    def run(self, place):
        return test_agents.one_run(self.name, place, crowded=False)[0]


class Executable:
    """One of its own."""

    def __init__(self, name, version):
        known = test_stripped.EXECUTABLES
        base = next((n for n in known if n == name), None) or next(n for n in known if re.split(r"-\d", n)[0] == name)
        entry = list(known[base])
        if version:
            suffix = entry[1].partition("-")[2]
            entry[1] = version + (f"-{suffix}" if suffix and "-" not in version else "")
            base = f"{name}-{version}"
            known[base] = tuple(entry)
        self.key, self.stack = base, entry[5]
        self.name, self.version = re.split(r"-\d", name)[0], entry[1].partition("-")[0]
        self.runtime = RUNTIMES.get(self.stack, "")
        self.program = test_stripped.install(base)
        os.environ["TOKPROF_CLIENTS"] = str(agents.npm_install("ws", ["8"]))  # the referee's WebSocket

    def run(self, place):
        return test_stripped.one_run(self.key, self.program, place)[0]


def agent_of(word):
    name, _, version = word.partition("@")
    return (Script if name in agents.AGENTS else Executable)(name, version)


def everything():
    return list(agents.AGENTS) + list(test_stripped.EXECUTABLES)


def transport_of(row):
    stream = STREAMS.get(row["transport"]["http"], row["transport"]["http"] or "?")
    return stream if row["stream"] or stream == "WebSocket" else stream.replace("SSE", "JSON")


class Tally:
    """What the runs of one agent came to."""

    def __init__(self):
        self.runs = self.calls = self.exact = self.events = self.named = self.sessions = 0
        self.api, self.transport, self.said, self.problems = set(), set(), set(), []

    def add(self, place, stack, problems):
        truth = [json.loads(line) for line in (place / "server/truth.jsonl").read_text().splitlines()]
        rows = harness.calls(place / "run.tokrec")
        found, invented = compare.by_call(rows, truth, stack)
        events = [e for e in recording.events(place / "run.tokrec") if e.get("k") == "call"]
        self.runs += 1
        self.calls += len(found) + len(invented)
        self.exact += sum(not wrong for _, wrong in found)
        self.events += len(events)
        self.named += sum("agent" in e for e in events)
        self.sessions += sum("sess" in e for e in events)
        self.api |= {row["api"] for row in rows}
        self.transport |= {transport_of(row) for row in rows}
        self.said |= {SAID[key] for e in events for key in SAID if key in e}
        self.problems += problems

    def cells(self, agent):
        part = lambda n, of: "all" if of and n == of else f"{n} of {of}" if n else "no"
        return (agent.name, agent.version, agent.runtime, agent.stack, ", ".join(sorted(self.api)), ", ".join(sorted(self.transport)),
                str(self.runs), f"{self.exact} of {self.calls}", part(self.named, self.events), part(self.sessions, self.events),
                ", ".join(word for word in SAID.values() if word in self.said) or "-")


def try_out(agent, runs):
    tally = Tally()
    for number in range(runs):
        with harness.Workspace(agent.name) as place:
            problems = agent.run(place)
            tally.add(place, agent.stack, problems)
            harness.report(f"{agent.name} {agent.version}, run {number + 1}", problems)
    return tally


def line_of(cells):
    return "| " + " | ".join(cells) + " |"


def cells_of(line):
    return tuple(cell.strip() for cell in line.strip().strip("|").split("|"))


def put_into(path, rows):
    """Rows of the same agent, version, API and transport are replaced; the others stay; all are sorted."""
    text = path.read_text()
    head, _, rest = text.partition(BEGIN)
    table, _, tail = rest.partition(END)
    old = [cells_of(line) for line in table.splitlines() if line.startswith("|")][2:]
    new = {(r[0], r[1], r[4], r[5]) for r in rows}
    kept = [r for r in old if (r[0], r[1], r[4], r[5]) not in new]
    path.write_text(f"{head}{BEGIN}\n" + "\n".join(table_of(sorted(kept + rows))) + f"\n{END}{tail}")


def table_of(rows):
    return [line_of(COLUMNS), line_of(["---"] * len(COLUMNS)), *map(line_of, rows)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--into", type=pathlib.Path)
    parser.add_argument("names", nargs="*", metavar="NAME[@VERSION]")
    args = parser.parse_args()
    harness.require()
    chosen = [agent_of(word) for word in args.names or everything()]
    into = args.into.resolve() if args.into else None
    harness.private_network()
    rows, status = [], 0
    for agent in chosen:
        tally = try_out(agent, args.runs)
        status |= bool(tally.problems)
        rows.append(tally.cells(agent))
    print("\n".join(table_of(rows)))
    if into:
        put_into(into, rows)
    return status


if __name__ == "__main__":
    sys.exit(main())
