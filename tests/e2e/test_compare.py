#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The comparison itself: it accepts what is right and names what is wrong."""
import copy
import sys

import compare
import harness

USAGE = {**{key: 10 + i for i, key in enumerate(compare.USAGE)}, "modality": {"input": {"image": 3}, "output": {}}}
LINE = {"n": 1, "kind": "call", "api": "openai.chat", "model": "m-1", "path": "/v1/chat/completions", "streamed": True, "status": 200,
        "outcome": "ok", "stop_reason": "stop", "usage": USAGE, "usage_sent": [], "tools_asked": [{"name": "read"}], "tools_offered": 2,
        "side": False, "round": 0, "tool_results": []}
ROW = {"id": "a", "parent": None, "api": "openai.chat", "model": "m-1", "path": "/v1/chat/completions", "stream": True, "http_status": 200,
       "outcome": "ok", "stop_reason": "stop", "usage": USAGE, "complete": True, "session": "s", "conversation": "c", "round": 1,
       "tools": [{"name": "read", "duration_ns": None}]}


def changed(base, **fields):
    return {**copy.deepcopy(base), **fields}


def main():
    later = changed(LINE, n=2, round=1, tool_results=[{"id": "x"}], usage={**USAGE, "input_tokens": 99}, tools_asked=[])
    second = changed(ROW, id="b", parent="a", round=2, usage={**USAGE, "input_tokens": 99}, tools=[])
    timed = changed(ROW, tools=[{"name": "read", "duration_ns": 5}])
    wrong = [  # (what, problems found, how many there should be)
        ("the same", compare.exact([ROW], [LINE]), 0),
        ("a missing call", compare.exact([], [LINE]), 1),
        ("an invented call", compare.exact([ROW, ROW], [LINE]), 1),
        ("a listing", compare.exact([ROW], [LINE, {"n": 3, "kind": "other"}]), 0),
        ("zero for unknown", compare.exact([ROW], [changed(LINE, usage={**USAGE, "cache_read_input_tokens": None})]), 1),
        ("another modality", compare.exact([changed(ROW, usage={**USAGE, "modality": None})], [LINE]), 1),
        ("an incomplete call", compare.exact([changed(ROW, complete=False)], [LINE]), 1),
        ("another tool", compare.exact([changed(ROW, tools=[])], [LINE]), 1),
        ("incomplete and unknown", compare.exact_or_incomplete([changed(ROW, complete=False, usage={})], [LINE]), 0),
        ("incomplete and made up", compare.exact_or_incomplete(
            [changed(ROW, complete=False, usage={"reasoning_output_tokens": 12345})], [LINE]), 1),
        ("complete and wrong", compare.exact_or_incomplete([changed(ROW, http_status=500)], [LINE]), 1),
        ("rounds in order", compare.rounds([timed, second], [LINE, later]), 0),
        ("a tool without its time", compare.rounds([ROW, second], [LINE, later]), 1),
        ("another parent", compare.rounds([timed, changed(second, parent="z")], [LINE, later]), 1),
    ]
    return harness.report("compare", [f"{what}: {len(found)} problems, should be {count}: {found}"
                                      for what, found, count in wrong if len(found) != count])


if __name__ == "__main__":
    sys.exit(main())
