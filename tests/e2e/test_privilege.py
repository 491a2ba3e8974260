#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who holds what while a recording runs: three processes, seen from outside; what happens when one of them is killed; and
recordings by a user who has three capabilities and no more."""
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import time

import apis
import compare
import harness
import recording

PROBING = (1 << 39) | (1 << 38) | (1 << 19)  # CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE (linux/capability.h)
USER = pwd.getpwnam("nobody")  # on every machine; it has no home
UID, GID = USER.pw_uid, USER.pw_gid
OWN = 'grep -E "^(Cap|NoNewPrivs|Seccomp:)" /proc/self/status'


def status_of(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, value in (line.split(":", 1) for line in lines)}


def parts_of(recorder):
    """Process ids of attacher, parser and locator, by their names."""
    found = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            head, tail = stat.read_text().rsplit(")", 1)
        except OSError:
            continue
        pid, comm = head.split(" (", 1)
        if int(pid) == recorder or int(tail.split()[1]) == recorder:
            name = {"tokprof-parser": "parser", "tokprof-locator": "locator"}.get(comm)
            found.update({name: int(pid)} if name else {})
    return {**found, "attacher": recorder}


class Recorder:
    """tokprof record with a script that makes calls; `go` begins them."""

    def __init__(self, place, script, prefix=(), tokprof=harness.TOKPROF, env=None):
        self.recording, self.log, self.place = place / "run.tokrec", place / "log", place
        command = [*prefix, tokprof, "record", "-o", self.recording, "--", "sh", "-c", script]
        self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=place,
                                        stderr=self.log.open("w"), env={**os.environ, **(env or {})})
        harness.wait_until((place / "begun").exists, 60, "the command's start")

    def end(self):
        return self.process.wait(timeout=120), self.log.read_text()


def curl(place, server, model, library=None):
    """A script's line that makes one call; with a libssl of its own in `library`."""
    call = {"api": apis.CHAT, "stream": True, "model": model}
    body = place / f"{model}.json"
    body.write_bytes(apis.body_of(call))
    body.chmod(0o644)
    path = f"LD_LIBRARY_PATH={library} " if library else ""
    return (f"{path}curl -sS --http1.1 -o /dev/null --cacert {server.ready['ca']} --data-binary @{body} "
            f"-H 'Content-Type: application/json' {server.ready['https']}{apis.path_of(call)}")


def waits_for(place, name):
    return f"while [ ! -e {place}/{name} ]; do sleep 0.05; done"


def three_processes(place, server):
    """The least that each of them needs; all of it while real calls go on."""
    script = f"touch begun; {curl(place, server, 'one')}; {waits_for(place, 'go')}; {curl(place, server, 'two')}"
    recorder = Recorder(place, script)
    harness.wait_until(lambda: len(server.truth()) == 1, 30, "the first call")
    parts = parts_of(recorder.process.pid)
    if len(parts) != 3:
        yield f"processes: {parts}"
    for name, pid in parts.items():
        status = status_of(pid)
        capabilities = [int(status["Cap" + s], 16) for s in ("Prm", "Eff", "Inh", "Amb")]
        wanted = [PROBING, PROBING, 0, 0] if name == "attacher" else [0, 0, 0, 0]
        if capabilities != wanted or int(status["CapBnd"], 16) != 0 or status["NoNewPrivs"] != "1":
            yield f"{name}: capabilities {[hex(c) for c in capabilities]}, {status}"
        if name != "attacher" and status["Seccomp"] != "2":
            yield f"{name}: seccomp {status['Seccomp']}"
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
        if not any(line.split()[:5] == ["Max", "core", "file", "size", "0"] for line in limits.splitlines()):
            yield f"{name}: may dump core"
    links = {name: sum("link_id" in info.read_text() for info in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir()) for name, pid in parts.items()}
    if not links["attacher"] or links["parser"] or links["locator"]:
        yield f"probes are held by {links}"
    (place / "go").touch()
    status, said = recorder.end()
    if status:
        yield f"status {status}: {said}"
    yield from compare.exact(harness.calls(recorder.recording), server.truth())


