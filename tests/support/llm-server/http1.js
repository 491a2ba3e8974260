// SPDX-License-Identifier: MIT
// A small HTTP/1.1 server on a bare socket, so that every byte of an answer, its head included, can be
// placed in a write of its own (Node's http module does not allow that). RFC 9112.
'use strict';

const zlib = require('zlib');

const MAX_HEAD_BYTES = 256 * 1024;
const MAX_BODY_BYTES = 64 * 1024 * 1024;

/** Pulls bytes from a socket on demand. */
class Reader {
  constructor(socket) {
    this.socket = socket;
    this.parts = [];
    this.size = 0;
    this.ended = false;
    this.wake = null;
    const wake = () => { if (this.wake) { const w = this.wake; this.wake = null; w(); } };
    this.listeners = { data: (data) => { this.parts.push(data); this.size += data.length; wake(); } };
    for (const event of ['end', 'close', 'error']) this.listeners[event] = () => { this.ended = true; wake(); };
    for (const [event, listener] of Object.entries(this.listeners)) socket.on(event, listener);
  }

  /** Leaves the socket to others; returns what was read of it and not used. */
  release() {
    for (const [event, listener] of Object.entries(this.listeners)) this.socket.removeListener(event, listener);
    return this.all();
  }

  /** Waits for more bytes; false at the end of the stream. */
  async more() {
    if (this.ended) return false;
    const before = this.size;
    await new Promise((resolve) => { this.wake = resolve; });
    return this.size > before || !this.ended;
  }

  all() {
    if (this.parts.length > 1) this.parts = [Buffer.concat(this.parts)];
    return this.parts[0] || Buffer.alloc(0);
  }

  drop(n) {
    this.parts = [this.all().subarray(n)];
    this.size -= n;
  }

  /** The bytes before `mark`, which is dropped with them; null at the end. */
  async until(mark, limit) {
    for (;;) {
      const at = this.all().indexOf(mark);
      if (at >= 0) {
        const found = Buffer.from(this.all().subarray(0, at));
        this.drop(at + mark.length);
        return found;
      }
      if (this.size > limit || !await this.more()) return null;
    }
  }

  async exactly(n) {
    while (this.size < n) if (!await this.more()) return null;
    const found = Buffer.from(this.all().subarray(0, n));
    this.drop(n);
    return found;
  }
}

async function readChunked(reader) {
  const parts = [];
  let size = 0;
  for (;;) {
    const line = await reader.until('\r\n', 4096);
    if (line === null) return null;
    const n = parseInt(line.toString('latin1'), 16);
    if (!(n >= 0) || (size += n) > MAX_BODY_BYTES) return null;
    if (n === 0) break;
    const part = await reader.exactly(n);
    if (part === null || await reader.exactly(2) === null) return null;
    parts.push(part);
  }
  for (;;) {
    const trailer = await reader.until('\r\n', MAX_HEAD_BYTES);
    if (trailer === null) return null;
    if (trailer.length === 0) return Buffer.concat(parts);
  }
}

function parseHead(text) {
  const lines = text.split('\r\n');
  const [method, target, version] = lines[0].split(' ');
  const headers = {};
  for (const line of lines.slice(1)) {
    const colon = line.indexOf(':');
    if (colon > 0) headers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { method, target, version, headers };
}

const DECODERS = { gzip: zlib.gunzipSync, deflate: zlib.inflateSync, br: zlib.brotliDecompressSync,
  zstd: zlib.zstdDecompressSync };

/** The body without the content coding of its request. */
const decoded = (body, coding) => (DECODERS[coding] ? DECODERS[coding](body) : body);

/** Serves one connection: `handle(request, socket)` answers each request in turn, pipelined ones too. Where `upgrade(request, socket,
 * release)` says true to one that asks for another protocol, the connection is its own from then on. */
async function serve(socket, handle, upgrade) {
  socket.setNoDelay(true);
  const reader = new Reader(socket);
  for (let open = true; open;) {
    let text = await reader.until('\r\n\r\n', MAX_HEAD_BYTES);
    if (text === null) break;
    text = text.toString('latin1').replace(/^(\r\n)+/, '');
    const request = parseHead(text);
    const { headers } = request;
    request.head_bytes = text.length + 4;
    if (/100-continue/i.test(headers.expect || '')) socket.write('HTTP/1.1 100 Continue\r\n\r\n');
    const chunked = /chunked/i.test(headers['transfer-encoding'] || '');
    const length = Number(headers['content-length'] || 0);
    if (length > MAX_BODY_BYTES) break;
    request.body = chunked ? await readChunked(reader) : await reader.exactly(length);
    if (request.body === null) break;
    request.body = decoded(request.body, headers['content-encoding']);
    request.keep_alive = request.version === 'HTTP/1.1' && !/close/i.test(headers.connection || '');
    if (headers.upgrade && upgrade(request, socket, () => reader.release())) return;
    open = await handle(request, socket) && request.keep_alive;
  }
  if (!socket.destroyed) socket.end();
}

module.exports = { serve, decoded };
