// SPDX-License-Identifier: MIT
// One HTTP/2 connection: a call, then one whose answer is under way when FOLDER/begun appears; after FOLDER/go six more, at once:
// patient_http2.mjs SERVER_DIR FOLDER
import fs from 'node:fs';
import http2 from 'node:http2';
import path from 'node:path';

const [, , directory, folder] = process.argv;
const server = JSON.parse(fs.readFileSync(path.join(directory, 'ready.json'), 'utf8'));
const session = http2.connect(server.https, { ca: fs.readFileSync(server.ca) });
const wait = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

function ask(model, script, begun) {
  const stream = session.request({ ':method': 'POST', ':path': '/v1/chat/completions', 'content-type': 'application/json',
    authorization: 'Bearer dummy', 'x-script': JSON.stringify(script) });
  stream.end(JSON.stringify({ model, stream: true, stream_options: { include_usage: true }, messages: [{ role: 'user', content: 'Hallo' }] }));
  return new Promise((resolve, reject) => { stream.on('data', begun || (() => {})).on('end', resolve).on('error', reject); });
}

await ask('early', {});
const slow = ask('slow', { delay_ms: 400, answer_bytes: 2000 }, () => fs.writeFileSync(path.join(folder, 'begun'), ''));
while (!fs.existsSync(path.join(folder, 'go'))) await wait(20);
await Promise.all([1, 2, 3, 4, 5, 6].map((n) => ask(`late-${n}`, { split: 'random', seed: n })));
await slow;
session.close();