def command_keeps_its_own(place, server):
    """What it sees of itself under tokprof is what it sees without."""
    for prefix in ([], as_user(["cap_net_raw", "cap_bpf", "cap_perfmon", "cap_sys_ptrace"])):
        alone = subprocess.run([*prefix, "sh", "-c", OWN], stdout=subprocess.PIPE, text=True).stdout
        mine = user_directory(place, f"own-{len(prefix)}")
        done = subprocess.run([*prefix, *map(str, [program(place), "record", "-o", mine / "own.tokrec", "--", "sh", "-c", OWN])],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "HOME": str(mine)})
        if done.returncode or done.stdout != alone or "NoNewPrivs:\t0\nSeccomp:\t0\n" not in done.stdout:
            yield f"{prefix}: alone {alone!r}, recorded {done.stdout!r}, {done.stderr}"


def killed_parser(place, server):
    script = f"touch begun; {curl(place, server, 'one')}; {waits_for(place, 'go')}; {curl(place, server, 'two')} && echo fine > fine; exit 3"
    recorder = Recorder(place, script)
    harness.wait_until(lambda: len(server.truth()) == 1, 30, "the first call")
    time.sleep(0.6)  # a frame is written each 250 ms
    os.kill(parts_of(recorder.process.pid)["parser"], signal.SIGKILL)
    harness.wait_until(lambda: "parser" in recorder.log.read_text(), 10, "a word about it")
    (place / "go").touch()
    status, said = recorder.end()
    if status != 125 or said.count("\n") != 1 or "killed by signal 9" not in said:
        yield f"status {status}, should be 125: {said!r}"
    if not (place / "fine").exists() or len(server.truth()) != 2:
        yield "the command was harmed"
    yield from compare.exact_or_incomplete(harness.calls(recorder.recording), server.truth())


def killed_attacher(place, server):
    """The probes go, and the parser ends the recording properly."""
    script = f"touch begun; {curl(place, server, 'one')}; {waits_for(place, 'go')}; {curl(place, server, 'two')}; echo fine > fine"
    recorder = Recorder(place, script)
    harness.wait_until(lambda: len(server.truth()) == 1, 30, "the first call")
    parts = parts_of(recorder.process.pid)
    recorder.process.kill()
    recorder.process.wait()
    gone = lambda name: not os.path.exists(f"/proc/{parts[name]}")
    harness.wait_until(lambda: gone("parser") and gone("locator"), 20, "the end of the others")
    (place / "go").touch()
    harness.wait_until((place / "fine").exists, 30, "the command's end")
    ends = [e for e in recording.events(recorder.recording) if e["k"] == "meta" and e["what"] == "end"]
    losses = [e for e in recording.events(recorder.recording) if e["k"] == "loss" and e["where"] == "attacher"]
    if len(ends) != 1 or len(losses) != 1:
        yield f"{len(ends)} closing events, {len(losses)} losses of the attacher: {recorder.log.read_text()}"
    yield from compare.exact(harness.calls(recorder.recording), [line for line in server.truth() if line["model"] == "one"])


def killed_locator(place, server):
    """Over one file: that file is refused, by name and reason; the next one is looked into by another locator."""
    script = "touch begun; "
    for model in ("one", "two", "three"):
        (place / model).mkdir()
        for name in ("libssl.so.3", "libcrypto.so.3"):
            shutil.copy(library(name), place / model)
        script += f"{waits_for(place, model + '.go')}; {curl(place, server, model, place / model)}; "
    # The first use of a library may be over before its probes are there; this is the second of that one.
    script += f"sleep 1; {curl(place, server, 'four', place / 'three')}; "
    recorder = Recorder(place, script)
    time.sleep(0.5)  # it has nothing to do by then
    os.kill(parts_of(recorder.process.pid)["locator"], signal.SIGKILL)
    calls_made = lambda n: harness.wait_until(lambda: len(server.truth()) == n, 30, f"call {n}")
    (place / "one.go").touch()
    calls_made(1)
    os.kill(parts_of(recorder.process.pid)["locator"], signal.SIGSTOP)
    (place / "two.go").touch()
    calls_made(2)
    os.kill(parts_of(recorder.process.pid)["locator"], signal.SIGKILL)
    harness.wait_until(lambda: "cannot be probed" in recorder.log.read_text(), 10, "a word about it")
    time.sleep(0.5)
    (place / "three.go").touch()
    status, said = recorder.end()
    refused = [e for e in recording.events(recorder.recording) if e["k"] == "meta" and e["what"] == "target" and e.get("err")]
    if status or len(refused) != 1 or "killed by signal 9" not in refused[0]["err"] or "killed by signal 9" not in said:
        yield f"status {status}, refused {refused}, said {said!r}"
    models = [row["model"] for row in harness.calls(recorder.recording)]
    if "four" not in models or "two" in models:
        yield f"calls of {models}"


