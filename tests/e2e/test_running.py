#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""record -p and -a: processes that run already, in containers, with libraries that are gone; crowds of short ones."""
import glob
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import apis
import compare
import harness

HERE = pathlib.Path(__file__).resolve().parent


class Client:
    """patient.py, perhaps through `prefix`, with the environment `env`."""

    def __init__(self, place, models, prefix=(), env=None):
        self.place = place / "client"
        self.place.mkdir()
        self.process = subprocess.Popen([*prefix, sys.executable, HERE / "patient.py", place / "server", self.place, *models],
                                        env={**os.environ, **(env or {})})
        self.wait("ready")

    def wait(self, name):
        harness.wait_until((self.place / name).exists, 30, name)

    def go(self, model, until="done"):
        (self.place / f"{model}.go").touch()
        self.wait(f"{model}.{until}")

    def end(self):
        return self.process.wait(timeout=30)


class Recorder:
    """tokprof record without a command."""

    def __init__(self, place, *options):
        self.recording = place / "run.tokrec"
        self.log = place / "log"
        self.process = subprocess.Popen([harness.TOKPROF, "record", "--debug", "-o", self.recording, *map(str, options)],
                                        stdin=subprocess.DEVNULL, stderr=self.log.open("w"))
        harness.wait_until(lambda: "openssl" in self.log.read_text() and self.recording.exists() or self.process.poll() is not None, 30, "the probes")
        time.sleep(0.5)  # the last of the files are looked at

    def end(self, signal_number=None):
        if signal_number:
            self.process.send_signal(signal_number)
        status = self.process.wait(timeout=30)
        if status:
            yield f"tokprof ended with {status}: {self.log.read_text()[-1000:]}"

    def rows(self, models=None):
        return [r for r in harness.calls(self.recording) if models is None or r["model"] in models]


def only(truth, *models):
    return [line for line in truth if line.get("model") in models]


def in_mid_connection(place, server):
    """The connection is open and has carried a call; the recording ends with the process."""
    client = Client(place, ["early", "late-1", "late-2"])
    client.go("early")
    recorder = Recorder(place, "-p", client.process.pid)
    client.go("late-1")
    client.go("late-2")
    client.end()
    yield from recorder.end()
    yield from compare.exact(recorder.rows(), only(server.truth(), "late-1", "late-2"))


def in_mid_answer(place, server):
    client = Client(place, ["slow", "late"])
    client.go("slow", "begun")
    recorder = Recorder(place, "-p", client.process.pid)
    client.wait("slow.done")
    client.go("late")
    client.end()
    yield from recorder.end()
    yield from compare.exact(recorder.rows(["late"]), only(server.truth(), "late"))
    for row in recorder.rows():
        if row["model"] != "late" and row["complete"]:
            yield f"a call of which the request was not seen says complete: {row}"


def until_interrupted(place, server):
    """SIGINT writes the recording; the processes go on. The one that calls is a child, forked before."""
    prefix = ["sh", "-c", '"$@"; exit $?', "sh"]
    client = Client(place, ["late", "after"], prefix)
    recorder = Recorder(place, "-p", client.process.pid)
    client.go("late")
    yield from recorder.end(signal.SIGINT)
    client.go("after")
    if client.end():
        yield "the process was harmed"
    yield from compare.exact(recorder.rows(), only(server.truth(), "late"))


def own_library(place):
    library = glob.glob("/usr/lib/*/libssl.so.3") + glob.glob("/usr/lib*/libssl.so.3")
    if not library:
        harness.skip("needs libssl.so.3")
    own = place / "lib"
    own.mkdir()
    for name in ("libssl.so.3", "libcrypto.so.3"):
        shutil.copy(os.path.join(os.path.dirname(library[0]), name), own)
    return own


def deleted_library(place, server):
    """Its libssl was replaced by another file while it ran."""
    own = own_library(place)
    client = Client(place, ["early", "late"], env={"LD_LIBRARY_PATH": str(own)})
    client.go("early")
    os.unlink(own / "libssl.so.3")
    (own / "libssl.so.3").write_text("another file")
    recorder = Recorder(place, "-p", client.process.pid)
    client.go("late")
    client.end()
    yield from recorder.end()
    yield from compare.exact(recorder.rows(), only(server.truth(), "late"))


