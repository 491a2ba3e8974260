# SPDX-License-Identifier: MIT
"""What the benchmark scripts share: turns in random order, ratios with an interval, CPU time, the line format of run.sh."""
import os
import pathlib
import random
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
SMOKE = "--smoke" in sys.argv


def turns(pairs, *ways):
    """Calls each of `ways` once a pair, in an order drawn anew each time; gives lists of results by way. A first pair warms up."""
    draw = random.Random(7)
    results = [[] for _ in ways]
    for number in range(pairs + (not SMOKE)):
        for i in draw.sample(range(len(ways)), len(ways)):
            value = ways[i]()
            if number or SMOKE:
                results[i].append(value)
    return results


def interval(values, rounds=2000):
    """The median, with its 95 % bootstrap interval."""
    draw = random.Random(1)
    medians = sorted(statistics.median(draw.choices(values, k=len(values))) for _ in range(rounds))
    return statistics.median(values), medians[int(rounds * 0.025)], medians[int(rounds * 0.975)]


def report(bench, what, values, unit, aim="", note=""):
    print("\t".join([bench, what, *("%.4g" % v for v in interval(values)), unit, str(aim), note]), flush=True)


def ratios(bench, what, without, with_, aim="", note=""):
    """Of each pair, with over without; a pair whose baseline took no time that the clock can show says nothing."""
    pairs = [b / a for a, b in zip(without, with_) if a > 0]
    if pairs:
        report(bench, what, pairs, "times", aim, f"{len(pairs)} pairs{'; ' if note else ''}{note}")
    else:
        print("\t".join([bench, what, "-", "-", "-", "times", str(aim), "too short to measure"]), flush=True)


def cpu_seconds(pid):
    """CPU time of all threads of a process that lives, to the nanosecond (/proc/PID/schedstat would be the main thread's alone)."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            pass
    return total / 1e9


def descendants(pid):
    """pid and all that came of it."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = pathlib.Path(f"/proc/{entry}/stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            children.setdefault(int(stat.rsplit(")", 1)[1].split()[1]), []).append(int(entry))
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found


def tree_cpu(pid):
    """CPU time of a process and its descendants that live now."""
    total = 0
    for one in descendants(pid):
        try:
            total += cpu_seconds(one)
        except FileNotFoundError:
            pass
    return total
