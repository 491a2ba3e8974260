# SPDX-License-Identifier: MIT
"""What the end-to-end tests share: a private network, the scripted server, tokprof, skipping."""
import ctypes
import fcntl
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVER = ROOT / "tests/support/llm-server/server.js"
BIN = pathlib.Path(os.environ.get("TOKPROF_BIN_DIR", ROOT / "build/dev/bin"))
TOKPROF = BIN / "tokprof"
SKIPPED = 77
# A PID namespace with its own /proc. unshare's --mount-proc would first make / private, which fails in a chroot.
NEW_PIDS = ["unshare", "--mount", "--propagation", "unchanged", "--pid", "--fork", "sh", "-c",
            'mount --make-rprivate / 2>/dev/null || mount --make-rprivate /proc && mount -t proc proc /proc && exec "$@"', "sh"]
problems_seen = []  # of all reports so far
SLOWNESS = float(os.environ.get("TOKPROF_TEST_SLOWNESS", 1))  # of an emulated machine: waits are so many times longer


def skip(reason):
    print("skipped:", reason)
    sys.exit(SKIPPED)


def require(root=True, node=True, tokprof=True):
    """Skips, with the reason, where the machine cannot do what the test needs."""
    if root and os.geteuid() != 0:
        skip("needs root: it loads BPF programs and makes a network namespace")
    if node and not node_program():
        skip("needs node 18 or newer")
    if not shutil.which("openssl"):
        skip("needs the openssl program")
    if tokprof and not (TOKPROF.exists() and (BIN / "tokprof-record").exists()):
        skip(f"needs tokprof and tokprof-record in {BIN}")


def node_program():
    return os.environ.get("TOKPROF_TEST_NODE") or shutil.which("node")


def private_network():
    """Moves this process, and all that it starts, into a network that has only a loopback interface."""
    CLONE_NEWNET, SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x40000000, 0x8913, 0x8914, 1
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        skip("cannot make a network namespace: " + os.strerror(ctypes.get_errno()))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        name, flags = struct.unpack("16sh", fcntl.ioctl(s, SIOCGIFFLAGS, struct.pack("16sh", b"lo", 0)))
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sh", name, flags | IFF_UP))


class Workspace:
    """A directory that goes when the test passes (TOKPROF_KEEP=1 keeps it) and stays where it fails."""

    def __init__(self, name):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix=f"tokprof-{name}-"))

    def __enter__(self):
        self.before = len(problems_seen)
        return self.path

    def __exit__(self, kind, *_):
        if kind is None and len(problems_seen) == self.before and not os.environ.get("TOKPROF_KEEP"):
            shutil.rmtree(self.path, ignore_errors=True)
        else:
            print("kept:", self.path)


class Server:
    """The scripted server; `truth()` is what it says happened."""

    def __init__(self, directory, scenario=None, workdir=None):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir(parents=True, exist_ok=True)
        command = [node_program(), str(SERVER), "--dir", str(self.dir)]
        if scenario is not None:
            path = self.dir / "scenario.json"
            path.write_text(json.dumps(scenario))
            command += ["--scenario", str(path)]
        if workdir:
            command += ["--workdir", str(workdir)]
        self.process = subprocess.Popen(command)
        ready = self.dir / "ready.json"
        deadline = time.monotonic() + 30 * SLOWNESS
        while not ready.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the scripted server did not start")
            time.sleep(0.02)
        self.ready = json.loads(ready.read_text())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def truth(self):
        """All requests so far, in the order of their starts."""
        log = self.dir / "truth.jsonl"
        lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return sorted(lines, key=lambda line: line["n"])

    def forget(self):
        """Begins the log anew, for another run against the same server."""
        os.truncate(self.dir / "truth.jsonl", 0)


def record(recording, command, options=(), **kwargs):
    """Runs `command` under tokprof record; returns the finished process with standard error as text."""
    full = [str(TOKPROF), "record", "-o", str(recording), *options, "--", *map(str, command)]
    kwargs.setdefault("timeout", 900 * SLOWNESS)
    return subprocess.run(full, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", **kwargs)


def calls(recording):
    done = subprocess.run([str(TOKPROF), "calls", "--format", "json", str(recording)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise RuntimeError(f"tokprof calls: status {done.returncode}: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]


def wait_until(condition, seconds, what):
    deadline = time.monotonic() + seconds * SLOWNESS
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.02)


def report(what, problems):
    """Prints the finding; returns the exit status. Long lists are cut."""
    problems_seen.extend(problems)
    for problem in problems[:40]:
        print("  " + problem)
    if len(problems) > 40:
        print(f"  ... and {len(problems) - 40} more")
    print(f"{what}: {'ok' if not problems else f'{len(problems)} problems'}", flush=True)
    return 1 if problems else 0
