#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plain clients of all four APIs under tokprof: each call exact. test_calls.py matrix|large|many"""
import json
import sys

import compare
import harness
import plans
import recording


def run(place, plan, workers, options=()):
    """Records one run of the driver; returns (rows, truth, recording, problems)."""
    with harness.Server(place / "server") as server:
        (place / "plan.json").write_text(json.dumps(plan))
        driver = [sys.executable, harness.ROOT / "tests/e2e/driver.py", place / "server", place / "plan.json", workers]
        done = harness.record(place / "run.tokrec", driver, options)
        print(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "(no closing line)")
        problems = [f"the driver failed ({done.returncode}): {done.stderr[-2000:]}"] if done.returncode else []
        return harness.calls(place / "run.tokrec"), server.truth(), place / "run.tokrec", problems


def main():
    kind = sys.argv[1]
    harness.require()
    harness.private_network()
    plan, workers = {"matrix": lambda: (plans.matrix(), 4), "large": lambda: (plans.large(), 2),
                     "many": lambda: (plans.many(2000), 64)}[kind]()
    with harness.Workspace(f"calls-{kind}") as place:
        rows, truth, path, problems = run(place, plan, workers)
        problems += compare.exact(rows, truth)
        unbalanced, lost, end = recording.ledger(path)
        problems += unbalanced
        if lost:
            problems.append(f"lost with a ring of default size: {end['lostby']}")
        return harness.report(f"{kind}: {len(compare.model_calls(truth))} calls", problems)


if __name__ == "__main__":
    sys.exit(main())
