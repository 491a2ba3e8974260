#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tokprof targets: each process and stack, how sure, attachable or why not."""
import json
import subprocess
import sys

import harness


def targets(*options):
    done = subprocess.run([harness.TOKPROF, "targets", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return done.returncode, done.stdout, done.stderr


def findings():
    code = "import ssl, sys; print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client, \
            subprocess.Popen(["sleep", "60"]) as other:
        client.stdout.readline()
        status, out, err = targets("-p", str(client.pid), "-p", str(other.pid), "--format", "json")
        rows = json.loads(out)
        mine = [r for r in rows if r["pid"] == client.pid and r["stack"] == "openssl"]
        if status or len(mine) != 1 or not mine[0]["attachable"] or mine[0]["confidence"] < 80 or mine[0]["reason"] is not None:
            yield f"a process with OpenSSL: status {status}, {out} {err}"
        none = [r for r in rows if r["pid"] == other.pid]
        if len(none) != 1 or none[0]["attachable"] or none[0]["stack"] is not None or not none[0]["reason"]:
            yield f"a process without TLS: {none}"
        status, out, err = targets()
        if status or not any(line.split()[:1] == [str(client.pid)] and line.endswith("yes") for line in out.splitlines()):
            yield f"the table of all processes: status {status}, {out[:2000]} {err}"
        client.stdin.close()
        other.kill()


def refusals():
    for options in (["-p", "999999999"], ["-p", "x"], ["--format", "csv"], ["more"]):
        status, _, err = targets(*options)
        if status != 2 or not err:
            yield f"targets {options}: status {status}, {err!r}"


def main():
    harness.require(node=False)
    return harness.report("targets", [*findings(), *refusals()])


if __name__ == "__main__":
    sys.exit(main())
