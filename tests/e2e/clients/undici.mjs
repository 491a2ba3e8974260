// SPDX-License-Identifier: MIT
// undici from npm, each way in turn: request, its own fetch, stream, pipeline, and requests of one connection that don't wait for each
// other.
import fs from 'node:fs';
import { Writable } from 'node:stream';
import { bodyOf, drain, fromCache, origin, plan, play, server } from './play.mjs';

const undici = fromCache('undici');
const connect = { ca: fs.readFileSync(server.ca) };
const dispatcher = new undici.Agent({ connect, connections: plan.connections || 4, keepAliveTimeout: 10000 });
const eager = new undici.Client(origin, { connect, pipelining: 8 });
const options = (call) => ({ method: 'POST', headers: call.headers, body: bodyOf(call), dispatcher });

const WAYS = {
  async request(call) {
    const left = new AbortController();
    const { body } = await undici.request(call.url, { ...options(call), signal: left.signal });
    await drain(body, call, () => left.abort());
  },
  async fetch(call) {
    const left = new AbortController();
    const answer = await undici.fetch(call.url, { ...options(call), signal: left.signal });
    await drain(answer.body, call, () => left.abort());
  },
  stream: (call) => undici.stream(call.url, options(call), () => new Writable({ write: (data, coding, done) => done() })),
  pipeline: (call) => new Promise((resolve, reject) => {
    undici.pipeline(call.url, { ...options(call), body: undefined }, ({ body }) => body)
      .on('data', () => {}).on('end', resolve).on('error', reject).end(bodyOf(call));
  }),
  async eager(call) {
    const { body } = await eager.request({ ...options(call), dispatcher: undefined, path: call.path, idempotent: true });
    await body.text();
  },
};

const names = Object.keys(WAYS);
let turn = 0;
await play((call) => WAYS[call.way || (call.leave ? names[turn++ % 2] : names[turn++ % names.length])](call), plan.at_once || 6);
await Promise.all([dispatcher.close(), eager.close()]);
