#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tokprof in a PID namespace of its own, as in a container, and what it records in a deeper one."""
import json
import os
import shutil
import subprocess
import sys

import apis
import compare
import harness
import test_record


def calls_found(place, prefix):
    """The calls of a driver that runs through `prefix`, against what the server says."""
    plan = [{"api": api, "stream": True, "model": f"m-{i}"} for i, api in enumerate(apis.ALL)]
    (place / "plan.json").write_text(json.dumps(plan))
    with harness.Server(place / "server") as server:
        done = harness.record(place / "run.tokrec", [*prefix, sys.executable, harness.ROOT / "tests/e2e/driver.py", place / "server", place / "plan.json"])
        truth = server.truth()
    rows = harness.calls(place / "run.tokrec")
    yield from compare.exact(rows, truth)
    if done.returncode or len(rows) != len(plan):
        yield f"{len(rows)} calls of {len(plan)}, status {done.returncode}: {done.stderr}"
    for row in rows:
        if not str(row["comm"]).startswith("python3"):
            yield f"call of pid {row['pid']}, named {row['comm']}"


def inside():
    problems = []
    for name, prefix in (("same", []), ("deeper", harness.NEW_PIDS)):
        with harness.Workspace("pids") as place:
            problems += [f"{name}: {p}" for p in calls_found(place, prefix)]
    return harness.report("in a PID namespace of its own", problems) | test_record.main()


def main():
    harness.require()
    if sys.argv[1:] == ["inside"]:
        return inside()
    if not shutil.which("unshare"):
        harness.skip("needs unshare(1)")
    harness.private_network()
    with harness.Workspace("pids") as place:
        status = harness.report("a child in a deeper PID namespace", list(calls_found(place, harness.NEW_PIDS)))
    return status | subprocess.run([*harness.NEW_PIDS, sys.executable, os.path.abspath(__file__), "inside"]).returncode


if __name__ == "__main__":
    sys.exit(main())
