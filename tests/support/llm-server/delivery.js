// SPDX-License-Identifier: MIT
// Puts an answer on the wire in the way that a test asks for: content coding, framing, the places of the
// writes, pauses, and ends that come too early.
'use strict';

const { NGHTTP2_NO_ERROR, NGHTTP2_INTERNAL_ERROR } = require('http2').constants;
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

/** Writes pieces cut as the script asks; `closed()` waits until the client has gone. */
class Wire {
  constructor(target, request, options) {
    this.target = target;
    this.request = request;
    this.options = options;
    this.random = seeded(`wire ${options.seed === undefined ? request.n : options.seed}`);
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
    if (this.target.destroyed) return Promise.reject(new Error('closed'));
    this.bytes += data.length;
    return new Promise((resolve, reject) => {
      const gone = () => reject(new Error('closed'));
      this.target.once('close', gone);
      this.target.write(data, (error) => {
        this.target.removeListener('close', gone);
        if (error) reject(error); else resolve();
      });
    });
  }
}

const TRAILERS = { 'server-timing': 'total;dur=12', 'x-checksum': '17' };
const lines = (headers) => Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('');

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
  if (last) out.push(Buffer.from(`0${extension}\r\n${odd.includes('trailers') ? lines(TRAILERS) : ''}\r\n`));
  return Buffer.concat(out);
}

function headText(status, headers) {
  const names = { 200: 'OK', 400: 'Bad Request', 401: 'Unauthorized', 404: 'Not Found', 429: 'Too Many Requests' };
  return Buffer.from(`HTTP/1.1 ${status} ${names[status] || 'Answer'}\r\n${lines(headers)}\r\n`);
}

/** Answers that come before the answer (RFC 9110, 15.2). */
const INTERIM = { continue: [100, {}], hints: [103, { link: '</style.css>; rel=preload' }], processing: [102, {}] };
const PHRASES = { continue: 'Continue', hints: 'Early Hints', processing: 'Processing' };

/** Each cut piece is a write, and so a TLS record, of its own. */
class Http1Wire extends Wire {
  interim(name) {
    return this.put(Buffer.from(`HTTP/1.1 ${INTERIM[name][0]} ${PHRASES[name]}\r\n${lines(INTERIM[name][1])}\r\n`));
  }

  head(status, headers, framing) {
    const head = { ...headers, connection: this.request.keep_alive ? 'keep-alive' : 'close' };
    if (framing === 'chunked') head['transfer-encoding'] = 'chunked';
    return this.put(headText(status, head));
  }

  body(data, framing, last) { return frame(data, framing, last, this.random, this.options); }

  cut() { this.target.end(); }

  reset() { this.target.destroy(); }

  async finish() { /* the framing has said so */ }

  closed() {
    const socket = this.target;
    return new Promise((resolve) => {
      if (socket.destroyed || socket.readableEnded) resolve();
      socket.once('close', resolve).once('end', resolve);
    });
  }
}

/** Each cut piece is a DATA frame (or several) of its own. */
class Http2Wire extends Wire {
  async interim(name) {
    if (name !== 'continue') this.target.additionalHeaders({ ':status': INTERIM[name][0], ...INTERIM[name][1] });
  }

  async head(status, headers) {
    const odd = this.options.odd || [];
    this.bytes += lines(headers).length; // roughly: they are compressed
    const cut = this.options.cut_after !== undefined; // node would end a stream before it resets it
    if (odd.includes('trailers')) this.target.once('wantTrailers', () => this.target.sendTrailers(TRAILERS));
    this.target.respond({ ':status': status, ...headers }, { waitForTrailers: cut || odd.includes('trailers') });
    if (odd.includes('goaway')) this.target.session.goaway(NGHTTP2_NO_ERROR, this.target.id);
    if (odd.includes('ping')) this.target.session.ping(() => {});
  }

  body(data) { return data; }

  cut() { this.target.close(NGHTTP2_INTERNAL_ERROR); }

  reset() { this.target.session.destroy(); }

  async finish() {
    if ((this.options.odd || []).includes('endless')) {
      await this.closed();
      throw new Error('closed');
    }
    if (this.target.destroyed) throw new Error('closed');
    await new Promise((resolve, reject) => {
      this.target.once('close', resolve).once('aborted', () => reject(new Error('closed')));
      this.target.end(resolve);
    });
  }

  closed() {
    return new Promise((resolve) => {
      if (this.target.destroyed) resolve();
      this.target.once('close', resolve);
    });
  }
}

/**
 * Sends `pieces` ([{data, ...}]) as one answer. Options: encoding, framing (chunked|length|close), split
 * (none|byte|random|tokens), seed, delay_ms (between pieces), cut_after (pieces; a fraction cuts inside
 * one), hang_after (pieces; then waits until the client goes).
 * Returns {sent: whole pieces sent, bytes: decoded, wire_bytes, end: whole|cut|client}.
 */
async function deliver(target, request, status, headers, pieces, options) {
  const wire = new (request.version === 'HTTP/2' ? Http2Wire : Http1Wire)(target, request, options);
  const result = { sent: 0, bytes: 0, wire_bytes: 0, end: 'whole' };
  if (options.silent) return wire.closed().then(() => ({ ...result, end: 'client' }));
  if (options.reset) {
    wire.reset();
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
  const head = { ...headers };
  if (options.encoding && options.encoding !== 'identity') head['content-encoding'] = options.encoding;
  if (framing === 'length') head['content-length'] = encoded.reduce((sum, e) => sum + e.length, 0);
  const hangAt = options.hang_after === undefined ? -1 : Math.min(options.hang_after, pieces.length - 1);
  const cutAt = options.cut_after === undefined ? Infinity : Math.min(options.cut_after, pieces.length - 0.5);
  try {
    for (const name of options.odd || []) if (INTERIM[name]) await wire.interim(name);
    await wire.head(status, head, framing);
    for (let i = 0; i < pieces.length && !bodyless; i++) {
      if (i === hangAt) {
        await wire.closed();
        throw new Error('closed');
      }
      const last = i === pieces.length - 1;
      const data = framing === 'length' ? encoded[i] : await coder.add(pieces[i].bytes, last);
      const framed = wire.body(data, framing, last);
      const room = cutAt - i;
      if (room < 1) {
        await wire.put(framed.subarray(0, Math.floor(framed.length * room)));
        result.end = 'cut';
        wire.cut();
        break;
      }
      await wire.put(framed);
      result.sent = i + 1;
      result.bytes += pieces[i].bytes.length;
      if (options.delay_ms && !last) await wait(options.delay_ms);
    }
    if (result.end === 'whole') await wire.finish();
  } catch (error) {
    result.end = 'client';
  }
  result.wire_bytes = wire.bytes;
  return result;
}

module.exports = { deliver };
