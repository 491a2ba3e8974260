#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `tokprof record -a` costs while no agent runs: its own CPU time a minute, and what other programs pay beside it: one that
computes, one that starts processes, one that does nothing but system calls.

idle.py [--smoke] [PAIRS]
"""
import signal
import subprocess
import sys
import time

import benchlib
import harness

CALLS = 20_000 if benchlib.SMOKE else 400_000
SPAWNS = 20 if benchlib.SMOKE else 300
WORK = {
    "computing": [sys.executable, "-c", "x = 0\nfor i in range(%d): x += i * i" % (CALLS * 5)],
    "starting processes": ["sh", "-c", f"i=0; while [ $i -lt {SPAWNS} ]; do /bin/true; i=$((i+1)); done"],
    "system calls": ["dd", "if=/dev/zero", "of=/dev/null", "bs=1", f"count={CALLS}", "status=none"],
}


def cpu_of(command):
    import os
    before = os.times()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    after = os.times()
    return (after.children_user - before.children_user) + (after.children_system - before.children_system)


class Recorder:
    """A recording of all processes, begun and settled."""

    def __init__(self, place, options=()):
        self.place, self.options = place, list(options)

    def __enter__(self):
        self.process = subprocess.Popen([harness.TOKPROF, "record", "-o", self.place / "idle.tokrec", "-a", *self.options],
                                        stderr=subprocess.PIPE, text=True)
        time.sleep(1.5)
        return self.process.pid

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.communicate()


def beside(place, command, options):
    with Recorder(place, options):
        return cpu_of(command)


def main():
    numbers = [int(a) for a in sys.argv[1:] if a.isdigit()]
    pairs = 1 if benchlib.SMOKE else numbers[0] if numbers else 7
    seconds = 1 if benchlib.SMOKE else 10
    harness.require(node=False)
    with harness.Workspace("idle") as place:
        minutes = []
        for _ in range(min(pairs, 3)):
            with Recorder(place) as pid:
                before = benchlib.tree_cpu(pid)
                time.sleep(seconds)
                minutes.append((benchlib.tree_cpu(pid) - before) * 60 / seconds)
        benchlib.report("idle", "CPU of record -a", minutes, "s a minute", "", f"{100 * benchlib.interval(minutes)[0] / 60:.2f} % of a processor")
        for name, command in WORK.items():
            alone, with_plain, without = benchlib.turns(pairs, lambda: cpu_of(command), lambda: beside(place, command, []),
                                                        lambda: beside(place, command, ["--no-plain"]))
            benchlib.ratios("idle", f"CPU of a program {name}, beside -a", alone, with_plain)
            benchlib.ratios("idle", f"CPU of a program {name}, beside -a --no-plain", alone, without)
    return 0


if __name__ == "__main__":
    sys.exit(main())
