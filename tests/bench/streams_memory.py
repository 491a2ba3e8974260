#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The recorder's peak memory with 200 streams open at once whose bodies are 2 MB each way: first every request's body comes in
slices, in turns, then every answer's. What the rings hold is not counted: its size is chosen with --ring-size. The baseline is
the same recorder over one such stream.

streams_memory.py [--smoke] [RUNS]
"""
import pathlib
import re
import subprocess
import sys
import threading
import time

import benchlib
import harness

PAUSE_MS = 150  # after each slice of all streams: what is asked for is memory, not whether the recorder keeps up

# Server and client in one script: the client is recorded, the server is not.
SCRIPT = """
const [role, cert, key, port, streams, bytes, pause] = process.argv.slice(1);
const fs = require('fs'), https = require('https');
const SLICE = 64 * 1024;
async function inTurns(sinks, pieces) {
  for (const piece of pieces) {
    for (const sink of sinks)
      if (!sink.write(piece)) await new Promise((go) => sink.once('drain', go));
    await new Promise((go) => setTimeout(go, Number(pause)));
  }
}
function slices(head, middle, tail) {
  const pieces = [head];
  for (let sent = 0; sent < bytes; sent += SLICE) pieces.push(middle(SLICE));
  return [...pieces, tail];
}
if (role === 'server') {
  const waiting = [];
  const server = https.createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) }, (request, response) => {
    request.on('data', () => {});
    request.on('end', async () => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      waiting.push(response);
      if (waiting.length % Number(streams)) return;
      const event = (n) => ('data: ' + JSON.stringify({ choices: [{ index: 0, delta: { content: 'word \\n'.repeat(30) } }] }) + '\\n\\n')
        .repeat(n / 256);
      const usage = 'data: ' + JSON.stringify({ choices: [], usage: { prompt_tokens: 5, completion_tokens: 7 } }) + '\\n\\ndata: [DONE]\\n\\n';
      await inTurns(waiting, slices('', event, usage));
      for (const one of waiting.splice(0)) one.end();
    });
  });
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
} else {
  const agent = new https.Agent({ keepAlive: false, maxSockets: Infinity, rejectUnauthorized: false });
  const requests = [];
  let left = Number(streams);
  for (let i = 0; i < Number(streams); i++)
    requests.push(https.request({ port, agent, method: 'POST', path: '/v1/chat/completions', headers: { 'content-type': 'application/json' } },
      (response) => { response.on('data', () => {}); response.on('end', () => { if (!--left) process.exit(0); }); }));
  const head = '{"model":"m","stream":true,"messages":[{"role":"user","content":"';
  let turn = 0;
  const text = (n) => (String(turn++) + ' text with a line end\\\\n').repeat(n / 26);
  inTurns(requests, slices(head, text, '"}]}')).then(() => requests.forEach((request) => request.end()));
}
"""


def resident(pid):
    """Bytes of a process's memory that are present, the mappings of BPF maps left out; of pages shared by several processes its share."""
    total, skip = 0, False
    try:
        text = pathlib.Path(f"/proc/{pid}/smaps").read_text()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0
    for line in text.splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            skip = "bpf-map" in line
        elif line.startswith("Pss:") and not skip:
            total += 1024 * int(line.split()[1])
    return total


class Sampler(threading.Thread):
    """The greatest sum over all processes of the recorder, looked at some 50 times a second."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.peak, self.over = pid, 0, False

    def run(self):
        while not self.over:
            mine = [one for one in benchlib.descendants(self.pid) if is_recorder(one)]
            self.peak = max(self.peak, sum(resident(one) for one in mine))
            time.sleep(0.02)


def is_recorder(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().startswith("tokprof")
    except (FileNotFoundError, ProcessLookupError):
        return False


def run(directory, streams, bytes_):
    """Peak bytes of the recorder."""
    cert, key, path = directory / "cert.pem", directory / "key.pem", directory / "run.tokrec"
    node = [harness.node_program(), "-e", SCRIPT]
    server = subprocess.Popen([*node, "server", cert, key, "0", str(streams), str(bytes_), str(PAUSE_MS)], stdout=subprocess.PIPE, text=True)
    try:
        port = server.stdout.readline().strip()
        command = [*node, "client", cert, key, port, str(streams), str(bytes_), str(PAUSE_MS)]
        recorder = subprocess.Popen([harness.TOKPROF, "record", "-o", path, "--", *map(str, command)], stderr=subprocess.PIPE, text=True)
        sampler = Sampler(recorder.pid)
        sampler.start()
        said = recorder.communicate()[1]
        sampler.over = True
        sampler.join()
    finally:
        server.terminate()
        server.wait()
    calls = harness.calls(path)
    if len(calls) < streams:
        raise RuntimeError(f"{len(calls)} of {streams} calls: {said}")
    return sampler.peak, said.strip().splitlines()[-1]


def main():
    numbers = [int(a) for a in sys.argv[1:] if a.isdigit()]
    streams, bytes_ = (4, 200_000) if benchlib.SMOKE else (200, 2_000_000)
    harness.require()
    harness.private_network()
    with harness.Workspace("streams-memory") as place:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                        "/CN=localhost", "-keyout", place / "key.pem", "-out", place / "cert.pem"], check=True, stderr=subprocess.DEVNULL)
        one, many = benchlib.turns(1 if benchlib.SMOKE else numbers[0] if numbers else 3, lambda: run(place, 1, bytes_),
                                   lambda: run(place, streams, bytes_))
    mib = 1024 * 1024
    benchlib.report("memory", f"peak beyond the rings, {streams} streams of {bytes_ / 1e6:g} MB", [peak / mib for peak, _ in many], "MiB", 32)
    benchlib.report("memory", "peak beyond the rings, one stream", [peak / mib for peak, _ in one], "MiB")
    benchlib.report("memory", "each open stream", [(m[0] - o[0]) / 1024 / (streams - 1) for o, m in zip(one, many)], "KiB", "", many[-1][1])
    return 0


if __name__ == "__main__":
    sys.exit(main())
