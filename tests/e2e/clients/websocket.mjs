// SPDX-License-Identifier: MIT
// The npm package ws: several connections, on each one response after the other, fragments, pings: websocket.mjs SERVER_DIR PLAN.json
import { createRequire } from 'node:module';
import fs from 'node:fs';
import path from 'node:path';

const WebSocket = createRequire(path.join(process.env.TOKPROF_CLIENTS, 'package.json'))('ws');
const [, , directory, planFile] = process.argv;
const server = JSON.parse(fs.readFileSync(path.join(directory, 'ready.json'), 'utf8'));
const plan = JSON.parse(fs.readFileSync(planFile, 'utf8'));
const LAST = ['response.completed', 'response.incomplete', 'response.failed', 'error'];
const wait = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

async function send(socket, text, pieces) {
  const data = Buffer.from(text);
  const size = Math.ceil(data.length / (pieces || 1));
  for (let at = 0; at < data.length; at += size) {
    socket.send(data.subarray(at, at + size), { binary: false, fin: at + size >= data.length });
    if (pieces) socket.ping('between');
    await wait(0);
  }
}

/** Plays one connection: each message waits for the answer before it; `{"wait": FILE}` waits for a file. */
function play(connection) {
  const { messages } = connection;
  const socket = new WebSocket(`${server[plan.scheme].replace('http', 'ws')}/v1/responses`, {
    ca: fs.readFileSync(server.ca), headers: connection.headers, perMessageDeflate: connection.deflate || false });
  let at = 0;
  let previous = null;
  const next = async () => {
    if (at === messages.length) {
      socket.close();
      return;
    }
    const { message, pieces, continues, until, touch } = messages[at++];
    if (touch) fs.writeFileSync(touch, '');
    while (until && !fs.existsSync(until)) await wait(20);
    await send(socket, JSON.stringify({ ...message, ...(continues && { previous_response_id: previous }) }), pieces);
    if (message.type !== 'response.create') next(); // is not answered
  };
  return new Promise((resolve, reject) => {
    socket.on('open', next).on('error', reject).on('close', () => (at === messages.length || connection.cut ? resolve() : reject(new Error('closed early'))));
    socket.on('message', (data) => {
      const event = JSON.parse(data);
      if (!LAST.includes(event.type)) return;
      previous = event.response ? event.response.id : previous;
      next();
    });
  });
}

await Promise.all(plan.connections.map(play));
