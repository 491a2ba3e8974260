#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Agents whose TLS is inside an executable without symbols, releases months apart, over https: every call found, none
invented, all numbers equal to the referee's.

test_stripped.py [NAME...]    NAME as in the table below; TOKPROF_E2E_RUNS: runs of each (default 1)
"""
import os
import sys

import agents
import compare
import harness
import recording


def opencode(server, home, model):
    provider = {"npm": "@ai-sdk/openai-compatible", "name": "scripted",
                "options": {"baseURL": server["https"] + "/v1", "apiKey": "dummy"}, "models": {model: {"name": model}}}
    agents.write(home / ".config/opencode/opencode.json", {"provider": {"scripted": provider}, "autoupdate": False, "share": "disabled"})
    env = {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
           "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1"}
    return env, ["run", "-m", "scripted/" + model, agents.PROMPT]


def claude(server, home, model):
    env = {"ANTHROPIC_BASE_URL": server["https"], "ANTHROPIC_API_KEY": "dummy", "DISABLE_AUTOUPDATER": "1",
           "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "IS_SANDBOX": "1"}
    return env, ["-p", "--dangerously-skip-permissions", "--model", model, agents.PROMPT]


def codex(server, home, model):
    config = home / ".codex/config.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(f'model = "{model}"\nmodel_provider = "scripted"\n[model_providers.scripted]\nname = "scripted"\n'
                      f'base_url = "{server["https"]}/v1"\nenv_key = "SCRIPTED_KEY"\nwire_api = "responses"\n')
    env = {"SCRIPTED_KEY": "dummy", "SSL_CERT_FILE": server["ca"], "CODEX_CA_CERTIFICATE": server["ca"]}
    return env, ["exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", agents.PROMPT]


def codex_websocket(server, home, model):
    env, args = codex(server, home, model)
    with (home / ".codex/config.toml").open("a") as config:
        config.write("supports_websockets = true\n")
    return env, args


# name: (npm package, version, program in it, how to run it, model, stack)
EXECUTABLES = {
    "opencode-1.18": ("opencode-linux-x64", "1.18.33", "opencode", opencode, "gpt-4.1", "boringssl"),
    "opencode-1.14": ("opencode-linux-x64", "1.14.34", "opencode", opencode, "gpt-4.1", "boringssl"),
    "opencode-1.0": ("opencode-linux-x64", "1.0.152", "opencode", opencode, "gpt-4.1", "boringssl"),
    "claude-2.1": ("@anthropic-ai/claude-code-linux-x64", "2.1.330", "claude", claude, "claude-sonnet-4-5", "boringssl"),
    "codex-0.169": ("@openai/codex", "0.169.0-linux-x64", "codex", codex, "gpt-5", "rustls"),
    "codex-0.169-ws": ("@openai/codex", "0.169.0-linux-x64", "codex", codex_websocket, "gpt-5", "rustls"),
    "codex-0.150-ws": ("@openai/codex", "0.150.0-linux-x64", "codex", codex_websocket, "gpt-5", "rustls"),
    "codex-0.150": ("@openai/codex", "0.150.0-linux-x64", "codex", codex, "gpt-5", "rustls"),
}


def scenario_of(how):
    """Codex has no tool to read files with but its shell."""
    steps = [{"run": "cat notes.txt"}, *agents.SCENARIO["steps"][1:]] if how in (codex, codex_websocket) else agents.SCENARIO["steps"]
    return {**agents.SCENARIO, "steps": steps, "websocket": {"deflate": True}}


def install(name):
    """Installs one release into its own folder of the cache; returns the largest file of the program's name."""
    package, version, program = EXECUTABLES[name][:3]
    folder = agents.CACHE / name.replace("-ws", "")
    if not (folder / "node_modules" / package / "package.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        print(f"installing {package}@{version} from npm into {folder}", flush=True)
        if agents.npm("install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", str(folder), f"{package}@{version}") is None:
            raise RuntimeError(f"could not install {package}@{version}: npm has said why above")
    found = [p for p in (folder / "node_modules" / package).rglob(program) if p.is_file()]
    return max(found, key=lambda p: p.stat().st_size)


def one_run(name, executable, place):
    _, _, _, how, model, stack = EXECUTABLES[name]
    home, work = place / "home", place / "work"
    for folder in (home, work):
        folder.mkdir(parents=True, exist_ok=True)
    (work / "notes.txt").write_text("one\ntwo – zwei\nthree\n")
    with harness.Server(place / "server", scenario_of(how), work) as server:
        env, args = how(server.ready, home, model)
        env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "NODE_EXTRA_CA_CERTS": server.ready["ca"], "LANG": "C.UTF-8",
               "TERM": "dumb", "NO_COLOR": "1", "CI": "1", **env}
        agents.own(place)
        done = harness.record(place / "run.tokrec", [executable, *args], env=env, cwd=work, timeout=300)
        truth = server.truth()
    count = len(compare.model_calls(truth))
    problems = compare.exact(harness.calls(place / "run.tokrec"), truth, stack)
    transports = sorted({line["http"] for line in compare.model_calls(truth)})
    wanted = {codex_websocket: ["websocket"], codex: ["2"]}.get(how)
    if wanted and transports != wanted:
        problems.append(f"the test did not test: over {transports}")
    if done.returncode or count == 0:
        problems.append(f"{count} calls; the agent ended with {done.returncode}: {done.stderr[-1500:]}")
    unbalanced, lost, end = recording.ledger(place / "run.tokrec")
    problems += unbalanced
    if lost:
        problems.append(f"lost: {end['lostby']}")
    return problems, count


def main():
    names = sys.argv[1:] or list(EXECUTABLES)
    harness.require()
    if os.uname().machine != "x86_64":
        harness.skip("needs x86-64: stripped executables of other processors are not looked into")
    os.environ["TOKPROF_CLIENTS"] = str(agents.npm_install("ws", ["8"]))
    executables = {name: install(name) for name in names}
    harness.private_network()
    status = 0
    for number in range(int(os.environ.get("TOKPROF_E2E_RUNS") or 1)):
        for name in names:
            with harness.Workspace(name) as place:
                problems, count = one_run(name, executables[name], place)
                status |= harness.report(f"{name}, run {number + 1}: {count} calls", problems)
    return status


if __name__ == "__main__":
    sys.exit(main())
