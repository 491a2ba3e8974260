#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Client and server both under tokprof: each call is told once, as the client saw it."""
import json
import pathlib
import subprocess
import sys

import compare
import harness
import plans


def inside(place):
    """What is recorded: the server, and the driver that calls it."""
    with harness.Server(place / "server"):
        driver = [sys.executable, harness.ROOT / "tests/e2e/driver.py", place / "server", place / "plan.json", "4"]
        return subprocess.run(list(map(str, driver))).returncode


def truth_of(place):
    lines = (place / "server/truth.jsonl").read_text().splitlines()
    return sorted(map(json.loads, lines), key=lambda line: line["n"])


def main():
    if sys.argv[1:2] == ["--inside"]:
        return inside(pathlib.Path(sys.argv[2]))
    harness.require()
    harness.private_network()
    with harness.Workspace("both-ends") as place:
        plan = [call for call in plans.matrix() if not call.get("leave")][::4]
        (place / "plan.json").write_text(json.dumps(plan))
        done = harness.record(place / "run.tokrec", [sys.executable, __file__, "--inside", place])
        problems = [f"the driver failed ({done.returncode}): {done.stderr[-2000:]}"] if done.returncode else []
        truth = truth_of(place)
        problems += compare.exact(harness.calls(place / "run.tokrec"), truth)
        return harness.report(f"both ends: {len(compare.model_calls(truth))} calls", problems)


if __name__ == "__main__":
    sys.exit(main())
