#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""HTTP/2: independent clients and servers, interleaved streams, rare frames, joined in the middle: each call exact.

test_http2.py [CHECK...]
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import apis
import client_plans
import compare
import harness
import recording
from test_running import Recorder, only

HERE = pathlib.Path(__file__).resolve()
CLIENTS = HERE.with_name("clients")
PROGRAMS = {"curl": ("h2_programs.py", "curl"), "nghttp": ("h2_programs.py", "nghttp"), "httpx": ("httpx.py", None), "node": ("http2.mjs", None)}
SCENARIO = {"seed": 31, "http2": {"padding": "max"}, "defaults": {"answer_text": "Kurz gesagt – ja ✓ 是的 🙂"},
            "steps": [{"read": "notes.txt"}, {"text": "Fertig."}]}


def python_with_httpx():
    """This one, or the distribution's."""
    for python in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([python, "-c", "import httpx, h2"], stderr=subprocess.DEVNULL).returncode == 0:
            return python
    return None


def command_of(plan, directory, file):
    script = CLIENTS / PROGRAMS[plan.client.split("-")[0]][0]
    program = harness.node_program() if script.suffix == ".mjs" else python_with_httpx()
    return [program, script, directory, file]


def every_api(client, odd=True):
    """All APIs both ways, in the forms in which h2 answers can differ."""
    plan = client_plans.Plan(client + "-h2", program=client)
    for number, api in enumerate(apis.EVERY):
        for stream in (False, True)[:1 if api == apis.EMBEDDINGS else 2]:
            plan.add(api, stream, {"split": ("random", "tokens")[number % 2], "usage": "mix"}, body_bytes=3000)
            plan.add(api, stream, {"split": "random", "odd": ["trailers", "hints", "ping"][:3 if odd else 1]}, tools=api not in apis.TOOLLESS)
    plan.add(apis.ANTHROPIC, True, {"answer_bytes": 200000, "split": "random"}, body_bytes=300000)
    plan.add(apis.CHAT, False, {"status": 429})
    return plan


def recorded(place, server, plans, scheme):
    """Plays the plans one after the other in one recording."""
    script = []
    for plan in plans:
        file = place / f"{plan.client}.json"
        file.write_text(json.dumps(plan.requests(server.ready, scheme)))
        script.append(" ".join(f"'{word}'" for word in command_of(plan, place / "server", file)))
    env = {**os.environ, "NODE_NO_WARNINGS": "1"}
    done = harness.record(place / "run.tokrec", ["sh", "-c", " && ".join(script)], env=env)
    if done.returncode:
        yield f"a client failed: {done.stderr[-3000:]}"
    truth = server.truth()
    if not compare.model_calls(truth) or any(line["http"] != "2" for line in truth):
        yield f"the test did not test: {[line['http'] for line in truth][:10]}"
    yield from compare.exact(harness.calls(place / "run.tokrec"), truth)
    yield from nothing_lost(place)
    print(f"  {len(compare.model_calls(truth))} calls over {len({line['conn'] for line in truth})} connections")


def nothing_lost(place):
    unbalanced, lost, end = recording.ledger(place / "run.tokrec")
    yield from unbalanced
    if lost:
        yield f"lost: {end['lostby']}"
    for event in recording.events(place / "run.tokrec"):
        if event["k"] == "loss":
            yield f"told as missing: {event['where']}: {event['why']} {event.get('n')}"


# ---- the checks ----

def curl_tls(place, server):
    yield from recorded(place, server, [every_api("curl")], "https")


def curl_clear(place, server):
    yield from recorded(place, server, [every_api("curl")], "http")


def nghttp_tls(place, server):
    yield from recorded(place, server, [every_api("nghttp", odd=False)], "https")


def nghttp_clear(place, server):
    yield from recorded(place, server, [every_api("nghttp", odd=False)], "http")


def httpx_tls(place, server):
    yield from recorded(place, server, [every_api("httpx")], "https")


def node_tls(place, server):
    yield from recorded(place, server, [every_api("node")], "https")


def node_clear(place, server):
    yield from recorded(place, server, [every_api("node")], "http")


def crowd(place, server):
    """200 streams at once over one connection, frames of seeded sizes, bodies beyond a window."""
    plan = client_plans.Plan("node-crowd", at_once=200)
    for number in range(200):
        api = apis.EVERY[number % len(apis.EVERY)]
        plan.add(api, api != apis.EMBEDDINGS and number % 3 > 0, {"split": "random", "usage": "mix", "delay_ms": 2, "reasoning": number % 5 == 0},
                 body_bytes=(500, 20000, 90000)[number % 3])
    yield from recorded(place, server, [plan], "https")
    if len({line["conn"] for line in server.truth()}) != 1:
        yield "more than one connection"


def ends(place, server):
    """Streams that are reset by either side, that nobody ends, and connections that the server gives up."""
    plan = client_plans.Plan("node-ends", at_once=4)
    for api in (apis.CHAT, apis.ANTHROPIC, apis.RESPONSES, apis.GOOGLE):
        plan.add(api, True, {"cut_after": 2.5})
        plan.add(api, True, {"error_after": 3})
        plan.add(api, True, {"hang_after": 2}, leave=True)
    given_up = client_plans.Plan("node-goaway", at_once=1)
    for api in (apis.CHAT, apis.ANTHROPIC, apis.RESPONSES, apis.GOOGLE):
        given_up.add(api, True, {"split": "random", "odd": ["goaway"]})
        given_up.add(api, True, {"split": "random"})
    yield from recorded(place, server, [plan, given_up], "https")
    if len({line["conn"] for line in server.truth()}) < 3:
        yield "the connections were not given up"


