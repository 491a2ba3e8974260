#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What recording costs a server: CPU time per request of a node HTTPS server that answers 1 KB and 100 KB, recorded and
not, in turns; and what tokprof itself spends on each request. One server process for all turns, attached to by its id.

server_cpu.py [--smoke] [--plain] [PAIRS]
"""
import http.client
import json
import pathlib
import signal
import ssl
import subprocess
import sys
import time

import benchlib
import harness

# Answers as a model's: JSON of the size asked for, in one write.
SERVER = """
const [cert, key, plain] = process.argv.slice(1);
const fs = require('fs');
const answers = {};
function answer(size) {
  const text = (n) => JSON.stringify({ id: 'x', object: 'chat.completion', model: 'm', choices: [{ index: 0, finish_reason: 'stop',
    message: { role: 'assistant', content: 'lorem ipsum '.repeat(n) } }], usage: { prompt_tokens: 10, completion_tokens: 20 } });
  return answers[size] ??= Buffer.from(text(Math.max(0, Math.floor((size - text(0).length) / 12))));
}
function handle(request, response) {
  request.on('data', () => {});
  request.on('end', () => {
    const body = answer(Number(request.headers['x-size']));
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
    response.end(body);
  });
}
const server = plain ? require('http').createServer(handle)
  : require('https').createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) }, handle);
server.keepAliveTimeout = 60000;
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
"""
REQUEST = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hello " * 20}]})


class Place:
    def __init__(self, directory, plain):
        self.directory, self.plain = directory, plain
        cert, key = directory / "cert.pem", directory / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                        "/CN=localhost", "-keyout", key, "-out", cert], check=True, stderr=subprocess.DEVNULL)
        command = [harness.node_program(), "-e", SERVER, cert, key] + (["plain"] if plain else [])
        self.server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.port = int(self.server.stdout.readline())

    def ask(self, count, size):
        """CPU seconds of the server per request, on one connection that is kept."""
        if self.plain:
            connection = http.client.HTTPConnection("127.0.0.1", self.port)
        else:
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=ssl._create_unverified_context())
        headers = {"x-size": str(size), "content-type": "application/json"}
        for number in range(count + 50):
            if number == 50:  # the handshake and the first requests are not what is asked for
                before = benchlib.cpu_seconds(self.server.pid)
            connection.request("POST", "/v1/chat/completions", REQUEST, headers)
            connection.getresponse().read()
        used = benchlib.cpu_seconds(self.server.pid) - before
        connection.close()
        return used / count

    def recorded(self, count, size):
        """The same under a recording: the server's CPU seconds and tokprof's, per request."""
        path = self.directory / "run.tokrec"
        recorder = subprocess.Popen([harness.TOKPROF, "record", "-o", path, "-p", str(self.server.pid)] +
                                    ([] if self.plain else ["--no-plain"]), stderr=subprocess.PIPE, text=True)
        harness.wait_until(lambda: path.exists() and settled(recorder.pid), 20, "the recording to begin")
        before = benchlib.tree_cpu(recorder.pid)
        server = self.ask(count, size)
        time.sleep(0.3)
        own = (benchlib.tree_cpu(recorder.pid) - before) / (count + 50)
        recorder.send_signal(signal.SIGINT)
        said = recorder.communicate()[1]
        seen = len(harness.calls(path))
        path.unlink()
        if seen != count + 50:
            raise RuntimeError(f"{seen} of {count + 50} calls recorded: {said}")
        return server, own


def settled(pid, pause=0.3):
    """It has attached and waits: no CPU time for a moment but that of its timer."""
    before = benchlib.tree_cpu(pid)
    time.sleep(pause)
    return benchlib.tree_cpu(pid) - before < 0.005


def main():
    numbers = [int(a) for a in sys.argv[1:] if a.isdigit()]
    plain = "--plain" in sys.argv
    pairs = 1 if benchlib.SMOKE else numbers[0] if numbers else 10
    name = "server_plain" if plain else "server"
    harness.require()
    harness.private_network()
    with harness.Workspace("server-cpu") as directory:
        place = Place(pathlib.Path(directory), plain)
        try:
            place.ask(20 if benchlib.SMOKE else 4000, 1000)  # warm code, once
            for size, count, aim in ((1000, 2000, 1.10), (100_000, 1000, 1.05)):
                count = 20 if benchlib.SMOKE else count
                off, on = benchlib.turns(pairs, lambda: place.ask(count, size), lambda: place.recorded(count, size))
                what = f"{size // 1000} KB answers"
                benchlib.ratios(name, f"CPU of the server, {what}", off, [both[0] for both in on], aim,
                                f"{1e6 * benchlib.interval(off)[0]:.0f} us a request without")
                benchlib.report(name, f"added to the server, {what}", [1e6 * (b[0] - a) for a, b in zip(off, on)], "us a request")
                benchlib.report(name, f"CPU of tokprof itself, {what}", [1e6 * both[1] for both in on], "us a request")
        finally:
            place.server.terminate()
            place.server.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
