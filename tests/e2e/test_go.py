#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Go's crypto/tls: a client and a server, stripped and not, HTTP/1.1 and HTTP/2, many calls at once: each call exact.

test_go.py [FORM...]    FORM as in the table below, or "old": what older toolchains made
"""
import json
import os
import shutil
import subprocess
import sys

import apis
import client_plans
import compare
import harness
import recording

SOURCE = harness.ROOT / "tests/e2e/clients/go/tls.go"
SAMPLE = harness.ROOT / "tests/unit/collector/sample_go.c"
FORMS = {"plain": ((), {}), "stripped": (("-ldflags=-s -w",), {}), "pie": (("-buildmode=pie", "-ldflags=-s -w"), {}),
         "external": (("-buildmode=pie", "-ldflags=-s -w -linkmode=external"), {}),
         "nocgo": (("-ldflags=-s -w",), {"CGO_ENABLED": "0"})}
AT_ONCE = 50


def build(form, place):
    """The program in one form; skips where it cannot be built."""
    flags, more = FORMS[form]
    program = place / f"tls-{form}"
    env = {**os.environ, "GO111MODULE": "off", "GOFLAGS": "", "GOCACHE": str(place / "cache"), **more}
    done = subprocess.run(["go", "build", *flags, "-o", str(program), str(SOURCE)], env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise RuntimeError(f"go build {' '.join(flags)}: {done.stdout}")
    return program


def plan_of(server, address, ca, http2, tls12=False):
    """All APIs, streaming and not, in several splits and codings; enough of them that many are open at once."""
    plan = client_plans.Plan("go", at_once=AT_ONCE, http2=http2, tls12=tls12, ca=ca)
    for turn, api in enumerate(apis.EVERY):
        for stream in (False, True)[:1 if api == apis.EMBEDDINGS else 2]:
            tools = api not in apis.TOOLLESS
            plan.add(api, stream)
            plan.add(api, stream, {"split": "random", "encoding": "accepted", "usage": "mix"}, tools=tools, packed="gzip")
            plan.add(api, stream, {"split": ("byte", "random", "tokens")[turn % 3], "reasoning": True, "usage": "mix", "delay_ms": 1})
            plan.add(api, stream, {"stop": "length", "split": "tokens", "usage": "mix", "answer_bytes": 20000}, body_bytes=200000)
            plan.add(api, stream, {"status": 429})
    for call in plan.calls:  # the standard library asks for gzip itself, and decodes what it asked for alone
        call["script"].pop("encoding", None) if "Accept-Encoding" in call.get("headers", {}) else None
        call.pop("headers", None)
    requests = plan.requests(server.ready, "https")
    for call in requests["calls"]:
        if call.get("packed"):
            call["headers"]["Content-Encoding"] = call["packed"]
        call["url"] = address + call["path"]
    return requests


def judge(what, place, server, done, **transport):
    """`transport`: what the Go server changes of what the referee sees."""
    rows, truth = harness.calls(place / "run.tokrec"), [{**line, **transport} for line in server.truth()]
    problems = [f"it failed ({done.returncode}): {done.stderr[-3000:]}"] if done.returncode else []
    problems += compare.exact(rows, truth, "go")
    unbalanced, lost, end = recording.ledger(place / "run.tokrec")
    problems += unbalanced + ([f"lost: {end['lostby']}"] if lost else [])
    problems += [f"told as missing: {e['where']}: {e['why']}" for e in recording.events(place / "run.tokrec") if e["k"] == "loss"]
    versions = {row["transport"]["http"] for row in rows}
    return harness.report(f"{what}: {len(compare.model_calls(truth))} calls, http {', '.join(sorted(map(str, versions)))}", problems)


def direct(form, program, place, tls12, http2):
    """The client and the referee."""
    with harness.Server(place / "server") as server:
        (place / "plan.json").write_text(json.dumps(plan_of(server, server.ready["https"], server.ready["ca"], http2, tls12)))
        done = harness.record(place / "run.tokrec", [program, "client", place / "server", place / "plan.json"])
        return judge(f"go {form}, client, TLS {'1.2' if tls12 else '1.3'}, HTTP/{2 if http2 else 1}", place, server, done)


class Front:
    """The Go server before the referee."""

    def __init__(self, server, program, place, record):
        self.state, self.record = place / "front", record
        self.state.mkdir()
        command = [program, "server", server.dir, self.state]
        if record:
            command = [harness.TOKPROF, "record", "-o", place / "run.tokrec", "--no-plain", "--", *command]
        self.process = subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True)
        harness.wait_until((self.state / "ready.json").exists, 30, "the Go server")
        self.ready = json.loads((self.state / "ready.json").read_text())

    def stop(self):
        (self.state / "stop").touch()
        _, self.process.stderr_text = self.process.communicate(timeout=60 * harness.SLOWNESS)
        return subprocess.CompletedProcess(self.process.args, self.process.returncode, "", self.process.stderr_text)


def fronted(form, program, place, side, http2):
    """Client, Go server, referee; one of the first two is recorded."""
    with harness.Server(place / "server") as server:
        front = Front(server, program, place, side == "server")
        (place / "plan.json").write_text(json.dumps(plan_of(server, front.ready["https"], front.ready["ca"], http2)))
        client = [str(program), "client", str(place / "server"), str(place / "plan.json")]
        if side == "client":
            done = harness.record(place / "run.tokrec", client)
            front.stop()
        else:
            played = subprocess.run(client, stderr=subprocess.PIPE, text=True, timeout=300 * harness.SLOWNESS)
            done = front.stop()
            done.returncode |= played.returncode
            done.stderr += played.stderr
        return judge(f"go {form}, {side}, HTTP/{2 if http2 else 1}", place, server, done, tls=True, http="2" if http2 else "1.1")


def old(table, place):
    """A program as Go made them when arguments were on the stack: its own calls, for which there is no server."""
    program, count = place / "sample", 40
    subprocess.run(["cc", "-O1", "-w", "-mno-red-zone", "-fno-pie", "-no-pie", "-s", f"-DTABLE={table}", "-o", program, SAMPLE], check=True)
    done = harness.record(place / "run.tokrec", [program, str(count)])
    problems = [f"it failed ({done.returncode}): {done.stderr[-1000:]}"] if done.returncode else []
    rows = {row["model"]: row for row in harness.calls(place / "run.tokrec")}
    for i in range(count):
        row = rows.pop(f"old-{i}", None)
        told = row and (row["usage"]["input_tokens"], row["usage"]["output_tokens"], row["transport"]["tls"], row["complete"])
        if told != (100 + i, 7, "go", True):
            problems.append(f"call {i}: {told}")
    unbalanced, lost, end = recording.ledger(place / "run.tokrec")
    problems += unbalanced + [f"invented: {model}" for model in rows] + ([f"lost: {end['lostby']}"] if lost else [])
    return harness.report(f"go, table of {table}: {count} calls", problems)


def main():
    forms = sys.argv[1:] or ["old", *FORMS]
    harness.require()
    if not shutil.which("go") or not shutil.which("cc"):
        harness.skip("needs go (golang-go) and cc")
    if os.uname().machine != "x86_64":
        harness.skip("needs x86-64: executables of other processors are not looked into")
    status = 0
    for table in ("12", "116", "118") if "old" in forms else ():
        with harness.Workspace("go-old") as place:
            status |= old(table, place)
    forms = [form for form in forms if form != "old"]
    with harness.Workspace("go-build") as built:
        programs = {form: build(form, built) for form in forms}
        harness.private_network()
        for form, program in programs.items():
            runs = [lambda p, tls12=tls12, h2=h2: direct(form, program, p, tls12, h2)
                    for tls12, h2 in ((False, False), (True, False), (False, True), (True, True))]
            runs += [lambda p, side=side, h2=h2: fronted(form, program, p, side, h2)
                     for side, h2 in (("client", True), ("server", True), ("server", False))]
            for run in runs:
                with harness.Workspace(f"go-{form}") as place:
                    status |= run(place)
    return status


if __name__ == "__main__":
    sys.exit(main())
