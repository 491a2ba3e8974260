#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `record` promises to the command that it runs: status, streams, signals, and the user under sudo."""
import json
import os
import pwd
import signal
import subprocess
import sys

import harness
import recording


def statuses(place):
    cases = [(["sh", "-c", "exit 0"], 0), (["sh", "-c", "exit 3"], 3), (["sh", "-c", "kill -TERM $$"], 128 + 15),
             (["/nonexistent/program"], 127), ([str(place)], 126)]
    for command, wanted in cases:
        got = harness.record(place / "s.tokrec", command).returncode
        if got != wanted:
            yield f"{' '.join(command)}: status {got}, should be {wanted}"


def streams(place):
    command = [harness.TOKPROF, "record", "-o", place / "t.tokrec", "--", "sh", "-c", "cat; echo warn >&2"]
    done = subprocess.run(command, input=b"in\0put", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.stdout != b"in\0put":
        yield f"standard output was changed: {done.stdout!r}"
    if b"warn\n" not in done.stderr or b"tokprof: 0 calls" not in done.stderr:
        yield f"standard error: {done.stderr!r}"


def signals(place):
    script = f"trap 'echo got it > {place}/trapped; exit 5' INT TERM; touch {place}/started; while :; do sleep 0.1; done"
    process = subprocess.Popen([harness.TOKPROF, "record", "-o", place / "u.tokrec", "--", "sh", "-c", script], stderr=subprocess.DEVNULL)
    harness.wait_until((place / "started").exists, 30, "the command's start")
    process.send_signal(signal.SIGTERM)
    status = process.wait(timeout=30)
    if status != 5 or not (place / "trapped").exists():
        yield f"SIGTERM did not reach the command: status {status}"


def sudo_user(place):
    user = pwd.getpwnam("nobody")
    mine = place / "nobody"
    mine.mkdir()
    os.chown(mine, user.pw_uid, user.pw_gid)
    os.chmod(place, 0o755)
    env = {**os.environ, "SUDO_UID": str(user.pw_uid), "SUDO_GID": str(user.pw_gid), "SUDO_USER": user.pw_name,
           "TOKPROF_KEY_FILE": str(mine / "key")}
    done = harness.record(mine / "v.tokrec", ["sh", "-c", "id -u; id -g; id -G; grep CapEff /proc/self/status"], env=env, cwd=mine)
    said = done.stdout.split("\n")
    if said[:2] != [str(user.pw_uid), str(user.pw_gid)] or "0" in said[2].split() or not said[3].endswith("0" * 16):
        yield f"under sudo the command ran as: {done.stdout!r} {done.stderr!r}"
    for path in mine.iterdir():
        owner = path.stat()
        if (owner.st_uid, owner.st_gid) != (user.pw_uid, user.pw_gid):
            yield f"under sudo {path.name} belongs to {owner.st_uid}:{owner.st_gid}"


def kernel_paths(place):
    """The recording says which newer features of the kernel it used; with the switch, none."""
    listed = subprocess.run([harness.TOKPROF, "targets", "--kernel", "--format", "json"], stdout=subprocess.PIPE)
    features = json.loads(listed.stdout)
    if listed.returncode or not all(f["here"] for f in features if f["needed"]):
        yield f"targets --kernel: status {listed.returncode}, {features}"
    newer = [f["feature"] for f in features if f["here"] and not f["needed"] and tuple(map(int, f["since"].split("."))) > (5, 15)]
    oldest = {"TOKPROF_KERNEL": "5.15"}
    asked = bool(os.environ.get("TOKPROF_KERNEL"))
    for options, variables, used, old in (([], {}, newer, asked), (["--oldest-kernel"], {}, [], True), ([], oldest, [], True)):
        done = harness.record(place / "k.tokrec", ["true"], options, env={**os.environ, **variables})
        start = next(e for e in recording.events(place / "k.tokrec") if e["k"] == "meta" and e["what"] == "start")
        if done.returncode or start.get("feat") != used or start.get("old") != old:
            yield f"{options} {variables}: status {done.returncode}, {start.get('feat')}, {start.get('old')}, should be {used}, {old}"
    done = harness.record(place / "k.tokrec", ["true"], env={**os.environ, "TOKPROF_KERNEL": "4.1"})
    if done.returncode != 125 or "TOKPROF_KERNEL" not in done.stderr:
        yield f"TOKPROF_KERNEL=4.1: status {done.returncode}, {done.stderr!r}"


def main():
    harness.require(node=False)
    with harness.Workspace("record") as place:
        problems = [p for check in (statuses, streams, signals, sudo_user, kernel_paths) for p in check(place)]
        return harness.report("record", problems)


if __name__ == "__main__":
    sys.exit(main())
