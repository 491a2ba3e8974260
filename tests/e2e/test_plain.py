#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plain http under tokprof: each call exact, however its bytes went through the kernel. test_plain.py [NAME...]

matrix: what clients of all kinds do.   ways: each way to move bytes.   ends: client and server both watched.
ring: with losses.   unseen: what no probe sees is told.   off: --no-plain.
"""
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import urllib.parse

import apis
import compare
import harness
import plans
import recording
import test_calls

HERE = pathlib.Path(__file__).resolve()


def plain(plan):
    for call in plan:
        call["tls"] = False
    return plan


def fetches(count):
    return [{"api": apis.ALL[i % 4], "stream": i % 3 > 0, "model": f"fetch-{i}", "client": "fetch", "body_bytes": 30000 * (i % 2),
             "script": {"usage": "mix", "split": plans.SPLITS[i % 4]}} for i in range(count)]


def matrix(place, options=()):
    rows, truth, path, problems = test_calls.run(place, plain(plans.matrix(plain=True) + fetches(8)), 4, options)
    problems += compare.exact(rows, truth)
    problems += [f"tls is {row['transport']['tls']}" for row in rows if row["transport"]["tls"] != "none"]
    return problems + whole(path)


def whole(path):
    unbalanced, lost, end = recording.ledger(path)
    losses = [f"{e['where']}: {e['why']}" for e in recording.events(path) if e["k"] == "loss"]
    return unbalanced + ([f"lost: {end['lostby']}"] if lost else []) + [f"told as missing: {loss}" for loss in losses]


# ---- ways: this file runs itself, recorded, to play each way against the server ----

def request_of(name, where, body_bytes=3000):
    call = {"api": apis.CHAT, "stream": True, "model": "way-" + name, "body_bytes": body_bytes}
    body = apis.body_of(call)
    head = f"POST {apis.path_of(call)} HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


def read_all(read):
    answer = b"".join(iter(read, b""))
    if b" 200 " not in answer[:20]:
        raise RuntimeError(f"no answer: {answer[:100]!r}")


def peeking(s, request):
    s.sendall(request)
    while s.recv(100000, socket.MSG_PEEK):
        s.recv(97)


def bytewise(s, request):
    for i in range(len(request)):
        s.send(request[i:i + 1])
    read_all(lambda: s.recv(1))


def segmented(s, request):
    step = len(request) // 60
    pieces = [b"", *(request[i:i + step] for i in range(0, len(request), step))]
    if s.sendmsg(pieces) != len(request):
        raise RuntimeError("a short send: the test did not test")
    read_all(lambda: s.recvmsg(50)[0])


def vectored(s, request):
    os.writev(s.fileno(), [request[:3], request[3:1000], request[1000:]])
    buffers = [bytearray(7), bytearray(500), bytearray(20000)]
    while os.readv(s.fileno(), buffers):
        pass


def plain_read_write(s, request):
    os.write(s.fileno(), request)
    read_all(lambda: os.read(s.fileno(), 1000))


def duplicated(s, request):
    other = os.dup(s.fileno())
    os.write(other, request[:500])
    os.close(other)
    s.sendall(request[500:])
    read_all(lambda: s.recv(1000))


def inherited(s, request):
    child = os.fork()
    if child == 0:
        s.sendall(request)
        os._exit(0)
    os.waitpid(child, 0)
    read_all(lambda: s.recv(1000))


def nonblocking(s, request):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    s.settimeout(20)
    request = memoryview(request)
    while request:
        request = request[s.send(request):]
    read_all(lambda: s.recv(65536))


WAYS = (peeking, bytewise, segmented, vectored, plain_read_write, duplicated, inherited, nonblocking)


def play(where, local):
    for way in WAYS:
        with socket.create_connection((where.hostname, where.port)) as s:
            way(s, request_of(way.__name__, where, 2_000_000 if way is nonblocking else 3000))
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(local)
        plain_read_write(s, request_of("local", where))
    # What a tool prints is no connection, though it stands on a socket.
    ours, theirs = socket.socketpair()
    subprocess.run(["printf", r"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 13\r\n\r\n{\"model\":\"x\"}"], stdout=theirs, check=True)
    ours.recv(1000)


def relay(listener, where):
    """Not recorded: makes the server answer on a local socket."""
    near, _ = listener.accept()
    with near, socket.create_connection((where.hostname, where.port)) as far:
        far.sendall(near.recv(1 << 20))
        for piece in iter(lambda: far.recv(65536), b""):
            near.sendall(piece)


def ways(place):
    with harness.Server(place / "server") as server, socket.socket(socket.AF_UNIX) as listener:
        url, local = server.ready["http"], str(place / "local.sock")
        listener.bind(local)
        listener.listen()
        threading.Thread(target=relay, args=(listener, urllib.parse.urlsplit(url)), daemon=True).start()
        done = harness.record(place / "run.tokrec", [sys.executable, HERE, "--play", url, local])
        problems = [f"the player failed: {done.stderr[-1500:]}"] if done.returncode else []
        problems += compare.exact(harness.calls(place / "run.tokrec"), server.truth()) + whole(place / "run.tokrec")
        if len(server.truth()) != len(WAYS) + 1:
            problems.append(f"{len(server.truth())} calls came: the test did not test")
        return problems


# ---- both ends, losses, what goes past, off ----

def inside(place):
    with harness.Server(place / "server"):
        driver = [sys.executable, HERE.with_name("driver.py"), place / "server", place / "plan.json", "4"]
        return subprocess.run(list(map(str, driver))).returncode


def ends(place):
    plan = plain([call for call in plans.matrix(plain=True) if not call.get("leave")])[::2]
    (place / "plan.json").write_text(json.dumps(plan))
    done = harness.record(place / "run.tokrec", [sys.executable, HERE, "--inside", place])
    truth = sorted(map(json.loads, (place / "server/truth.jsonl").read_text().splitlines()), key=lambda line: line["n"])
    problems = [f"the driver failed: {done.stderr[-1500:]}"] if done.returncode else []
    rows = harness.calls(place / "run.tokrec")
    _, _, end = recording.ledger(place / "run.tokrec")
    both = sum(e.get("what") == "exec" for e in recording.events(place / "run.tokrec"))
    print(f"{end.get('seen')} bytes seen, {both} programs")
    return problems + compare.exact(rows, truth)


def ring(place):
    plan = plain(plans.many(200, seed=9))
    for i, call in enumerate(plan):
        if i % 5 == 0:
            call["body_bytes"] = 600_000
            call["script"]["answer_bytes"] = 300_000
    rows, truth, path, problems = test_calls.run(place, plan, 32, ["--ring-size", "64K"])
    problems += compare.exact_or_incomplete(rows, truth)
    unbalanced, lost, end = recording.ledger(path)
    if not lost:
        problems.append("nothing was lost: the test did not test")
    return problems + unbalanced


def go_past(where):
    """Bytes that no probe sees: sendfile within a request; a message to UDP port 443; 90 segments in one call."""
    request = request_of("sendfile", where)
    with socket.create_connection((where.hostname, where.port)) as s, open(HERE.with_name("sendfile.tmp"), "wb+", buffering=0) as f:
        os.unlink(f.name)
        f.write(request)
        cut = request.index(b"\r\n\r\n") + 4
        s.sendall(request[:cut])
        while cut < len(request):
            cut += os.sendfile(s.fileno(), f.fileno(), cut, len(request) - cut)
        read_all(lambda: s.recv(1000))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"\xc0\0\0\0\1", ("127.0.0.1", 443))
    request = request_of("many-segments", where)
    with socket.create_connection((where.hostname, where.port)) as s:
        s.sendmsg([request[i:i + 1] for i in range(90)] + [request[90:]])
        read_all(lambda: s.recv(1000))


def unseen(place):
    with harness.Server(place / "server") as server:
        done = harness.record(place / "run.tokrec", [sys.executable, HERE, "--go-past", server.ready["http"]])
        problems = [f"the player failed: {done.stderr[-1500:]}"] if done.returncode else []
        rows, truth = harness.calls(place / "run.tokrec"), server.truth()
    told = {e["why"]: e["cnt"] for e in recording.events(place / "run.tokrec") if e["k"] == "loss" and e["where"] == "unseen"}
    for word in ("sendfile", "QUIC"):
        if not any(word in why for why in told):
            problems.append(f"{word} is not told: {told}")
    unbalanced, lost, end = recording.ledger(place / "run.tokrec")
    if not end["lostby"]["read"] or not end["lostby"]["long"]:
        problems.append(f"the ledger knows of no hole: {end['lostby']}")
    incomplete = [row for row in rows if not row["complete"] and row["lost_bytes"]]
    if len(rows) != 2 or len(incomplete) != 2:
        problems.append(f"{len(incomplete)} of {len(rows)} calls are incomplete, should be both: {rows}")
    return problems + unbalanced + compare.exact_or_incomplete(rows, truth)


def off(place):
    rows, truth, path, problems = test_calls.run(place, plain(fetches(2)), 1, ["--no-plain"])
    return problems + [f"{len(rows)} calls seen"] * bool(rows)


KINDS = {f.__name__: f for f in (matrix, ways, ends, ring, unseen, off)}


def main():
    if sys.argv[1:2] == ["--play"]:
        return play(urllib.parse.urlsplit(sys.argv[2]), sys.argv[3])
    if sys.argv[1:2] == ["--go-past"]:
        return go_past(urllib.parse.urlsplit(sys.argv[2]))
    if sys.argv[1:2] == ["--inside"]:
        return inside(pathlib.Path(sys.argv[2]))
    harness.require()
    harness.private_network()
    status = 0
    for name in sys.argv[1:] or KINDS:
        with harness.Workspace("plain-" + name) as place:
            status |= harness.report("plain http, " + name, KINDS[name](place))
    return status


if __name__ == "__main__":
    sys.exit(main())
