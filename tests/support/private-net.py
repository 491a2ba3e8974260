#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""private-net.py COMMAND [ARG...]: runs a command in a network namespace that has only a loopback interface."""
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import harness  # noqa: E402 (needs the path above)

harness.private_network()
os.execvp(sys.argv[1], sys.argv[1:])
