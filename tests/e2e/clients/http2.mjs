// SPDX-License-Identifier: MIT
// Node's http2: the streams of each connection interleave; bodies go out in frames of random sizes, padded.
import fs from 'node:fs';
import http2 from 'node:http2';
import { drain, origin, plan, play, server, wait } from './play.mjs';

const options = { ca: fs.readFileSync(server.ca), paddingStrategy: http2.constants.PADDING_STRATEGY_MAX, maxSessionMemory: 1000 };
const sessions = [];
let turn = 0;

/** The session that is next; one that the server gave up is replaced. */
function session() {
  const place = turn++ % (plan.connections || 1);
  if (!sessions[place] || sessions[place].closed || sessions[place].destroyed || sessions[place].leaving) {
    const made = http2.connect(origin, options);
    made.on('error', () => {}).on('goaway', () => { made.leaving = true; });
    sessions[place] = made;
  }
  return sessions[place];
}

async function send(stream, body) {
  const data = Buffer.from(body);
  for (let at = 0; at < data.length;) {
    const to = Math.min(data.length, at + 1 + Math.floor(Math.random() * Math.max(20, data.length / 2)));
    stream.write(data.subarray(at, to));
    at = to;
    await wait(0);
  }
  stream.end();
}

const ask = (call) => new Promise((resolve, reject) => {
  const stream = session().request({ ':method': 'POST', ':path': call.path, ...call.headers });
  stream.on('error', reject);
  const leave = () => stream.close(http2.constants.NGHTTP2_CANCEL);
  send(stream, call.body).catch(reject);
  if (call.enough) { // an answer that nobody ends: whoever has read all of it leaves
    let text = '';
    stream.on('data', (data) => { text += data; if (text.includes(call.enough)) leave(); }).on('close', resolve);
  } else drain(stream, call, leave).then(resolve, call.leave ? resolve : reject);
});

await play(ask, plan.at_once || 8);
for (const each of sessions) each.close();
