// SPDX-License-Identifier: MIT
// Node's http and https modules, with an agent that keeps connections; bodies in one write or in pieces (chunked).
import http from 'node:http';
import https from 'node:https';
import { drain, origin, play } from './play.mjs';

const { request, Agent } = origin.startsWith('https') ? https : http;
const agent = new Agent({ keepAlive: true, maxSockets: 3 });
let turn = 0;

const ask = (call) => new Promise((resolve, reject) => {
  const asked = request(call.url, { method: 'POST', agent, headers: call.headers }, resolve).on('error', reject);
  if (turn++ % 3) asked.end(call.body);
  else {
    for (let at = 0; at < call.body.length; at += 1000) asked.write(call.body.slice(at, at + 1000));
    asked.end();
  }
});

await play(async (call) => {
  const answer = await ask(call);
  await drain(answer, call, () => answer.destroy(new Error('left')));
}, 5);
agent.destroy();
