#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// The scripted LLM server: plays scenarios in a dozen APIs over http and https, and is the referee: its truth
// log says what really went over the wire. It shares no code and no rule table with tokprof.
// Usage: server.js --dir DIR [--scenario FILE] [--workdir DIR]   (README.md beside it says more)
'use strict';

const fs = require('fs');
const net = require('net');
const path = require('path');
const tls = require('tls');
const certificates = require('./certificates');
const { deliver } = require('./delivery');
const { serve } = require('./http1');
const http2 = require('./http2');
const websocket = require('./websocket');
const { seeded } = require('./random');
const { Scenario } = require('./scenario');

const { chat, generate } = require('./apis/ollama');
const APIS = [...['anthropic', 'openai_chat', 'openai_responses', 'google', 'openai_completions', 'openai_embeddings', 'bedrock_converse',
  'bedrock_invoke', 'llama', 'dashscope'].map((name) => require(`./apis/${name}`)), chat, generate];

function parseArguments(argv) {
  const options = { workdir: process.cwd() };
  for (let i = 0; i < argv.length; i += 2) options[argv[i].replace(/^--/, '')] = argv[i + 1];
  if (!options.dir) throw new Error('usage: server.js --dir DIR [--scenario FILE] [--workdir DIR]');
  return options;
}

const unixNs = () => (BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n).toString();

const SAID = { id: 'said_1', model: 'scripted', usage: { input_tokens: 5, output_tokens: 7, total_tokens: 12 } };

/** Endpoints that a client may ask and that are no model calls: [method, path, answer]. */
const LISTINGS = [
  ['POST', /\/messages\/count_tokens$/, { input_tokens: 4711 }],
  ['POST', /:countTokens$/, { totalTokens: 4711 }],
  ['POST', /\/responses\/input_tokens$/, { object: 'response.input_tokens', input_tokens: 4711 }],
  ['GET', /\/v1beta\/models$/, { models: [{ name: 'models/scripted', supportedGenerationMethods: ['generateContent'] }] }],
  ['GET', /\/models$/, { object: 'list', has_more: false, data: [{ id: 'scripted', object: 'model', type: 'model', owned_by: 'test' }] }],
  ['GET', /\/models\/[^/]+$/, { id: 'scripted', object: 'model', owned_by: 'test' }],
  ['GET', /^\/$/, { ok: true }],
  // What was answered before, asked for again: its usage is no new one.
  ['GET', /\/responses\/[^/]+$/, { ...SAID, object: 'response', status: 'completed', output: [] }],
  ['POST', /\/responses\/[^/]+\/cancel$/, { ...SAID, object: 'response', status: 'cancelled', output: [] }],
  ['POST', /\/chat\/completions\/[^/]+$/, { ...SAID, object: 'chat.completion', choices: [{ index: 0, finish_reason: 'stop',
    message: { role: 'assistant', content: 'ja' } }], usage: { prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 } }],
  ['POST', /\/moderations$/, { id: 'modr-1', model: 'omni-moderation-latest', results: [] }],
  ['GET', /\/(files|batches)$/, { object: 'list', has_more: false, data: [] }],
  ['POST', /\/messages\/batches$/, { id: 'msgbatch_1', type: 'message_batch', processing_status: 'in_progress',
    request_counts: { processing: 1, succeeded: 0, errored: 0, canceled: 0, expired: 0 } }],
  ['GET', /\/api\/(tags|ps)$/, { models: [] }],
  ['POST', /\/api\/show$/, { modelfile: '# x', details: { family: 'llama' }, model_info: {}, capabilities: ['completion'] }],
  ['POST', /\/tokenize$/, { tokens: [1, 2, 3] }],
];

function readScript(request) {
  try {
    return JSON.parse(request.headers['x-script'] || request.query.get('script') || '{}');
  } catch (error) {
    return {};
  }
}

/** One of the content codings that the client takes, if the script leaves it to the client. */
function chosenEncoding(options, request, random) {
  if (options.encoding !== 'accepted') return options.encoding;
  const known = ['gzip', 'deflate', 'br', 'zstd'];
  const accepted = known.filter((name) => (request.headers['accept-encoding'] || '').includes(name));
  return accepted.length ? random.pick(accepted) : 'identity';
}

function contentType(api, call) {
  if (api.contentType) return api.contentType(call);
  return call.streamed && call.sse !== false ? 'text/event-stream; charset=utf-8' : 'application/json; charset=utf-8';
}

function prepare(request, n, secure) {
  const url = new URL(request.target, 'http://server');
  Object.assign(request, { n, path: url.pathname, query: url.searchParams, secure, started: unixNs() });
  request.script = readScript(request);
  return request;
}

