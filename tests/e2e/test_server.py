#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The scripted server by itself: the clients get whole answers, and the truth log has each call once."""
import collections
import json
import subprocess
import sys

import compare
import harness
import plans


def main():
    harness.require(root=False, tokprof=False)
    problems = []
    with harness.Workspace("server") as place, harness.Server(place / "server") as server:
        plan = plans.matrix(plain=True) + plans.large()[:2]
        for i, call in enumerate(plan):
            call["model"] = f"m-{i}"
        (place / "plan.json").write_text(json.dumps(plan))
        driver = [sys.executable, harness.ROOT / "tests/e2e/driver.py", place / "server", place / "plan.json", "4"]
        done = subprocess.run(driver, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            problems.append(done.stderr[-2000:])
        seen = collections.Counter(n["model_requested"] for n in compare.model_calls(server.truth()))
        for call in plan:
            wanted = 0 if "listing" in call else call.get("repeat", 1)
            if seen[call["model"]] != wanted:
                problems.append(f"{seen[call['model']]} in the log: {call}")
        return harness.report(f"server: {len(plan)} requests", problems)


if __name__ == "__main__":
    sys.exit(main())
