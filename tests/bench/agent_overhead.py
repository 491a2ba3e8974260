#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What recording costs a real agent: wall and CPU time of its runs with and without, interleaved.

agent_overhead.py [--smoke] [AGENT] [PAIRS]     never fails on a time
"""
import resource
import subprocess
import sys
import time

import benchlib
import agents
import harness


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


def main():
    words = [a for a in sys.argv[1:] if not a.startswith("--")]
    name = words[0] if words else "pi-messages"
    count = 1 if benchlib.SMOKE else int(words[1]) if len(words) > 1 else 10
    harness.require()
    agents.install([name])
    harness.private_network()

    def way(recorded):
        with harness.Workspace("bench") as place:
            return run(name, place, recorded)

    off, on = benchlib.turns(count, lambda: way(False), lambda: way(True))
    for column, what in ((0, "wall time"), (1, "CPU time of the agent's tree")):
        without = [one[column] for one in off]
        benchlib.ratios("agent", f"{name}: {what}", without, [one[column] for one in on], 1.005,
                        f"{benchlib.interval(without)[0]:.2f} s without")
    benchlib.report("agent", f"{name}: added wall time", [b[0] - a[0] for a, b in zip(off, on)], "s a run")
    benchlib.report("agent", f"{name}: CPU time of tokprof itself", [one[2] for one in on], "s a run")
    return 0


if __name__ == "__main__":
    sys.exit(main())