def container(place, server):
    """Another root, another PID namespace, a libssl of its own on a file system that only the container has."""
    own = own_library(place)
    script = f"""
        set -e; root={place}/root; mkdir -p $root; mount -t tmpfs none $root
        for d in /usr /etc /tmp /proc /dev {sys.base_prefix} {harness.ROOT}; do [ -d $d ] || continue; mkdir -p $root$d; mount --rbind $d $root$d; done
        for d in /bin /sbin /lib /lib64; do [ ! -h $d ] || cp -a $d $root$d; done
        mkdir -p $root/own; cp {own}/* $root/own
        exec env LD_LIBRARY_PATH=/own chroot $root "$@" """
    client = Client(place, ["early", "late"], [*harness.NEW_PIDS, "sh", "-c", script, "sh"])
    client.go("early")
    recorder = Recorder(place, "-p", client.process.pid)
    client.go("late")
    client.end()
    yield from recorder.end()
    yield from compare.exact(recorder.rows(), only(server.truth(), "late"))


def crowd(place, server):
    """500 children of a shell loop, one call each."""
    call = {"api": apis.CHAT, "stream": True, "model": "crowd"}
    (place / "body").write_bytes(apis.body_of(call))
    url = server.ready["https"] + apis.path_of(call)
    loop = (f'i=0; while [ $i -lt 500 ]; do curl -sS --http1.1 -o /dev/null --cacert {server.ready["ca"]} '
            f'--data-binary @{place}/body -H "Content-Type: application/json" {url} || exit 1; i=$((i+1)); done')
    done = harness.record(place / "run.tokrec", ["sh", "-c", loop])
    rows = harness.calls(place / "run.tokrec")
    if done.returncode or len(rows) != 500 or len({row["pid"] for row in rows}) != 500:
        yield f"{len(rows)} calls of {len({row['pid'] for row in rows})} processes, status {done.returncode}: {done.stderr[-500:]}"
    yield from compare.exact(rows, server.truth())


def everything(place, server):
    """-a: what runs, and what comes. In a PID namespace of its own, so that others' processes stay alone."""
    client = Client(place, ["late"])
    recorder = Recorder(place, "-a")
    client.go("late")
    client.end()
    (place / "client").rename(place / "first")
    other = Client(place, ["new"])
    other.go("new")
    other.end()
    yield from recorder.end(signal.SIGINT)
    wanted = only(server.truth(), "late", "new")
    if len(wanted) != 2:
        yield "the test did not test"
    yield from compare.exact(recorder.rows(["late", "new"]), wanted)


def refusals(place, server):
    for options, word in ((["-p", "999999999"], "none"), (["-p", "x"], "process id"), (["-p", "0"], "process id")):
        done = subprocess.run([harness.TOKPROF, "record", "-o", place / "no.tokrec", *options], stderr=subprocess.PIPE, text=True)
        if done.returncode != 125 or word not in done.stderr:
            yield f"record {options}: status {done.returncode}, {done.stderr!r}"


def run(checks):
    status = 0
    for check in checks:
        with harness.Workspace("running") as place, harness.Server(place / "server") as server:
            status |= harness.report(check.__name__, list(check(place, server)))
    return status


def main():
    harness.require()
    for program in ("unshare", "curl", "chroot"):
        if not shutil.which(program):
            harness.skip(f"needs {program}")
    if sys.argv[1:] == ["everything"]:
        return run([everything])
    harness.private_network()
    checks = (in_mid_connection, in_mid_answer, until_interrupted, deleted_library, container, refusals, crowd)
    if sys.argv[1:]:
        checks = [check for check in checks if check.__name__ in sys.argv[1:]]
    return run(checks) | (0 if sys.argv[1:] else subprocess.run([*harness.NEW_PIDS, sys.executable, os.path.abspath(__file__), "everything"]).returncode)


if __name__ == "__main__":
    sys.exit(main())
