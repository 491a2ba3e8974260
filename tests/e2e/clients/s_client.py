#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""openssl s_client, with requests through its standard input: s_client.py SERVER_DIR PLAN.json

Each way in turn: a request in a pipe and the answer to the end (also with TLS 1.2); the same with s_client's own words between (not -quiet); typed
line by line with -crlf; several requests on one connection, each after the answer to the one before.
"""
import json
import pathlib
import subprocess
import sys
import time
import urllib.parse


def start(server, *options):
    where = urllib.parse.urlsplit(server["https"])
    command = ["openssl", "s_client", "-connect", f"{where.hostname}:{where.port}", "-servername", where.hostname, "-CAfile", server["ca"],
               "-verify_return_error", *options]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def request_of(call, more=()):
    host = urllib.parse.urlsplit(call["url"]).netloc
    body = call["body"].encode()
    lines = [f"POST {call['path']} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in call["headers"].items()),
             f"Content-Length: {len(body)}", *more, "", ""]
    return "\r\n".join(lines).encode(), body


def to_the_end(process, call):
    if call.get("leave"):
        process.stdout.read1(1)
        time.sleep(0.05)
        process.terminate()
    out = process.stdout.read()
    process.stdin.close()
    process.wait(timeout=60)
    return out


def piped(server, call, *options):
    process = start(server, *options)
    head, body = request_of(call, ["Connection: close"])
    process.stdin.write(head + body)
    process.stdin.flush()
    return to_the_end(process, call)


def typed(server, call):
    process = start(server, "-quiet", "-crlf")
    head, body = request_of(call, ["Connection: close"])
    for line in head.decode().split("\r\n")[:-1]:
        process.stdin.write(line.encode() + b"\n")
        process.stdin.flush()
        time.sleep(0.002)
    for at in range(0, len(body), 40):
        process.stdin.write(body[at:at + 40])
        process.stdin.flush()
    return to_the_end(process, call)


def answer_end(data):
    """Where the first answer in `data` ends, or None."""
    head, gap, rest = data.partition(b"\r\n\r\n")
    if not gap:
        return None
    if head.startswith(b"HTTP/1.1 1"):
        return len(head) + 4 + after if (after := answer_end(rest)) else None
    lines = head.lower().split(b"\r\n")
    length = [int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")]
    if length:
        return len(head) + 4 + length[0] if len(rest) >= length[0] else None
    at = 0
    while True:
        end = rest.find(b"\r\n", at)
        if end < 0:
            return None
        size = int(rest[at:end].split(b";")[0], 16)
        if size == 0:  # trailers, and an empty line
            end = rest.find(b"\r\n\r\n", end)
            return len(head) + 8 + end if end >= 0 else None
        at = end + 2 + size + 2
        if len(rest) < at:
            return None


def interactive(server, calls):
    """All over one connection, as a person at the terminal."""
    process, data = start(server, "-quiet", "-no_ign_eof"), b""
    for call in calls:
        process.stdin.write(b"".join(request_of(call)))
        process.stdin.flush()
        while answer_end(data) is None:
            piece = process.stdout.read1(65536)
            if not piece:
                raise RuntimeError(f"{call['model']}: the connection ended")
            data += piece
        data = data[answer_end(data):]
    process.stdin.close()
    process.wait(timeout=60)


def main():
    server = json.loads((pathlib.Path(sys.argv[1]) / "ready.json").read_text())
    calls = json.loads(pathlib.Path(sys.argv[2]).read_text())["calls"]
    alone = [call for call in calls if call.get("leave") or "cut_after" in call["script"] or call["script"].get("framing") == "close"]
    rest = [call for call in calls if call not in alone]
    third = len(rest) // 3
    interactive(server, rest[:third])
    ways = [lambda call: piped(server, call, "-quiet"), lambda call: typed(server, call), lambda call: piped(server, call, "-ign_eof"),
            lambda call: piped(server, call, "-quiet", "-tls1_2")]
    failures = []
    for i, call in enumerate(alone + rest[third:]):
        out = ways[i % len(ways)](call)
        if b"HTTP/1.1 " not in out and not call.get("leave"):
            failures.append(f"{call['model']}: no answer: {out[-300:]!r}")
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
