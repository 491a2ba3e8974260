#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""OpenAI Responses over WebSocket, by npm's `ws` at both ends: each response is a call, exact; a warm-up is none.

test_websocket.py [CHECK...]
"""
import json
import os
import subprocess
import sys

import agents
import compare
import harness
import recording
from test_http2 import nothing_lost
from test_running import Recorder, only

CLIENT = harness.ROOT / "tests/e2e/clients/websocket.mjs"
TOOL = {"type": "function", "name": "read_file", "description": "Reads", "parameters": {
    "type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}}


def scenario(deflate):
    return {"seed": 41, "websocket": {"deflate": deflate}, "steps": [{"read": "notes.txt"}, {"text": "Fertig – 完了 ✓"}]}


def message(model, script=None, **more):
    return {"type": "response.create", "model": model, "store": False, "script": script or {},
            "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hallo – 你好\r\nzwei"}]}], **more}


def one_connection(number, **options):
    """A warm-up, calls of all kinds, one of them large; each but the first builds on the one before."""
    def name(what):
        return f"ws-{number}-{what}"
    long = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "wörter " * 30000}]}]
    messages = [{"message": message(name("warm"), generate=False)},
                {"message": message(name("plain")), "continues": True},
                {"message": {"type": "response.processed", "response_id": "resp_1"}},
                {"message": message(name("tools"), tools=[TOOL]), "continues": True},
                {"message": message(name("random"), {"split": "random", "reasoning": True, "usage": "mix"}), "pieces": 7},
                {"message": message(name("large"), {"answer_bytes": 150000, "split": "random"}, input=long), "pieces": 3},
                {"message": message(name("error"), {"status": 400})},
                {"message": message(name("broken"), {"error_after": 4})},
                {"message": message(name("short"), {"stop": "length"}), "continues": True}]
    return {"headers": {"session_id": f"session-{number}", "X-Tag": f"{number}", "User-Agent": "codex_cli_rs/0.1"}, "messages": messages, **options}


def environment(packages):
    return {**os.environ, "TOKPROF_CLIENTS": str(packages)}


def played(place, server, scheme, connections):
    plan = place / "plan.json"
    plan.write_text(json.dumps({"scheme": scheme, "connections": connections}))
    done = harness.record(place / "run.tokrec", [harness.node_program(), CLIENT, place / "server", plan])
    truth = server.truth()
    if done.returncode:
        yield f"the client failed: {done.stderr[-2000:]}"
    calls = compare.model_calls(truth)
    if len(calls) < 7 * len(connections) or not any(line.get("warm_up") for line in truth):
        yield f"the test did not test: {len(calls)} calls"
    yield from compare.exact(harness.calls(place / "run.tokrec"), truth)
    yield from nothing_lost(place)
    print(f"  {len(calls)} calls over {len({line['conn'] for line in truth})} connections")


def plain(place, server):
    yield from played(place, server, "http", [one_connection(n) for n in range(3)])


def secure(place, server):
    yield from played(place, server, "https", [one_connection(n) for n in range(3)])


def deflated(place, server):
    deflate = {"threshold": 0}
    yield from played(place, server, "https", [one_connection(n, deflate=deflate) for n in range(3)])


def deflated_alone(place, server):
    deflate = {"threshold": 0, "clientNoContextTakeover": True, "serverNoContextTakeover": True}
    yield from played(place, server, "https", [one_connection(n, deflate=deflate) for n in range(3)])


def joined(place, server):
    """-p, in the middle of a connection: the next responses are exact, but for what its head said."""
    messages = [{"message": message("early")}, {"message": message("late-1"), "touch": str(place / "ready"), "until": str(place / "go")},
                {"message": message("late-2", {"split": "random"}), "continues": True}, {"message": message("late-3"), "pieces": 3}]
    plan = place / "plan.json"
    plan.write_text(json.dumps({"scheme": "https", "connections": [{"headers": {}, "messages": messages}]}))
    client = subprocess.Popen([harness.node_program(), CLIENT, place / "server", plan])
    harness.wait_until((place / "ready").exists, 30, "the first answer")
    recorder = Recorder(place, "-p", client.pid)
    (place / "go").touch()
    if client.wait(timeout=60):
        yield "the client failed"
    yield from recorder.end()
    truth, rows = server.truth(), {row["model"]: row for row in recorder.rows()}
    for line in only(truth, "late-1", "late-2", "late-3"):
        row = rows.get(line["model"])
        if not row:
            yield f"{line['model']}: not found"
            continue
        for key in compare.USAGE:
            if row["usage"].get(key) != line["usage"][key]:
                yield f"{line['model']}: {key} is {row['usage'].get(key)}, should be {line['usage'][key]}"
        if (row["api"], row["outcome"], row["stop_reason"], row["transport"]["http"]) != ("openai.responses", "ok", line["stop_reason"], "websocket"):
            yield f"{line['model']}: {row}"
    if len(rows) != 3:
        yield f"{len(rows)} calls: {list(rows)}"


CHECKS = ((plain, False), (secure, False), (deflated, True), (deflated_alone, {"server_alone": True, "client_alone": True}), (joined, False))


def main():
    harness.require()
    packages = agents.npm_install("ws", ["8"])
    os.environ["TOKPROF_CLIENTS"] = str(packages)
    harness.private_network()
    status = 0
    for check, deflate in CHECKS:
        if sys.argv[1:] and check.__name__ not in sys.argv[1:]:
            continue
        with harness.Workspace("websocket") as place, harness.Server(place / "server", scenario(deflate)) as server:
            status |= harness.report(check.__name__, list(check(place, server)))
    return status


if __name__ == "__main__":
    sys.exit(main())
