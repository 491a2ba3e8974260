#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What looking at plain sockets costs a program that does nothing but system calls (dd with blocks of one byte), while a
recording of something else runs, and when it is recorded itself.

syscall_overhead.py [--smoke] [ROUNDS]
"""
import resource
import subprocess
import sys
import time

import benchlib
import harness

BLOCKS = 200_000 if benchlib.SMOKE else 1_000_000
DD = ["dd", "if=/dev/zero", "of=/dev/null", "bs=1", f"count={BLOCKS}", "status=none"]


def processor_seconds(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


def beside(place, options):
    """dd while `sleep` is recorded."""
    recorder = subprocess.Popen([harness.TOKPROF, "record", "-o", place / "beside.tokrec", *options, "--", "sleep", "600"],
                                stderr=subprocess.DEVNULL)
    time.sleep(1)
    try:
        return processor_seconds(DD)
    finally:
        recorder.terminate()
        recorder.wait()


def inside(place, options):
    """dd recorded; its own time, by its parent within the recording."""
    clock = (f"import resource, subprocess; subprocess.run({DD!r}); t = resource.getrusage(resource.RUSAGE_CHILDREN); "
             "print(t.ru_utime + t.ru_stime)")
    done = harness.record(place / "inside.tokrec", [sys.executable, "-c", clock], options)
    return float(done.stdout)


def main():
    harness.require(node=False)
    numbers = [int(a) for a in sys.argv[1:] if a.isdigit()]
    rounds = 1 if benchlib.SMOKE else numbers[0] if numbers else 5
    with harness.Workspace("syscalls") as place:
        ways = {f"{name}{', --no-plain' if options else ''}": (lambda where=where, options=options: where(place, options))
                for name, where in (("beside a recording", beside), ("recorded", inside)) for options in ([], ["--no-plain"])}
        alone, *others = benchlib.turns(rounds, lambda: processor_seconds(DD), *ways.values())
    for name, values in zip(ways, others):
        benchlib.ratios("syscalls", f"dd of one byte blocks, {name}", alone, values)
        benchlib.report("syscalls", f"added to a system call, {name}", [1e9 * (b - a) / (2 * BLOCKS) for a, b in zip(alone, values)], "ns")
    return 0


if __name__ == "__main__":
    sys.exit(main())
