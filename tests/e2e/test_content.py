#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""No content at rest: canaries sent everywhere are in nothing that tokprof wrote or said; with --content, texts are."""
import json
import os
import sys

import apis
import harness
import recording

TEXTS = ("prompt", "result", "answer", "argument")
ALL = TEXTS + ("query", "user", "command")


def canaries():
    return {name: f"canary{name}{os.urandom(6).hex()}" for name in ALL}


def plan_with(canary):
    """One call for each API and form, with a canary in each place that can hold one."""
    return [{"api": api, "stream": stream, "model": f"m-{api}", "tools": True, "text": "a " + canary["prompt"], "user": canary["user"],
             "result": canary["result"] + " r", "argument": "/" + canary["argument"], "query": {"q": canary["query"]},
             "script": {"answer_text": "Well, " + canary["answer"]}} for api in apis.ALL for stream in (False, True)]


def written(place):
    """(name, bytes) of all files under `place`; of recordings, what is in them too."""
    for root, _, files in os.walk(place):
        for name in files:
            path = os.path.join(root, name)
            with open(path, "rb") as file:
                yield path, file.read()
            if name.endswith(".tokrec"):
                yield path + " (decoded)", recording.plain(path)


def said(path):
    """(command, bytes) of all that tokprof can say about a recording."""
    import subprocess
    for command in ("calls", "report", "tree"):
        for form in ("table", "json", "csv"):
            done = subprocess.run([harness.TOKPROF, command, "--format", form, path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            yield f"tokprof {command} --format {form}", done.stdout


def one(place, options):
    """Records a run with canaries; returns them with where each was found, and what the driver had to say."""
    canary = canaries()
    mine = place / "tokprof"
    mine.mkdir(parents=True)
    with harness.Server(place / "server"):
        (place / "plan.json").write_text(json.dumps(plan_with(canary)))
        driver = [sys.executable, harness.ROOT / "tests/e2e/driver.py", place / "server", place / "plan.json", 1, canary["command"]]
        env = {**os.environ, "HOME": str(mine), "TMPDIR": str(mine), "XDG_CONFIG_HOME": str(mine), "XDG_STATE_HOME": str(mine),
               "XDG_DATA_HOME": str(mine), "XDG_CACHE_HOME": str(mine), "XDG_RUNTIME_DIR": str(mine), "PYTHONDONTWRITEBYTECODE": "1"}
        done = harness.record(mine / "run.tokrec", driver, options, cwd=mine, env=env)
    heard = [("standard error", done.stderr.encode()), *said(mine / "run.tokrec"), *written(mine)]
    found = {name: [where for where, data in heard if text.encode() in data] for name, text in canary.items()}
    return found, len(harness.calls(mine / "run.tokrec")), done


def main():
    harness.require()
    harness.private_network()
    with harness.Workspace("content") as place:
        found, count, done = one(place / "without", ())
        problems = [f"{name} is in {', '.join(where)}" for name, where in found.items() if where]
        problems += [f"--content: {name} is nowhere" for name, where in one(place / "with", ("--content",))[0].items()
                     if name in TEXTS and not where]
        if count != 8 or done.returncode:
            problems.append(f"{count} calls instead of 8, status {done.returncode}: {done.stderr[-800:]}")
        return harness.report("content", problems)


if __name__ == "__main__":
    sys.exit(main())
