#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plays a plan of calls against the scripted server: driver.py SERVER_DIR PLAN.json [WORKERS]

A plan is a list of calls: api, stream, model, client (http.client|urllib|curl|fetch|pipeline), tls, script (options for the
server), body_bytes, chunked and packed (request body), expect (100-continue), fresh (a connection of its own),
leave (close after the first bytes), listing (method and path of a request that is no model call).
"""
import gzip
import http.client
import json
import os
import pathlib
import queue
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request

import apis


class Worker(threading.Thread):
    """Takes calls from the queue; keeps a connection per scheme open."""

    def __init__(self, server, calls, failures):
        super().__init__()
        self.server, self.calls, self.failures = server, calls, failures
        self.context = ssl.create_default_context(cafile=server["ca"])
        self.open = {}

    def run(self):
        while True:
            try:
                call = self.calls.get_nowait()
            except queue.Empty:
                break
            try:
                {"urllib": self.urllib, "curl": self.curl, "pipeline": self.pipeline, "fetch": self.fetch}.get(call.get("client"), self.http_client)(call)
            except Exception as error:  # a failed call is the test's finding, not the end of the run
                self.failures.append(f"{call}: {type(error).__name__}: {error}")
        for connection in self.open.values():
            connection.close()

    def url(self, call):
        return self.server["https" if call.get("tls", True) else "http"]

    def headers(self, call):
        headers = {"Content-Type": "application/json", "X-Script": json.dumps(call.get("script", {}))}
        if "api" in call:
            headers.update(apis.headers_of(call))
        if "tag" in call:
            headers["X-Tag"] = call["tag"]
        return {**headers, **call.get("headers", {})}

    def connection(self, call):
        tls = call.get("tls", True)
        if tls not in self.open:
            where = urllib.parse.urlsplit(self.url(call))
            self.open[tls] = (http.client.HTTPSConnection(where.hostname, where.port, context=self.context, timeout=300) if tls
                              else http.client.HTTPConnection(where.hostname, where.port, timeout=300))
        return self.open[tls]

    def http_client(self, call):
        connection = self.connection(call)
        headers = self.headers(call)
        if call.get("fresh"):
            headers["Connection"] = "close"
        if "listing" in call:
            method, path = call["listing"]
            connection.request(method, path, body=b"{}" if method == "POST" else None, headers=headers)
        else:
            body = gzip.compress(apis.body_of(call)) if call.get("packed") else apis.body_of(call)
            chunks = (body[i:i + 5000] for i in range(0, len(body), 5000))
            connection.request("POST", apis.path_of(call), headers=headers,
                               body=chunks if call.get("chunked") else body, encode_chunked=bool(call.get("chunked")))
        try:
            answer = connection.getresponse()
            if call.get("leave"):
                answer.read(1)
                raise ConnectionAbortedError
            answer.read()
            if answer.will_close:
                connection.close()
        except (http.client.IncompleteRead, ConnectionError, http.client.BadStatusLine):
            connection.close()
            if not call.get("leave") and "cut_after" not in call.get("script", {}):
                raise

    def urllib(self, call):
        request = urllib.request.Request(self.url(call) + apis.path_of(call), apis.body_of(call), self.headers(call))
        try:
            with urllib.request.urlopen(request, context=self.context, timeout=300) as answer:
                answer.read()
        except urllib.error.HTTPError as error:
            error.read()
        except (http.client.IncompleteRead, ConnectionError):
            if "cut_after" not in call.get("script", {}):
                raise

    def pipeline(self, call):
        """`repeat` requests in one write, before any answer."""
        where, body, count = urllib.parse.urlsplit(self.url(call)), apis.body_of(call), call["repeat"]
        lines = [f"POST {apis.path_of(call)} HTTP/1.1", f"Host: {where.netloc}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers(call).items()]
        requests = ["\r\n".join([*lines, *(["Connection: close"] if last else []), "", ""]).encode() + body
                    for last in [False] * (count - 1) + [True]]
        with socket.create_connection((where.hostname, where.port)) as plain:
            with self.context.wrap_socket(plain, server_hostname=where.hostname) if call.get("tls", True) else plain as connection:
                connection.sendall(b"".join(requests))
                answers = b"".join(iter(lambda: connection.recv(65536), b""))
        if answers.count(b"HTTP/1.1 200 ") != count:
            raise RuntimeError(f"{count} answers expected")

    def fetch(self, call):
        """Node's own client."""
        script = ("const [url, headers, body] = JSON.parse(require('fs').readFileSync(0));"
                  "fetch(url, {method: 'POST', headers, body}).then((r) => r.text()).catch((e) => { console.error(e); process.exit(1); })")
        given = json.dumps([self.url(call) + apis.path_of(call), self.headers(call), apis.body_of(call).decode()])
        environment = {**os.environ, "NODE_EXTRA_CA_CERTS": self.server["ca"]}
        node = os.environ.get("TOKPROF_TEST_NODE", "node")
        done = subprocess.run([node, "-e", script], input=given.encode(), env=environment, stderr=subprocess.PIPE)
        if done.returncode and "cut_after" not in call.get("script", {}):
            raise RuntimeError(done.stderr.decode(errors="replace"))

    def curl(self, call):
        with tempfile.NamedTemporaryFile() as body:
            body.write(apis.body_of(call))
            body.flush()
            headers = self.headers(call)
            if call.get("chunked"):
                headers["Transfer-Encoding"] = "chunked"
            if call.get("expect"):
                headers["Expect"] = "100-continue"
            command = ["curl", "-sS", "--http1.1", "--cacert", self.server["ca"], "--data-binary", "@" + body.name]
            for name, value in headers.items():
                command += ["-H", f"{name}: {value}"]
            if call.get("script", {}).get("encoding"):
                command.append("--compressed")
            # The same call so many times in one process, over one connection.
            command += ["--max-time", "1" if call.get("leave") else "300"]
            url = self.url(call) + apis.path_of(call)
            done = subprocess.run(command + [url] * call.get("repeat", 1), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            if done.returncode and not call.get("leave") and "cut_after" not in call.get("script", {}):
                raise RuntimeError(done.stderr.decode(errors="replace"))


def main():
    directory, plan = pathlib.Path(sys.argv[1]), json.loads(pathlib.Path(sys.argv[2]).read_text())
    server = json.loads((directory / "ready.json").read_text())
    calls, failures = queue.SimpleQueue(), []
    for call in plan:
        calls.put(call)
    workers = [Worker(server, calls, failures) for _ in range(int(sys.argv[3]) if len(sys.argv) > 3 else 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for failure in failures:
        print("driver:", failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
