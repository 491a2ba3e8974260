# SPDX-License-Identifier: MIT
"""curl and nghttp, several calls a process: h2_programs.py SERVER_DIR PLAN.json; the plan's `program` says which."""
import json
import pathlib
import subprocess
import sys

AT_ONCE = 6


def curl(server, calls, place):
    """All in one process, at once over one connection; --next begins another transfer."""
    command = ["curl", "--parallel"]
    for number, call in enumerate(calls):
        body = place / f"{number}.body"
        body.write_text(call["body"])
        command += (["--next"] if number else []) + ["-sS", "--http2" if call["tls"] else "--http2-prior-knowledge", "--max-time", "60",
                                                     "--cacert", server["ca"], "-o", str(place / f"{number}.answer"), "-w",
                                                     "%{http_version}\n", "--compressed", "--data-binary", f"@{body}", call["url"]]
        for name, value in call["headers"].items():
            command += ["-H", f"{name}: {value}"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wrong = [version for version in done.stdout.split() if version != "2"]
    return f"curl: {done.returncode} {wrong} {done.stderr}" if done.returncode or wrong else None


def nghttp(server, calls, place):
    """One call in each process; with padding and a dependency tree of its own."""
    for call in calls:
        body = place / "body"
        body.write_text(call["body"])
        command = ["nghttp", "-n", "-b", "100", "-t", "60", "-d", str(body), call["url"]]
        for name, value in call["headers"].items():
            command += ["-H", f"{name}: {value}"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode or "Some requests were not processed" in done.stderr:
            return f"nghttp: {done.returncode} {done.stderr}"
    return None


def main():
    server = json.loads((pathlib.Path(sys.argv[1]) / "ready.json").read_text())
    plan = json.loads(pathlib.Path(sys.argv[2]).read_text())
    place = pathlib.Path(sys.argv[2] + ".d")
    place.mkdir()
    program = {"curl": curl, "nghttp": nghttp}[plan["program"]]
    # Some releases of curl take up a connection in clear for a second transfer and fail.
    step = AT_ONCE if plan["scheme"] == "https" else 1
    failures = [program(server, plan["calls"][at:at + step], place) for at in range(0, len(plan["calls"]), step)]
    failures = [failure for failure in failures if failure]
    print("\n".join(failures), end="", file=sys.stderr)
    return 1 if failures else 0


sys.exit(main())