def library(name):
    for directory in ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/lib64", "/usr/lib"):
        if os.path.exists(f"{directory}/{name}"):
            return f"{directory}/{name}"
    return harness.skip(f"needs {name}")


def as_user(capabilities):
    """Runs what follows as a plain user with these, as login tools grant them."""
    names = ",".join("+" + c.removeprefix("cap_") for c in capabilities)
    return ["setpriv", "--reuid", str(UID), "--regid", str(GID), "--clear-groups", "--inh-caps", names, "--ambient-caps", names]


def user_directory(place, name):
    mine = place / name
    mine.mkdir()
    os.chown(mine, UID, GID)
    place.chmod(0o755)
    return mine


def program(place):
    """The programs where everyone may run them."""
    own = place / "bin"
    if not own.exists():
        own.mkdir()
        for name in ("tokprof", "tokprof-record"):
            shutil.copy(harness.BIN / name, own / name)
        place.chmod(0o755)
    return own / "tokprof"


def user_records(place, server, prefix, tokprof, uid=UID, env=None):
    mine = user_directory(place, "mine")
    for path in (place / "server", place / "server/ready.json", pathlib.Path(server.ready["ca"])):
        path.chmod(0o755)
    calls_line = "; ".join(curl(place, server, f"call-{i}") for i in range(5))
    recorder = Recorder(mine, f"touch begun; {calls_line}; {waits_for(mine, 'go')}", prefix, tokprof, {"HOME": str(mine), "TOKPROF_KEY_FILE": str(mine / "key"), **(env or {})})
    harness.wait_until(lambda: len(server.truth()) == 5, 30, "the calls")
    for name, pid in parts_of(recorder.process.pid).items():
        status = status_of(pid)
        wanted = PROBING if name == "attacher" else 0
        if int(status["CapPrm"], 16) != wanted or status["Uid"].split() != [str(uid)] * 4:
            yield f"{name}: {status['CapPrm']}, uid {status['Uid']}"
    (mine / "go").touch()
    status, said = recorder.end()
    if status or recorder.recording.stat().st_uid != UID:
        yield f"status {status}: {said}"
    yield from compare.exact(harness.calls(recorder.recording), server.truth())


def user_with_ambient_capabilities(place, server):
    yield from user_records(place, server, as_user(["cap_bpf", "cap_perfmon", "cap_sys_ptrace"]), program(place))


def user_with_file_capabilities(place, server):
    if not shutil.which("setcap"):
        return
    tokprof = program(place)
    subprocess.run(["setcap", "cap_bpf,cap_perfmon,cap_sys_ptrace+ep", str(tokprof) + "-record"], check=True)
    yield from user_records(place, server, ["setpriv", "--reuid", str(UID), "--regid", str(GID), "--clear-groups"], tokprof)


def user_behind_sudo(place, server):
    yield from user_records(place, server, [], harness.TOKPROF, env={"SUDO_UID": str(UID), "SUDO_GID": str(GID)})


def main():
    harness.require()
    for name in ("curl", "setpriv"):
        if not shutil.which(name):
            harness.skip(f"needs {name}")
    harness.private_network()
    status = 0
    checks = (three_processes, command_keeps_its_own, killed_parser, killed_attacher, killed_locator, user_with_ambient_capabilities,
              user_with_file_capabilities, user_behind_sudo)
    for check in checks:
        if sys.argv[1:] and check.__name__ not in sys.argv[1:]:
            continue
        with harness.Workspace("privilege") as place, harness.Server(place / "server") as server:
            status |= harness.report(check.__name__, list(check(place, server)))
    return status


if __name__ == "__main__":
    sys.exit(main())
