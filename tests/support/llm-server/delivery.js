// SPDX-License-Identifier: MIT
// Puts an answer on the wire in the way that a test asks for: content coding, framing, the places of the
// writes, pauses, and ends that come too early.
'use strict';

const zlib = require('zlib');
const { seeded } = require('./random');

const wait = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** zstd with stored blocks only (RFC 8878, 3.1.1), for a Node without zstd. */
class StoredZstd {
  constructor() { this.head = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58]); }

  async add(data, last) {
    const out = [this.head];
    this.head = Buffer.alloc(0);
    for (let at = 0; at < data.length || (last && at === 0); at += 65536) {
      const part = data.subarray(at, at + 65536);
      const head = (part.length << 3) | (last && at + 65536 >= data.length ? 1 : 0);
      out.push(Buffer.from([head & 255, (head >> 8) & 255, head >> 16]), part);
      if (data.length === 0) break;
    }
    return Buffer.concat(out);
  }
}

/** A compressor whose every add() gives bytes from which all so far can be decoded. */
class Flushing {
  constructor(stream) {
    this.stream = stream;
    this.out = [];
    stream.on('data', (data) => this.out.push(data));
  }

  add(data, last) {
    return new Promise((resolve) => {
      const done = () => { resolve(Buffer.concat(this.out)); this.out = []; };
      if (last) this.stream.once('end', done).end(data);
      else this.stream.write(data, () => this.stream.flush(done));
    });
  }
}

/** Each piece a gzip member of its own (RFC 1952, 2.2). */
const membersCoder = { add: async (data) => zlib.gzipSync(data) };

function newCoder(encoding, odd) {
  if (odd.includes('members') && encoding === 'gzip') return membersCoder;
  if (odd.includes('raw') && encoding === 'deflate') return new Flushing(zlib.createDeflateRaw()); // as some servers read RFC 9110
  switch (encoding) {
    case 'gzip': return new Flushing(zlib.createGzip());
    case 'deflate': return new Flushing(zlib.createDeflate());
    case 'br': return new Flushing(zlib.createBrotliCompress({
      params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 } }));
    case 'zstd': return zlib.createZstdCompress ? new Flushing(zlib.createZstdCompress()) : new StoredZstd();
    default: return { add: async (data) => data };
  }
}

/** Offsets at which `data` is cut into writes. */
function cuts(data, mode, random) {
  const found = [];
  if (mode === 'byte') for (let i = 1; i < data.length; i++) found.push(i);
  if (mode === 'random') {
    const longest = random.pick([3, 17, 200, 3000]) + Math.ceil(data.length / 2000);
    for (let i = random.between(1, longest); i < data.length; i += random.between(1, longest)) found.push(i);
  }
  if (mode === 'tokens') { // between CR and LF, between two LFs, inside a character
    for (let i = 1; i < data.length && found.length < 4000; i++) {
      const inCharacter = (data[i] & 0xc0) === 0x80;
      if (inCharacter || (data[i] === 10 && (data[i - 1] === 13 || data[i - 1] === 10))) found.push(i);
    }
  }
  return found;
}

/** Writes to a socket; each cut piece is a write, and so a TLS record, of its own. */
class Wire {
  constructor(socket, options, seed) {
    this.socket = socket;
    this.options = options;
    this.random = seeded(`wire ${options.seed === undefined ? seed : options.seed}`);
    this.bytes = 0;
  }

  async put(data) {
    let from = 0;
    for (const to of [...cuts(data, this.options.split, this.random), data.length]) {
      if (to > from) await this.write(data.subarray(from, to));
      from = to;
    }
  }

  write(data) {
    if (this.socket.destroyed) return Promise.reject(new Error('closed'));
    this.bytes += data.length;
    return new Promise((resolve, reject) => {
      const gone = () => reject(new Error('closed'));
      this.socket.once('close', gone);
      this.socket.write(data, (error) => {
        this.socket.removeListener('close', gone);
        if (error) reject(error); else resolve();
      });
    });
  }
}

const TRAILERS = 'Server-Timing: total;dur=12\r\nX-Checksum: 17\r\n';

