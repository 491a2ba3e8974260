#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What recording costs a real agent: wall and CPU time of its runs with and without, interleaved.

agent_overhead.py [AGENT] [PAIRS]     prints ratios of medians with a bootstrap interval; never fails on a time
"""
import os
import pathlib
import random
import resource
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import agents  # noqa: E402 (needs the path above)
import harness  # noqa: E402


def children_cpu():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run(name, place, recorded):
    """One run: wall seconds, CPU seconds of the agent's tree, CPU seconds of tokprof itself."""
    with harness.Server(place / "server", agents.SCENARIO, place / "work") as server:
        command, env, work = agents.prepare(name, server.ready, place)
        # The inner shell's `times` counts what it has waited for: the agent's tree alone.
        script = f'"$@"; status=$?; times > {place}/times; exit $status'
        full = ["sh", "-c", script, "sh", *command]
        if recorded:
            full = [str(harness.TOKPROF), "record", "-o", str(place / "run.tokrec"), "--", *full]
        cpu, begin = children_cpu(), time.monotonic()
        subprocess.run(full, env=env, cwd=work, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        wall, cpu = time.monotonic() - begin, children_cpu() - cpu
    of_agent = sum(seconds(word) for word in (place / "times").read_text().split())
    return wall, of_agent, max(0.0, cpu - of_agent)


def seconds(word):
    """"1m2.5s" of the shell's `times`."""
    minutes, rest = word.rstrip("s").split("m")
    return 60 * int(minutes) + float(rest.replace(",", "."))


def interval(pairs, column, rounds=2000):
    """Median of the pairs' ratios, with its 95 % bootstrap interval."""
    draw = random.Random(1)
    ratios = [on[column] / off[column] for off, on in pairs]
    medians = sorted(statistics.median(draw.choices(ratios, k=len(ratios))) for _ in range(rounds))
    return statistics.median(ratios), medians[int(rounds * 0.025)], medians[int(rounds * 0.975)]


def main():
    name = sys.argv[1] if len(sys.argv) > 1 else "pi-messages"
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    harness.require()
    agents.install([name])
    harness.private_network()
    pairs = []
    for number in range(count + 1):
        both = {}
        for recorded in random.Random(number).sample((False, True), 2):
            with harness.Workspace("bench") as place:
                both[recorded] = run(name, place, recorded)
        if number:  # the first pair warms the caches
            pairs.append((both[False], both[True]))
    for column, what in ((0, "wall time"), (1, "CPU time of the agent's tree")):
        off = statistics.median(pair[0][column] for pair in pairs)
        print(f"{name}: {what}: %.3f times (95 %% interval %.3f to %.3f), %d pairs, median without: {off:.2f} s"
              % (*interval(pairs, column), len(pairs)))
    print(f"{name}: CPU time of tokprof itself: median {statistics.median(pair[1][2] for pair in pairs):.2f} s a run, "
          f"{os.cpu_count()} processors")
    return 0


if __name__ == "__main__":
    sys.exit(main())
