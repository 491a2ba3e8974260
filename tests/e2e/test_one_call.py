#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One model call over TLS and one over plain HTTP, by Python alone: small enough for an emulated machine."""
import http.client
import http.server
import json
import ssl
import subprocess
import sys

import harness

USAGE = {"prompt_tokens": 1234, "completion_tokens": 56, "total_tokens": 1290, "prompt_tokens_details": {"cached_tokens": 1000}}
ANSWER = json.dumps({"id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-5", "usage": USAGE, "choices": [
    {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "yes"}}]}).encode()
QUESTION = json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": "is it there? " * 2000}]})


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, *_):
        pass


def serve(certificate):
    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(server.server_port, flush=True)
    server.serve_forever()


def ask(tls, port):
    client = (http.client.HTTPSConnection("127.0.0.1", port, context=ssl._create_unverified_context()) if tls
              else http.client.HTTPConnection("127.0.0.1", port))
    for _ in range(2):
        client.request("POST", "/v1/chat/completions", QUESTION, {"Content-Type": "application/json"})
        if client.getresponse().read() != ANSWER:
            sys.exit("the answer is another")


def certificate_in(place):
    path = place / "server.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                    "/CN=localhost", "-keyout", path, "-out", place / "server.crt"], check=True, stderr=subprocess.DEVNULL)
    path.write_text(path.read_text() + (place / "server.crt").read_text())
    return path


def problems_of(place, tls):
    server = subprocess.Popen([sys.executable, __file__, "serve", certificate_in(place) if tls else ""], stdout=subprocess.PIPE, text=True)
    try:
        port = server.stdout.readline().strip()
        done = harness.record(place / "run.tokrec", [sys.executable, __file__, "ask", "tls" if tls else "", port])
    finally:
        server.kill()
        server.wait()
    print(done.stderr.strip())
    rows = harness.calls(place / "run.tokrec")
    if done.returncode or len(rows) != 2:
        yield f"status {done.returncode}, {len(rows)} calls instead of 2"
    for row in rows:
        usage = row["usage"]
        got = (row["transport"]["tls"], usage["input_tokens"], usage["cache_read_input_tokens"], usage["output_tokens"], row["complete"])
        if got != ("openssl" if tls else "none", 1234, 1000, 56, True):
            yield f"tls {tls}: {got}"


def main():
    if sys.argv[1:2] == ["serve"]:
        return serve(sys.argv[2])
    if sys.argv[1:2] == ["ask"]:
        return ask(sys.argv[2], int(sys.argv[3]))
    harness.require(node=False)
    harness.private_network()
    with harness.Workspace("one-call") as place:
        return harness.report("one call", [p for tls in (True, False) for p in problems_of(place, tls)])


if __name__ == "__main__":
    sys.exit(main())
