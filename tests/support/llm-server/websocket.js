// SPDX-License-Identifier: MIT
// WebSocket (RFC 6455), by the npm package `ws` of the tests' cache ($TOKPROF_CLIENTS), which is no work of this project; without it
// nothing is upgraded. The events of an answer are messages: whole, or in fragments of seeded sizes, with pings between them.
'use strict';

const path = require('path');
const { createRequire } = require('module');

function load() {
  try {
    return createRequire(path.join(process.env.TOKPROF_CLIENTS || '/', 'package.json'))('ws');
  } catch (error) {
    return null;
  }
}

/** Options: deflate (false; true; or {server_alone, client_alone}: no context is taken over). */
function newServer(options) {
  const ws = load();
  if (!ws) return null;
  const { deflate } = options;
  const server = new ws.WebSocketServer({ noServer: true, maxPayload: 64 << 20, perMessageDeflate: deflate ? { threshold: 0,
    serverNoContextTakeover: !!deflate.server_alone, clientNoContextTakeover: !!deflate.client_alone } : false });
  return {
    /** `told(message, connection)` answers each message in its turn. */
    accept(request, socket, head, told) {
      server.handleUpgrade({ method: 'GET', url: request.target, headers: request.headers, socket }, socket, head, (connection) => {
        let turn = Promise.resolve();
        connection.on('error', () => {});
        connection.on('message', (data) => { turn = turn.then(() => told(JSON.parse(data.toString()), connection)); });
      });
    },
  };
}

const put = (connection, data, more) => new Promise((resolve, reject) => {
  connection.send(data, more || {}, (error) => (error ? reject(error) : resolve()));
});

/** One message, cut at characters, each piece a frame. */
async function putCut(connection, text, random) {
  for (let at = 0; at < text.length;) {
    const to = Math.min(text.length, at + random.between(1, Math.max(2, Math.ceil(text.length / 3))));
    await put(connection, Buffer.from(text).subarray(at, to), { binary: false, fin: to >= text.length });
    if (random.chance(0.1)) connection.ping('still here');
    at = to;
  }
}

const messageOf = (piece) => /^data: (.*)$/m.exec(piece.data)[1].replace(/\r$/, '');

/** Sends `pieces` (server-sent events) as messages. Returns what delivery.js returns. */
async function deliver(connection, pieces, options, random) {
  const result = { sent: 0, bytes: 0, wire_bytes: 0, end: 'whole' };
  try {
    for (const piece of pieces) {
      if (result.sent === options.cut_after) {
        connection.terminate();
        return { ...result, end: 'cut' };
      }
      const text = messageOf(piece);
      if (options.split === 'random') await putCut(connection, Buffer.from(text), random);
      else await put(connection, text);
      result.sent++;
      result.bytes += Buffer.byteLength(text);
      result.wire_bytes += Buffer.byteLength(text);
      if (options.delay_ms) await new Promise((resolve) => { setTimeout(resolve, options.delay_ms); });
    }
  } catch (error) {
    result.end = 'client';
  }
  return result;
}

/** An error event instead of an answer; the connection goes on. A message has no status; 200 is a stream's that ends so. */
async function fail(server, api, request, call, options, connection, described) {
  const error = { type: 'error', status: options.status, ...api.errorBody(options.status, 'scripted failure') };
  await put(connection, JSON.stringify(error));
  server.write(request, { ...described, kind: 'call', model: call.model, model_requested: call.model, status: 200, outcome: 'error',
    side: false, encoding: 'identity', usage_sent: [], usage: api.normalise([], call), stop_reason: null, response_id: null,
    tools_asked: [], answer_bytes: 0, wire_bytes: 0 });
}

module.exports = { newServer, deliver, fail };
