#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What looking at plain sockets costs a program that does nothing but system calls (dd with blocks of one byte), while a
recording of something else runs, and when it is recorded itself. Ratios of medians, taken in turns.

syscall_overhead.py [ROUNDS]
"""
import os
import pathlib
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import harness  # noqa: E402

BLOCKS = 1_000_000
DD = ["dd", "if=/dev/zero", "of=/dev/null", "bs=1", f"count={BLOCKS}", "status=none"]


def processor_seconds(command):
    before = os.times()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = os.times()
    return (after.children_user - before.children_user) + (after.children_system - before.children_system)


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
    clock = f"import os, subprocess; subprocess.run({DD!r}); t = os.times(); print(t.children_user + t.children_system)"
    done = harness.record(place / "inside.tokrec", [sys.executable, "-c", clock], options)
    return float(done.stdout)


def main():
    harness.require(node=False)
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    seconds = {"alone": [], "beside, --no-plain": [], "beside": [], "inside, --no-plain": [], "inside": []}
    with harness.Workspace("syscalls") as place:
        for _ in range(rounds):
            seconds["alone"].append(processor_seconds(DD))
            for name, where in (("beside", beside), ("inside", inside)):
                seconds[f"{name}, --no-plain"].append(where(place, ["--no-plain"]))
                seconds[name].append(where(place, []))
    alone = statistics.median(seconds["alone"])
    for name, values in seconds.items():
        median = statistics.median(values)
        print(f"{name:22} {median:.3f} s  {median / alone:.2f} times  {1e9 * (median - alone) / (2 * BLOCKS):+.0f} ns a system call")
    return 0


if __name__ == "__main__":
    sys.exit(main())