class Server {
  constructor(options) {
    this.scenario = new Scenario(options.scenario, options.workdir);
    this.log = fs.openSync(path.join(options.dir, 'truth.jsonl'), 'a');
    this.requests = 0;
    this.connections = 0;
    this.http2 = http2.newServer(this.scenario.http2, (request, stream, conn, secure) => {
      request.conn = conn;
      return this.handle(prepare(request, ++this.requests, secure), stream);
    });
    this.websocket = websocket.newServer(this.scenario.websocket);
  }

  write(request, fields) {
    const line = { n: request.n, conn: request.conn, start_unix_ns: request.started, end_unix_ns: unixNs(), tls: request.secure,
      http: request.version.replace('HTTP/', ''), method: request.method, path: request.path, request_bytes: request.body.length,
      agent_header: request.headers['user-agent'] || null, tag: request.headers['x-tag'] || null, ...fields };
    fs.writeSync(this.log, `${JSON.stringify(line)}\n`);
  }

  async handle(request, socket) {
    const api = request.method === 'POST' && APIS.find((a) => (request.match = a.match(request.path)));
    if (api) return this.call(api, request, socket);
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const known = LISTINGS.find((l) => l[0] === method && l[1].test(request.path));
    const status = known ? 200 : 404;
    const data = JSON.stringify(known ? known[2] : { error: { message: 'no such endpoint' } });
    const sent = await deliver(socket, request, status, { 'content-type': 'application/json' }, [{ data }], request.script);
    this.write(request, { kind: 'other', status, wire_bytes: sent.wire_bytes });
    return sent.end === 'whole';
  }

  /** What a request asks for: {call, ...} where it can be read, null where it is no JSON. */
  understood(api, request) {
    try {
      const body = JSON.parse(request.body.toString());
      return { body, ...api.parse(body, request.match, request.query, request.headers) };
    } catch (error) {
      return null;
    }
  }

  /** The answer to a call: {pieces, headers ...}, and what is logged of it. */
  answer(api, call, request, step, options) {
    const random = seeded(`${this.scenario.seed} ${options.seed === undefined ? request.n : options.seed}`);
    const model_requested = call.model;
    if (options.model_suffix) call.model += options.model_suffix;
    const content = this.scenario.content(step, call, options);
    const answer = api.answer(call, content, random, options);
    let { pieces } = answer;
    if (options.error_after !== undefined && call.streamed) {
      pieces = [...pieces.slice(0, options.error_after), { data: api.errorEvent(options, call) }];
    }
    options.encoding = chosenEncoding(options, request, random);
    return { ...answer, pieces, content, model_requested };
  }

  logCall(api, call, request, side, options, answer, sent) {
    const usage_sent = answer.pieces.slice(0, sent.sent).map((p) => p.usage).filter(Boolean);
    const failed = options.error_after !== undefined && call.streamed;
    const whole = sent.end === 'whole' && !failed;
    this.write(request, {
      ...described(api, call), kind: 'call', model: call.model, model_requested: answer.model_requested, status: sent.wire_bytes ? 200 : null,
      outcome: { whole: failed ? 'error' : 'ok', cut: 'cut', client: 'cancelled' }[sent.end], side,
      encoding: options.encoding || 'identity', usage_sent, usage: api.normalise(usage_sent, call),
      stop_reason: whole ? answer.stop_reason : null, response_id: answer.response_id,
      tools_asked: whole ? answer.content.calls.map((c) => ({ name: c.name, id: c.id || null })) : [],
      answer_bytes: sent.bytes, wire_bytes: sent.wire_bytes,
    });
  }

  async call(api, request, socket) {
    const call = this.understood(api, request);
    if (!call) return this.fail(api, request, socket, { model: null, streamed: false, tools: [], results: [], rounds: 0 }, 400, {});
    const { step, side, options } = this.scenario.step(call, request);
    if (options.status) return this.fail(api, request, socket, call, options.status, options);
    const answer = this.answer(api, call, request, step, options);
    const headers = { 'content-type': contentType(api, call), ...answer.headers };
    const sent = await deliver(socket, request, 200, headers, answer.pieces, options);
    this.logCall(api, call, request, side, options, answer, sent);
    return sent.end === 'whole';
  }