def endless(place, server):
    """All of the answer, but no END_STREAM: the client leaves. The usage was told, so it is known."""
    plan = client_plans.Plan("node-endless", at_once=3)
    for api, last in ((apis.CHAT, "[DONE]"), (apis.ANTHROPIC, "message_stop"), (apis.RESPONSES, '"response.completed"')):
        plan.add(api, True, {"odd": ["endless"]}, enough=last)
    problems = list(recorded(place, server, [plan], "https"))
    rows = {row["model"]: row for row in harness.calls(place / "run.tokrec")}
    for line in compare.model_calls(server.truth()):
        usage = rows.get(line["model"], {}).get("usage") or {}
        for key in ("input_tokens", "output_tokens"):
            if usage.get(key) != line["usage"][key]:
                yield f"{line['model']}: {key} is {usage.get(key)}, was {line['usage'][key]}"
    yield from (problem for problem in problems if "outcome" not in problem and "stop_reason" not in problem)


def nghttpd(place, server):
    """nghttp2's own server, with padding and trailers; its answers are files, which are the referee here."""
    files, port = place / "files", 8443
    answers = {}
    for number in range(5):
        usage = {"input_tokens": 1000 + number, "output_tokens": 70 + number}
        body = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": f"file-{number}", "stop_reason": "end_turn",
                "content": [{"type": "text", "text": "x" * 40000 * number}], "usage": usage}
        (files / f"{number}/v1").mkdir(parents=True)
        (files / f"{number}/v1/messages").write_text(json.dumps(body))
        answers[f"file-{number}"] = usage
    (place / "body").write_bytes(apis.body_of({"api": apis.ANTHROPIC, "stream": False, "model": "file", "body_bytes": 70000}))
    keys = place / "server"
    for options, scheme in ((["--no-tls", str(port)], "http"), ([str(port + 1), str(keys / "leaf.key"), str(keys / "leaf.pem")], "https")):
        daemon = subprocess.Popen(["nghttpd", "-b", "50", "--trailer", "x-check: 1", "-d", str(files), *options], stdout=subprocess.DEVNULL)
        try:
            time.sleep(1 * harness.SLOWNESS)
            where = f"{scheme}://localhost:{port + (scheme == 'https')}"
            urls = [f"{where}/{number}/v1/messages" for number in range(5)]
            full = ["nghttp", "-n", "-a", "-b", "30", "-d", str(place / "body"), "-H", "content-type: application/json", *urls]
            done = harness.record(place / "run.tokrec", full)
        finally:
            daemon.terminate()
            daemon.wait()
        rows = {row["model"]: row for row in harness.calls(place / "run.tokrec")}
        for model, usage in answers.items():
            row = rows.get(model) or {"usage": {}, "complete": None, "transport": {}}
            if {key: row["usage"].get(key) for key in usage} != usage or not row["complete"] or row["transport"].get("http") != "2":
                yield f"{scheme}: {model}: {row['usage']}, should be {usage}; complete {row['complete']}, {row['transport']} {done.stderr[-300:]}"
        yield from nothing_lost(place)


def joined(place, server):
    """-p, with streams open: what was indexed before is not known; that is said once, and the usage is found all the same."""
    client_place = place / "client"
    client_place.mkdir()
    client = subprocess.Popen([harness.node_program(), CLIENTS / "patient_http2.mjs", place / "server", client_place])
    harness.wait_until((client_place / "begun").exists, 30, "the first answers")
    recorder = Recorder(place, "-p", client.pid)
    (client_place / "go").touch()
    if client.wait(timeout=60):
        yield "the client failed"
    yield from recorder.end()
    truth = server.truth()
    rows = {row["model"]: row for row in recorder.rows()}
    late = [line for line in compare.model_calls(truth) if line["model"].startswith("late")]
    if len(late) != 6:
        yield f"the test did not test: {len(late)}"
    for line in compare.model_calls(truth):
        row = rows.get(line["model"])
        if line["model"] == "early":
            continue
        if not row:
            yield f"{line['model']}: not found"
            continue
        for key in compare.USAGE:
            if row["usage"].get(key) != line["usage"][key]:
                yield f"{line['model']}: {key} is {row['usage'].get(key)}, should be {line['usage'][key]}"
        if line["model"] == "slow" and row["complete"]:
            yield "a call of which the request was not seen says complete"
    yield from compare.exact([row for row in rows.values() if row["model"].startswith("late-")], only(truth, *(n["model"] for n in late)))
    told = [e for e in recording.events(place / "run.tokrec") if e["k"] == "loss" and e["why"] == "header fields from before"]
    if not 1 <= len(told) <= 2:
        yield f"{len(told)} losses for unknown header fields, should be one for each direction"


CHECKS = (curl_tls, curl_clear, nghttp_tls, nghttp_clear, httpx_tls, node_tls, node_clear, crowd, ends, endless, nghttpd, joined)


def main():
    harness.require()
    for program in ("curl", "nghttp", "nghttpd"):
        if not shutil.which(program):
            harness.skip(f"needs {program}")
    if not python_with_httpx():
        harness.skip("needs Python's httpx and h2")
    harness.private_network()
    status = 0
    for check in CHECKS:
        if sys.argv[1:] and check.__name__ not in sys.argv[1:]:
            continue
        with harness.Workspace("http2") as place, harness.Server(place / "server", SCENARIO) as server:
            status |= harness.report(check.__name__, list(check(place, server)))
    return status


if __name__ == "__main__":
    sys.exit(main())