function frame(data, framing, last, random, { split, odd = [] }) {
  if (framing !== 'chunked') return data;
  const out = [];
  const extension = odd.includes('extensions') ? ';name="a;b";x' : '';
  const zeros = odd.includes('extensions') ? '000' : '';
  const step = split && split !== 'none' ? random.between(1, Math.max(1, data.length)) : data.length;
  for (let at = 0; at < data.length; at += step) {
    const part = data.subarray(at, at + step);
    out.push(Buffer.from(`${zeros}${part.length.toString(16).toUpperCase()}${extension}\r\n`), part, Buffer.from('\r\n'));
  }
  if (last) out.push(Buffer.from(`0${extension}\r\n${odd.includes('trailers') ? TRAILERS : ''}\r\n`));
  return Buffer.concat(out);
}

function headText(status, headers) {
  const names = { 200: 'OK', 400: 'Bad Request', 401: 'Unauthorized', 404: 'Not Found', 429: 'Too Many Requests' };
  const lines = Object.entries(headers).map(([k, v]) => `${k}: ${v}\r\n`);
  return Buffer.from(`HTTP/1.1 ${status} ${names[status] || 'Answer'}\r\n${lines.join('')}\r\n`);
}

/** Answers that come before the answer (RFC 9110, 15.2). */
const INTERIM = { continue: Buffer.from('HTTP/1.1 100 Continue\r\n\r\n'),
  hints: Buffer.from('HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\nContent-Length: 99\r\n\r\n'),
  processing: Buffer.from('HTTP/1.1 102 Processing\r\n\r\n') };

function closed(socket) {
  return new Promise((resolve) => {
    if (socket.destroyed || socket.readableEnded) resolve();
    socket.once('close', resolve).once('end', resolve);
  });
}

/**
 * Sends `pieces` ([{data, ...}]) as one answer. Options: encoding, framing (chunked|length|close), split
 * (none|byte|random|tokens), seed, delay_ms (between pieces), cut_after (pieces; a fraction cuts inside
 * one), hang_after (pieces; then waits until the client goes).
 * Returns {sent: whole pieces sent, bytes: decoded, wire_bytes, end: whole|cut|client}.
 */
async function deliver(socket, request, status, headers, pieces, options) {
  const wire = new Wire(socket, options, request.n);
  const result = { sent: 0, bytes: 0, wire_bytes: 0, end: 'whole' };
  if (options.silent) return closed(socket).then(() => ({ ...result, end: 'client' }));
  if (options.reset) {
    socket.destroy();
    return { ...result, end: 'cut' };
  }
  const bodyless = request.method === 'HEAD';
  let framing = options.framing || (pieces.length > 1 ? 'chunked' : 'length');
  if (request.version === 'HTTP/1.0' && framing === 'chunked') framing = 'close';
  if (framing === 'close') request.keep_alive = false;
  const coder = newCoder(options.encoding, options.odd || []);
  const encoded = [];
  for (let i = 0; i < pieces.length; i++) {
    pieces[i].bytes = Buffer.from(pieces[i].data);
    if (framing === 'length') encoded.push(await coder.add(pieces[i].bytes, i === pieces.length - 1));
  }
  const head = { ...headers, connection: request.keep_alive ? 'keep-alive' : 'close' };
  if (options.encoding && options.encoding !== 'identity') head['content-encoding'] = options.encoding;
  if (framing === 'chunked') head['transfer-encoding'] = 'chunked';
  if (framing === 'length') head['content-length'] = encoded.reduce((sum, e) => sum + e.length, 0);
  const hangAt = options.hang_after === undefined ? -1 : Math.min(options.hang_after, pieces.length - 1);
  const cutAt = options.cut_after === undefined ? Infinity : Math.min(options.cut_after, pieces.length - 0.5);
  try {
    for (const name of options.odd || []) if (INTERIM[name]) await wire.put(INTERIM[name]);
    await wire.put(headText(status, head));
    for (let i = 0; i < pieces.length && !bodyless; i++) {
      if (i === hangAt) {
        await closed(socket);
        throw new Error('closed');
      }
      const last = i === pieces.length - 1;
      const data = framing === 'length' ? encoded[i] : await coder.add(pieces[i].bytes, last);
      const framed = frame(data, framing, last, wire.random, options);
      const room = cutAt - i;
      if (room < 1) {
        await wire.put(framed.subarray(0, Math.floor(framed.length * room)));
        result.end = 'cut';
        socket.end();
        break;
      }
      await wire.put(framed);
      result.sent = i + 1;
      result.bytes += pieces[i].bytes.length;
      if (options.delay_ms && !last) await wait(options.delay_ms);
    }
  } catch (error) {
    result.end = 'client';
  }
  result.wire_bytes = wire.bytes;
  return result;
}

module.exports = { deliver };
