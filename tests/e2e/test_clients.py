#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Clients of all kinds and the official SDKs, all APIs, over https or plain http: each call exact.

test_clients.py https|http [CLIENT...]     test_clients.py busy (parallel, pipelined, kept and typed connections)
"""
import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import sys

import agents
import apis
import client_plans
import compare
import harness
import recording

HERE = pathlib.Path(__file__).resolve()
PACKAGES = ("undici", "openai", "@anthropic-ai/sdk", "@google/genai", "ollama", "groq-sdk", "@mistralai/mistralai",
            "@aws-sdk/client-bedrock-runtime")
SCENARIO = {"seed": 23, "defaults": {"answer_text": "Kurz gesagt – ja ✓ 是的 🙂"}, "steps": [{"read": "notes.txt"}, {"text": "Fertig."}]}


def install():
    """The packages that node and npm of this machine can use, into one folder of the cache; prints their versions."""
    folder = agents.CACHE / "clients"
    if not all((folder / "node_modules" / name / "package.json").exists() for name in PACKAGES):
        folder.mkdir(parents=True, exist_ok=True)
        print(f"installing {' '.join(PACKAGES)} from npm into {folder}", flush=True)
        if agents.npm("install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", str(folder), *PACKAGES) is None:
            raise RuntimeError("could not install the clients: npm has said why above")
    versions = {name: json.loads((folder / "node_modules" / name / "package.json").read_text())["version"] for name in PACKAGES}
    print(", ".join(f"{name} {version}" for name, version in versions.items()), flush=True)
    return folder


# ---- what is recorded: this file runs itself ----

def command_of(client, directory, plan):
    if client in client_plans.OWN_DRIVER:
        return [sys.executable, HERE.with_name("driver.py"), directory, plan, "4"]
    clients = HERE.with_name("clients")
    program = {"net_http": ["ruby", clients / "net_http.rb"], "s_client": [sys.executable, clients / "s_client.py"]}
    return [*program.get(client, [harness.node_program(), clients / f"{client}.mjs"]), directory, plan]


def play(directory, plans):
    """Runs the clients, two at a time."""
    def one(plan):
        try:
            return subprocess.run(list(map(str, command_of(plan.stem, directory, plan))), timeout=240).returncode
        except subprocess.TimeoutExpired:
            print(f"{plan.stem} hangs", file=sys.stderr)
            return 1
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return max(pool.map(one, map(pathlib.Path, plans)))


# ---- the tests ----

def run(place, plans, scheme, packages):
    """Records all clients; returns (rows, truth, problems)."""
    with harness.Server(place / "server", SCENARIO) as server:
        files = []
        for plan in plans:
            files.append(place / f"{plan.client}.json")
            files[-1].write_text(json.dumps(plan.requests(server.ready, scheme)))
        env = {**os.environ, "NODE_EXTRA_CA_CERTS": server.ready["ca"], "TOKPROF_CLIENTS": str(packages), "NODE_NO_WARNINGS": "1"}
        done = harness.record(place / "run.tokrec", [sys.executable, HERE, "--play", place / "server", *files], env=env)
        print(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "(no closing line)")
        problems = [f"a client failed: {done.stderr[-4000:]}"] if done.returncode else []
        rows, truth = harness.calls(place / "run.tokrec"), server.truth()
    unbalanced, lost, end = recording.ledger(place / "run.tokrec")
    # What the rest of the machine maps may overflow the ring for it; the watched processes are then looked at anew.
    losses = [f"told as missing: {e['where']}: {e['why']}" for e in recording.events(place / "run.tokrec")
              if e["k"] == "loss" and e["where"] != "mapping"]
    return rows, truth, problems + unbalanced + losses + ([f"lost: {end['lostby']}"] if lost else [])


def client_of(line, plans):
    return next((plan.client for plan in plans if plan.client in (line["model"] or "")), "?")


def matrix(rows, truth, plans):
    """Prints exact calls of all, by client and API; returns problems."""
    judged, invented = compare.by_call(rows, truth)
    table = {}
    for line, wrong in judged:
        cell = table.setdefault(client_of(line, plans), {}).setdefault(line["api"], [0, 0])
        cell[0] += not wrong
        cell[1] += 1
    for client, cells in table.items():
        print(f"  {client:14}" + "  ".join(f"{api} {exact}/{total}" for api, (exact, total) in sorted(cells.items())))
    problems = [f"call {line['n']} ({line['api']}, {line['model']}, {line['outcome']}): " + "; ".join(wrong)
                for line, wrong in judged if wrong]
    return problems + [f"invented: {row['api']} {row['model']} {row['path']} {row.get('usage')}" for row in invented]


def busy_plans():
    """Many calls at once over few connections; requests that don't wait; one connection for all."""
    undici = client_plans.Plan("undici", connections=16, at_once=32)
    ruby, typed = client_plans.Plan("net_http", keep=True), client_plans.Plan("s_client")
    for i in range(64):
        undici.add(apis.EVERY[i % 12], i % 12 != 5 and i % 3 > 0, {"delay_ms": 3, "usage": "mix", "split": "random"},
                   way=("request", "eager")[i % 3 == 0])
    for i in range(20):
        ruby.add(apis.EVERY[i % 12], i % 12 != 5 and i % 2 > 0, {"usage": "mix", "encoding": "accepted"})
    for i in range(24):
        typed.add(apis.EVERY[i % 12], i % 12 != 5 and i % 2 > 0, {"usage": "mix"})
    return [undici, ruby, typed]


def main():
    if sys.argv[1:2] == ["--play"]:
        return play(sys.argv[2], sys.argv[3:])
    kind, names = sys.argv[1], sys.argv[2:]
    harness.require()
    if not shutil.which("ruby"):
        harness.skip("needs ruby")
    packages = install()
    harness.private_network()
    plans = [plan for plan in (busy_plans() if kind == "busy" else client_plans.all_plans()) if not names or plan.client in names]
    if kind == "busy":
        return one_run(kind, "https", plans, packages) | one_run(kind, "http", plans, packages)
    return one_run(kind, kind, plans, packages)


def one_run(kind, scheme, plans, packages):
    if scheme == "http":  # s_client speaks TLS alone
        plans = [plan for plan in plans if plan.client != "s_client"]
    label = kind if kind == scheme else f"{kind} over {scheme}"
    with harness.Workspace(f"clients-{kind}") as place:
        rows, truth, problems = run(place, plans, scheme, packages)
        problems += matrix(rows, truth, plans)
        if kind == "busy":
            problems += connections(truth)
        return harness.report(f"clients, {label}: {len(compare.model_calls(truth))} calls", problems)


def connections(truth):
    """The test did test: Ruby kept one connection, undici had several, s_client's first calls came over one."""
    used = {}
    for line in compare.model_calls(truth):
        client = next(name for name in ("undici", "net_http", "s_client") if name in line["model"])
        used.setdefault(client, []).append(line["conn"])
    kept = {client: max(map(conns.count, conns)) for client, conns in used.items()}
    print("  calls over the busiest connection:", kept, " connections of undici:", len(set(used.get("undici", []))))
    wanted = {"net_http": 20, "s_client": 8, "undici": 20}
    few = [f"undici: only {len(set(used['undici']))} connections"] if len(set(used["undici"])) < 10 else []
    return few + [f"{client}: only {kept[client]} calls over one connection" for client, least in wanted.items()
                  if client in kept and kept[client] < least]


if __name__ == "__main__":
    sys.exit(main())