  async fail(api, request, socket, call, status, options) {
    const data = JSON.stringify(api.errorBody(status, 'scripted failure'));
    options.encoding = chosenEncoding(options, request, seeded(request.n));
    const headers = { 'content-type': 'application/json', ...(api.errorHeaders && api.errorHeaders(status)), ...([429, 529].includes(status) && { 'retry-after': '0' }) };
    const sent = await deliver(socket, request, status, headers, [{ data }], options);
    this.write(request, { ...described(api, call), kind: 'call', model: call.model, model_requested: call.model, status, outcome: 'error',
      side: false, encoding: options.encoding || 'identity', usage_sent: [], usage: api.normalise([], call), stop_reason: null,
      response_id: null, tools_asked: [], answer_bytes: sent.bytes, wire_bytes: sent.wire_bytes });
    return sent.end === 'whole';
  }

  accept(socket, secure) {
    const conn = ++this.connections;
    socket.on('error', () => socket.destroy());
    if (secure && socket.alpnProtocol === 'h2') this.http2.accept(socket, conn, secure);
    else if (secure) this.accept1(socket, conn, secure);
    else http2.sniff(socket, (is) => (is ? this.http2.accept(socket, conn, secure) : this.accept1(socket, conn, secure)));
  }

  accept1(socket, conn, secure) {
    serve(socket, (request) => {
      request.conn = conn;
      return this.handle(prepare(request, ++this.requests, secure), socket);
    }, (request, _, release) => this.upgrade(prepare({ ...request, conn }, this.requests + 1, secure), socket, release)).catch((error) => {
      process.stderr.write(`llm-server: ${error.stack}\n`);
      socket.destroy();
    });
  }

  /** WebSocket, for an API that is spoken over it; each message is a request of its own in the log. */
  upgrade(request, socket, release) {
    const api = request.method === 'GET' && APIS.find((a) => a.overWebSocket && (request.match = a.match(request.path)));
    if (!api || !this.websocket) return false;
    this.requests++;
    this.websocket.accept(request, socket, release(), (message, connection) => {
      const asked = prepare({ ...request, version: 'websocket', body: Buffer.from(JSON.stringify(message)) }, ++this.requests, request.secure);
      return this.message(api, asked, message, connection);
    });
    this.write(request, { kind: 'other', status: 101, wire_bytes: 0 });
    return true;
  }

  async message(api, request, message, connection) {
    if (message.type !== 'response.create') { // such as response.processed: nobody answers
      this.write(request, { kind: 'other', status: null, wire_bytes: 0 });
      return;
    }
    const call = this.understood(api, request);
    const warm = message.generate === false;
    if (message.script) Object.assign(request.script, message.script);
    const { step, side, options } = this.scenario.step(call, request);
    if (options.status) {
      await websocket.fail(this, api, request, call, options, connection, described(api, call));
      return;
    }
    const answer = this.answer(api, call, request, warm ? { text: '' } : step, warm ? { ...options, usage: 'warm' } : options);
    const sent = await websocket.deliver(connection, answer.pieces, options, seeded(`wire ${request.n}`));
    if (warm) this.write(request, { kind: 'other', status: 200, wire_bytes: sent.wire_bytes, warm_up: true });
    else this.logCall(api, call, request, side, options, answer, sent);
  }
}

function described(api, call) {
  return { api: call.api || api.name, provider: call.provider || api.provider, streamed: call.streamed, round: call.rounds, tools_offered: call.tools.length, tool_results: call.results };
}

function listen(server, port) {
  return new Promise((resolve) => { server.listen(port, '127.0.0.1', 2048, () => resolve(server.address().port)); });
}

async function main() {
  const options = parseArguments(process.argv.slice(2));
  fs.mkdirSync(options.dir, { recursive: true });
  const files = certificates.make(options.dir);
  const server = new Server(options);
  const secure = { cert: fs.readFileSync(files.cert), key: fs.readFileSync(files.key), ALPNProtocols: server.scenario.alpn };
  const http = await listen(net.createServer((s) => server.accept(s, false)), Number(options.http || 0));
  const https = await listen(tls.createServer(secure, (s) => server.accept(s, true)).on('tlsClientError', () => {}), Number(options.https || 0));
  const ready = { pid: process.pid, http: `http://127.0.0.1:${http}`, https: `https://localhost:${https}`, ca: files.ca };
  fs.writeFileSync(path.join(options.dir, 'ready.json.new'), JSON.stringify(ready));
  fs.renameSync(path.join(options.dir, 'ready.json.new'), path.join(options.dir, 'ready.json'));
  process.on('SIGTERM', () => process.exit(0));
  process.on('SIGINT', () => process.exit(0));
}

main().catch((error) => {
  process.stderr.write(`llm-server: ${error.message}\n`);
  process.exit(1);
});
