#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A client that waits to be told: patient.py SERVER_DIR PLACE MODEL... makes one call for each MODEL, all over one
connection, each when PLACE/MODEL.go appears; PLACE/MODEL.begun and .done say how far it got. `ready` comes first."""
import http.client
import json
import pathlib
import ssl
import sys
import time
import urllib.parse

import apis


def main():
    server = json.loads((pathlib.Path(sys.argv[1]) / "ready.json").read_text())
    place, models = pathlib.Path(sys.argv[2]), sys.argv[3:]
    where = urllib.parse.urlsplit(server["https"])
    connection = http.client.HTTPSConnection(where.hostname, where.port, timeout=60, context=ssl.create_default_context(cafile=server["ca"]))
    (place / "ready").touch()
    for model in models:
        while not (place / f"{model}.go").exists():
            time.sleep(0.01)
        call = {"api": apis.CHAT, "stream": True, "model": model}
        script = {"delay_ms": 100} if model.startswith("slow") else {}
        connection.request("POST", apis.path_of(call), apis.body_of(call), {"Content-Type": "application/json", "X-Script": json.dumps(script)})
        answer = connection.getresponse()
        answer.read(1)
        (place / f"{model}.begun").touch()
        answer.read()
        (place / f"{model}.done").touch()


if __name__ == "__main__":
    main()
