// SPDX-License-Identifier: MIT
// HTTP/2 (RFC 9113) over sockets that others accepted: by ALPN, or by prior knowledge in clear. Each stream is a request.
'use strict';

const http2 = require('http2');
const { decoded } = require('./http1');

const PREFACE = 'PRI * HTTP/2.0\r\n';
const { PADDING_STRATEGY_NONE, PADDING_STRATEGY_ALIGNED, PADDING_STRATEGY_MAX } = http2.constants;
const PADDING = { none: PADDING_STRATEGY_NONE, aligned: PADDING_STRATEGY_ALIGNED, max: PADDING_STRATEGY_MAX };

const about = Symbol('about'); // on a socket: its number, and whether it is secure

async function read(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}

async function requestOf(stream, headers) {
  const request = { method: headers[':method'], target: headers[':path'], version: 'HTTP/2', headers: { host: headers[':authority'] },
    head_bytes: 0, keep_alive: true };
  for (const [name, value] of Object.entries(headers)) if (!name.startsWith(':')) request.headers[name] = String(value);
  request.body = decoded(await read(stream), headers['content-encoding']);
  return request;
}

/** `handle(request, stream, connection, secure)` answers. Options: padding (none|aligned|max), settings. */
function newServer(options, handle) {
  const server = http2.createServer({ paddingStrategy: PADDING[options.padding || 'aligned'], maxSessionMemory: 1000,
    settings: { maxConcurrentStreams: 1000, ...options.settings } });
  server.on('stream', async (stream, headers) => {
    const { conn, secure } = stream.session.socket[about];
    stream.on('error', () => {});
    try {
      await handle(await requestOf(stream, headers), stream, conn, secure);
    } catch (error) {
      if (!stream.destroyed) process.stderr.write(`llm-server: ${error.stack}\n`);
      stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
    }
  });
  server.on('sessionError', () => {});
  return {
    accept(socket, conn, secure) {
      socket[about] = { conn, secure };
      server.emit('connection', socket);
    },
  };
}

/** Does a client in clear begin as HTTP/2 does? The bytes looked at are put back. */
function sniff(socket, told) {
  let seen = Buffer.alloc(0);
  const look = () => {
    const data = socket.read();
    if (data === null) return;
    seen = Buffer.concat([seen, data]);
    const text = seen.subarray(0, PREFACE.length).toString('latin1');
    if (text.length < PREFACE.length && PREFACE.startsWith(text)) return;
    socket.removeListener('readable', look);
    socket.unshift(seen);
    told(text === PREFACE);
  };
  socket.on('readable', look);
}

module.exports = { newServer, sniff };
