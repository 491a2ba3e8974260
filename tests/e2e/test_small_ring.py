#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""With a ring made too small on purpose, each call is exact or says that it is incomplete; the ledger adds up."""
import sys

import apis
import compare
import harness
import plans
import recording
import test_calls


def main():
    harness.require()
    harness.private_network()
    with harness.Workspace("ring") as place:
        plan = plans.many(300, seed=9)
        for i, call in enumerate(plan):  # enough at once to overrun it for certain
            if i % 5 == 0:
                call["body_bytes"] = 600_000
                call["script"]["answer_bytes"] = 300_000 if call["api"] != apis.GOOGLE else 900_000
        rows, truth, path, problems = test_calls.run(place, plan, 32, ["--ring-size", "64K"])
        problems += compare.exact_or_incomplete(rows, truth)
        unbalanced, lost, end = recording.ledger(path)
        problems += unbalanced
        missing = len(compare.model_calls(truth)) - len(rows)
        incomplete = sum(not row["complete"] for row in rows)
        print(f"seen {end.get('seen')} bytes, copied {end.get('copied')}, lost {end.get('lostby')}; "
              f"{incomplete} calls incomplete, {missing} not found")
        if not lost:
            problems.append("nothing was lost: the test did not test")
        return harness.report(f"small ring: {len(rows)} calls", problems)


if __name__ == "__main__":
    sys.exit(main())
