#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the beginning and the end of a recording take: wall and CPU time of `tokprof record -- PROGRAM` beside PROGRAM alone, for
a program that does nothing (true), one with a TLS library (openssl version) and one with TLS inside (node).

start_stop.py [--smoke] [PAIRS]
"""
import os
import subprocess
import sys
import time

import benchlib
import harness


def wall_and_cpu(command):
    before, begin = os.times(), time.monotonic()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = os.times()
    return time.monotonic() - begin, sum(after[2:4]) - sum(before[2:4])


def main():
    numbers = [int(a) for a in sys.argv[1:] if a.isdigit()]
    pairs = 1 if benchlib.SMOKE else numbers[0] if numbers else 15
    harness.require()
    programs = {"true": ["true"], "openssl": ["openssl", "version"], "node": [harness.node_program(), "-e", "0"]}
    with harness.Workspace("start-stop") as place:
        for name, command in programs.items():
            record = [str(harness.TOKPROF), "record", "-o", str(place / "run.tokrec")]
            alone, whole, no_plain = benchlib.turns(pairs, lambda: wall_and_cpu(command), lambda: wall_and_cpu([*record, "--", *command]),
                                                    lambda: wall_and_cpu([*record, "--no-plain", "--", *command]))
            for way, runs in (("", whole), (", --no-plain", no_plain)):
                benchlib.report("start_stop", f"added wall time, {name}{way}", [1e3 * (b[0] - a[0]) for a, b in zip(alone, runs)], "ms")
            benchlib.report("start_stop", f"added CPU time, {name}", [1e3 * (b[1] - a[1]) for a, b in zip(alone, whole)], "ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
