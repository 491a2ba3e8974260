#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Real agents from npm over https (TOKPROF_E2E_SCHEME=http: without TLS): every call found, none invented, all numbers equal to the referee's.

test_agents.py [NAME...]    TOKPROF_E2E_RUNS: runs of each (default 2)
"""
import os
import sys

import agents
import compare
import harness
import recording


def one_run(name, place, crowded):
    """`crowded`: token counts so high that an agent may give up parts of its history."""
    scenario = {**agents.SCENARIO, "defaults": {}} if crowded else agents.SCENARIO
    with harness.Server(place / "server", scenario, place / "work") as server:
        command, env, work = agents.prepare(name, server.ready, place)
        done = harness.record(place / "run.tokrec", command, env=env, cwd=work, timeout=300)
        truth = server.truth()
    rows = harness.calls(place / "run.tokrec")
    problems = compare.exact(rows, truth) + ([] if crowded else compare.rounds(rows, truth))
    if done.returncode:
        problems.append(f"the agent ended with {done.returncode}: {done.stderr[-1500:]}")
    loops = [n for n in compare.model_calls(truth) if n["tools_asked"]]
    if len(loops) < 4:
        problems.append(f"only {len(loops)} rounds of tools: the run did not test")
    unbalanced, lost, end = recording.ledger(place / "run.tokrec")
    problems += unbalanced
    if lost:
        problems.append(f"lost: {end['lostby']}")
    return problems, len(compare.model_calls(truth))


def main():
    names = sys.argv[1:] or list(agents.AGENTS)
    harness.require()
    agents.install(names)
    harness.private_network()
    status = 0
    for number in range(int(os.environ.get("TOKPROF_E2E_RUNS") or 2)):
        for name in names:
            with harness.Workspace(name) as place:
                problems, count = one_run(name, place, crowded=number % 4 == 1)
                status |= harness.report(f"{name}, run {number + 1}: {count} calls", problems)
    return status


if __name__ == "__main__":
    sys.exit(main())
