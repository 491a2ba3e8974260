#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kill -9 of tokprof in mid-run: the watched program finishes unharmed, no probe stays, the recording is readable."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import apis
import compare
import harness


def bpf_objects():
    """Ids of the BPF programs and links that are loaded now."""
    bpftool = shutil.which("bpftool") or "/usr/sbin/bpftool"
    if not os.path.exists(bpftool):
        harness.skip("needs bpftool")
    found = set()
    for kind in ("prog", "link"):
        done = subprocess.run([bpftool, "-j", kind, "list"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        found |= {(kind, item["id"]) for item in json.loads(done.stdout or b"[]")}
    return found


def ours(root):
    """Process ids of tokprof's programs under `root`."""
    parents = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
    tree = [root]
    for pid in tree:
        tree += [child for child, parent in parents.items() if parent == pid]
    return [pid for pid in tree if os.path.realpath(f"/proc/{pid}/exe").startswith(str(harness.BIN.resolve()))]


def held(pids):
    """Those of them that these processes hold open (proc_pid_fdinfo(5)): other recordings may run beside."""
    found = set()
    for info in (path for pid in pids for path in pathlib.Path(f"/proc/{pid}/fdinfo").glob("*")):
        try:
            fields = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
        except OSError:
            continue
        found |= {(kind, int(fields[kind + "_id"])) for kind in ("link", "prog") if kind + "_id" in fields}
    return found


def main():
    harness.require()
    harness.private_network()
    with harness.Workspace("killed") as place, harness.Server(place / "server") as server:
        plan = [{"api": apis.ALL[i % 4], "stream": True, "model": f"m-{i}", "script": {"delay_ms": 20}} for i in range(60)]
        (place / "plan.json").write_text(json.dumps(plan))
        driver = f"{sys.executable} {harness.ROOT}/tests/e2e/driver.py {place}/server {place}/plan.json 2; echo $? > {place}/status"
        recorder = subprocess.Popen([harness.TOKPROF, "record", "-o", place / "run.tokrec", "--", "sh", "-c", driver],
                                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        harness.wait_until(lambda: len(server.truth()) >= 30, 60, "half of the calls")
        during = held(ours(recorder.pid)) & bpf_objects()
        for pid in ours(recorder.pid):
            os.kill(pid, signal.SIGKILL)
        recorder.wait()
        harness.wait_until((place / "status").exists, 60, "the end of the driver")
        harness.wait_until(lambda: (place / "status").read_text().strip(), 10, "its status")
        problems = []
        if not during:
            problems.append("no probe was there before the kill: the test did not test")
        status = (place / "status").read_text().strip()
        if status != "0" or len(server.truth()) != len(plan):
            problems.append(f"the driver was harmed: status {status}, {len(server.truth())} of {len(plan)} calls")
        try:  # links go when the kernel has run the last reader's grace period
            harness.wait_until(lambda: not during & bpf_objects(), 10, "the probes to go")
        except RuntimeError as error:
            problems.append(f"{error}: {sorted(during & bpf_objects())}")
        rows = harness.calls(place / "run.tokrec")
        problems += [p for p in compare.exact_or_incomplete(rows, server.truth())]
        if not rows:
            problems.append("the recording has no call, though 30 had ended")
        return harness.report(f"killed: {len(rows)} calls in the recording", problems)


if __name__ == "__main__":
    sys.exit(main())
