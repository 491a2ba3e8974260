#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hostile servers and clients under tokprof: memory stays bounded, what is not whole says so, the next call is exact.
test_hostile.py [CASE...]"""
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import threading
import time

import harness
import hostile
import recording

HERE = pathlib.Path(__file__).resolve()
NEXT_USAGE = (1234, 56)


def next_request(case):
    return hostile.ask("next-" + case.name)


# ---- the client, recorded: sends, reads, then makes the next call ----

def read_exactly(s, n):
    while n > 0:
        piece = s.recv(min(n, 1 << 20))
        if not piece:
            raise RuntimeError(f"the server left; {n} bytes missing")
        n -= len(piece)


def play(port, control_port, ca, names):
    context = ssl.create_default_context(cafile=ca)
    control = socket.create_connection(("127.0.0.1", control_port))

    def connect():
        return context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="localhost")

    def barrier():
        control.sendall(b"x")
        control.recv(1)

    for case in chosen(names):
        barrier()
        s = connect()
        for piece in case.request():
            s.sendall(piece)
        read_exactly(s, sum(map(len, case.answer())))
        barrier()
        if not case.same:
            s.close()
            s = connect()
        s.sendall(next_request(case))
        read_exactly(s, len(hostile.plain_answer()))
        s.close()
        barrier()


def chosen(names):
    return [case for case in hostile.all_cases() if not names or case.name in names]


# ---- the server, in this process ----

def serve(listener, names, failures):
    try:
        for case in chosen(names):
            s, _ = listener.accept()
            read_exactly(s, sum(map(len, case.request())))
            for piece in case.answer():
                s.sendall(piece)
            if not case.same:
                s.close()
                s, _ = listener.accept()
            read_exactly(s, len(next_request(case)))
            s.sendall(hostile.plain_answer())
            s.close()
    except Exception as error:
        failures.append(f"server, in {case.name}: {type(error).__name__}: {error}")
        os._exit(1) if not failures else listener.close()


# ---- what the collector takes, meanwhile ----

def children(pid):
    try:
        found = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [int(c) for c in found] + [d for c in found for d in children(int(c))]


def name_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


class Collector:
    def __init__(self, pid):
        self.root = pid

    def pids(self):
        return [p for p in [self.root, *children(self.root)] if name_of(p).startswith("tokprof")]

    def ticks(self):
        total = 0
        for pid in self.pids():
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total

    def settle(self):
        """Until all that came is handled: no processor time taken for a while."""
        calm, before = 0, self.ticks()
        while calm < 4:
            time.sleep(0.15)
            now = self.ticks()
            calm = calm + 1 if now - before <= 1 else 0
            before = now

    def forget_peak(self):
        for pid in self.pids():
            pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")

    def peak_mb(self):
        """Without the ring, which is as large as it was asked to be."""
        return sum(high_water(p) - ring_resident(p) for p in self.pids()) / 1024


def high_water(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1])
    return 0


def ring_resident(pid):
    total, ring = 0, False
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if "-" in line.split()[0] and not line.split()[0].endswith(":"):
            ring = "bpf" in line
        elif ring and line.startswith("Rss:"):
            total += int(line.split()[1])
    return total


def watch(control, collector, cases):
    """Plays the barriers' other side; returns by case: begin, end (Unix ns), peak (MB)."""
    s, _ = control.accept()
    seen = {}
    for case in cases:
        if not s.recv(1):
            break
        collector.forget_peak()
        begin = time.time_ns()
        s.sendall(b"y")
        for _ in range(2):
            if not s.recv(1):
                return seen
            collector.settle()
            seen[case.name] = (begin, time.time_ns(), collector.peak_mb())
            s.sendall(b"y")
    return seen


# ---- judging ----

def check(case, rows, losses, seen):
    begin, end, peak = seen
    problems = []
    row = next((r for r in rows if r["server"] == case.name + ".test"), None)
    told = sorted({f"{e['where']}: {e['why']}" for e in losses if begin <= e["t"] <= end})
    after = next((r for r in rows if r["server"] == f"next-{case.name}.test"), None)
    exact = after and after["complete"] and (after["usage"]["input_tokens"], after["usage"]["output_tokens"]) == NEXT_USAGE
    mark = "no row" if not row else f"{'complete' if row['complete'] else 'incomplete'}, {row['outcome']}"
    print(f"{case.name:24} {peak:7.1f} MB  {mark:22} next {'exact' if exact else 'NOT EXACT'}  {'; '.join(told)}", flush=True)
    if peak > case.peak_mb:
        problems.append(f"peak {peak:.1f} MB, at most {case.peak_mb} allowed")
    if not exact:
        problems.append(f"the next call is not exact: {after}")
    if case.row and not row:
        problems.append("no row")
    if row and case.complete is not None and row["complete"] != case.complete:
        problems.append(f"complete is {row['complete']}")
    if case.usage and (not row or (row["usage"]["input_tokens"], row["usage"]["output_tokens"]) != NEXT_USAGE):
        problems.append(f"usage is {row and row['usage']}")
    if case.loss and not any(case.loss in loss for loss in told):
        problems.append(f"no loss '{case.loss}' among {told}")
    return [f"{case.name}: {problem}" for problem in problems]


def printed(path):
    """Nothing that a terminal obeys comes out of any table."""
    problems = []
    for command in (["calls"], ["report"], ["tree"], ["calls", "--format", "csv"]):
        done = subprocess.run([str(harness.TOKPROF), *command, str(path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode or any(c < 0x20 and c not in b"\r\n" or c == 0x7f for c in done.stdout):
            problems.append(f"tokprof {' '.join(command)}: status {done.returncode}, or control characters")
    return problems


def run(place, names):
    key, cert = place / "key.pem", place / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert], check=True, stderr=subprocess.DEVNULL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    failures, cases = [], chosen(names)
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.create_server(("127.0.0.1", 0)) as control:
        listener = context.wrap_socket(tcp, server_side=True)
        threading.Thread(target=serve, args=(listener, names, failures), daemon=True).start()
        command = [str(harness.TOKPROF), "record", "-o", str(place / "run.tokrec"), "--ring-size", "64M", "--", sys.executable, str(HERE), "--play",
                   str(listener.getsockname()[1]), str(control.getsockname()[1]), str(cert), *names]
        recorder = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        seen = watch(control, Collector(recorder.pid), cases)
        stderr = recorder.communicate()[1]
    if recorder.returncode:
        failures.append(f"the recording failed ({recorder.returncode}): {stderr[-1500:]}")
    print(stderr.strip().splitlines()[-1] if stderr.strip() else "(no closing line)")
    rows, events = harness.calls(place / "run.tokrec"), recording.events(place / "run.tokrec")
    losses = [e for e in events if e.get("k") == "loss"]
    unbalanced, lost, end = recording.ledger(place / "run.tokrec")
    if lost:
        failures.append(f"the ring overflowed, so this run shows nothing: {end['lostby']}")
    for case in cases:
        failures += check(case, rows, losses, seen[case.name]) if case.name in seen else [f"{case.name} was not played"]
    return failures + unbalanced + printed(place / "run.tokrec")


def main():
    if sys.argv[1:2] == ["--play"]:
        return play(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5:])
    harness.require(node=False)
    harness.private_network()
    with harness.Workspace("hostile") as place:
        return harness.report("hostile input", run(place, sys.argv[1:]))


if __name__ == "__main__":
    sys.exit(main())
