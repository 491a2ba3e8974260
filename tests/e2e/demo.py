#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Records one run of a real agent against the scripted server: demo.py AGENT RECORDING

The agent is real, and so are its tools (it reads a file and runs commands); only the model is scripted. The network
has nothing but a loopback interface, HOME is empty, the key is a dummy.
"""
import os
import pathlib
import subprocess
import sys
import tempfile

import agents
import harness


def main():
    name, recording = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
    harness.require()
    harness.private_network()
    with tempfile.TemporaryDirectory(prefix="tokprof-demo-") as folder:
        place = pathlib.Path(folder)
        place.chmod(0o755)
        scenario = {**agents.SCENARIO, "defaults": {"usage_scale": 0.05, "usage_growing": True}}
        with harness.Server(place / "server", scenario, place / "work") as server:
            command, env, work = agents.prepare(name, server.ready, place)
            env |= {key: os.environ[key] for key in ("SUDO_UID", "SUDO_GID", "SUDO_USER") if key in os.environ}
            full = [str(harness.TOKPROF), "record", "-o", str(recording), "--", *command]
            print("$ tokprof record -o", recording.name, "--", pathlib.Path(command[0]).name, "...", flush=True)
            return subprocess.run(full, env=env, cwd=work, stdin=subprocess.DEVNULL).returncode


if __name__ == "__main__":
    sys.exit(main())
