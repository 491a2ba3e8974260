// SPDX-License-Identifier: MIT
// Anthropic Messages (docs.anthropic.com/en/api/messages and .../messages-streaming).
'use strict';

const { slices, id, event } = require('./text');
const { draw, variantOf, known, sum, normal } = require('../usage');

const STOPS = { end: 'end_turn', tools: 'tool_use', length: 'max_tokens' };
const blocks = (message) => (Array.isArray(message.content) ? message.content : []);
const has = (message, type) => blocks(message).some((b) => b.type === type);

function parse(body) {
  const messages = body.messages || [];
  const lastUser = messages.map((m) => m.role === 'user' && !has(m, 'tool_result')).lastIndexOf(true);
  const results = messages.slice(-1).flatMap(blocks).filter((b) => b.type === 'tool_result');
  return {
    model: body.model,
    streamed: body.stream === true,
    tools: (body.tools || []).filter((t) => t.input_schema).map((t) => ({ name: t.name, schema: t.input_schema })),
    rounds: messages.slice(lastUser + 1).filter((m) => m.role === 'assistant' && has(m, 'tool_use')).length,
    results: results.map((r) => ({ id: r.tool_use_id, bytes: JSON.stringify(r.content || '').length, failed: !!r.is_error })),
    json: null,
  };
}

/** Usage as it goes out: [in message_start, in message_delta]; not streamed, [the one]. */
function usage(random, options, streamed) {
  const n = draw(random, options);
  const variant = variantOf(options.usage, random);
  const all = { input_tokens: n.uncached, cache_creation_input_tokens: n.write5 + n.write1, cache_read_input_tokens: n.read };
  if (variant === 'full') all.cache_creation = { ephemeral_5m_input_tokens: n.write5, ephemeral_1h_input_tokens: n.write1 };
  if (variant === 'nulls') Object.assign(all, { cache_creation_input_tokens: null, cache_read_input_tokens: null, cache_creation: null });
  if (variant === 'plain') { delete all.cache_creation_input_tokens; delete all.cache_read_input_tokens; }
  const out = { output_tokens: n.visible + n.reasoning };
  if (variant === 'full' && random.chance(0.5)) out.output_tokens_details = { thinking_tokens: n.reasoning };
  if (!streamed) return [{ ...all, ...out, service_tier: 'standard' }];
  const first = { ...all, output_tokens: random.between(0, 4), service_tier: 'standard' };
  if (variant === 'zeros') { // as some proxies do: zeros first, the truth at the end
    return [{ input_tokens: 0, output_tokens: 0, cache_read_input_tokens: 0, cache_creation_input_tokens: 0 }, { ...all, ...out }];
  }
  if (variant === 'nulls') return [first, { input_tokens: null, cache_read_input_tokens: null, ...out }];
  return [first, random.chance(0.5) ? { ...all, ...out } : out];
}

function normalise(sent) {
  const last = {};
  for (const part of sent) {
    for (const [key, value] of Object.entries(part)) if (value !== null) last[key] = value;
  }
  const split = last.cache_creation || {};
  const w5 = known(split.ephemeral_5m_input_tokens);
  const w1 = known(split.ephemeral_1h_input_tokens);
  const total = known(last.cache_creation_input_tokens);
  const read = known(last.cache_read_input_tokens);
  const write = total === null ? sum(w5, w1) : total;
  return normal({
    input_tokens: known(last.input_tokens) === null ? null : sum(known(last.input_tokens), read, write),
    cache_read_input_tokens: read, cache_write_input_tokens: write,
    cache_write_5m_input_tokens: w5, cache_write_1h_input_tokens: w1,
    output_tokens: known(last.output_tokens),
    reasoning_output_tokens: known((last.output_tokens_details || {}).thinking_tokens),
  });
}

function contentOf(content, random) {
  const out = [];
  if (content.reasoning) out.push({ type: 'thinking', thinking: content.reasoning, signature: id('', random, 64) });
  if (content.text) out.push({ type: 'text', text: content.text });
  for (const call of content.calls) {
    call.id = id('toolu_', random);
    out.push({ type: 'tool_use', id: call.id, name: call.name, input: call.args });
  }
  return out;
}

function blockEvents(block, index, random) {
  const opened = { text: { type: 'text', text: '' }, thinking: { type: 'thinking', thinking: '', signature: '' },
    tool_use: { ...block, input: {} } }[block.type];
  const deltas = {
    text: () => slices(block.text, random).map((text) => ({ type: 'text_delta', text })),
    thinking: () => [...slices(block.thinking, random).map((thinking) => ({ type: 'thinking_delta', thinking })),
      { type: 'signature_delta', signature: block.signature }],
    tool_use: () => ['', ...slices(JSON.stringify(block.input), random)]
      .map((partial_json) => ({ type: 'input_json_delta', partial_json })),
  }[block.type]();
  return [{ type: 'content_block_start', index, content_block: opened },
    ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
    { type: 'content_block_stop', index }];
}

function answer(call, content, random, options) {
  const sent = options.usage === 'absent' ? [] : usage(random, options, call.streamed);
  const list = contentOf(content, random);
  const stop_reason = STOPS[content.stop];
  const message = { id: id('msg_', random), type: 'message', role: 'assistant', model: call.model };
  if (!call.streamed) {
    const whole = { ...message, content: list, stop_reason, stop_sequence: null, ...(sent[0] && { usage: sent[0] }) };
    return { pieces: [{ data: JSON.stringify(whole), usage: sent[0] }], stop_reason, response_id: message.id };
  }
  const events = [{ type: 'message_start', message: { ...message, content: [], stop_reason: null, stop_sequence: null, usage: sent[0] } },
    { type: 'ping' }, ...list.flatMap((block, i) => blockEvents(block, i, random)),
    { type: 'message_delta', delta: { stop_reason, stop_sequence: null }, ...(sent[1] && { usage: sent[1] }) },
    { type: 'message_stop' }];
  const carried = { message_start: sent[0], message_delta: sent[1] };
  return { pieces: events.map((e) => ({ json: e, data: event(e.type, e, options.eol), usage: carried[e.type] })),
    stop_reason, response_id: message.id };
}

const ERRORS = { 400: 'invalid_request_error', 401: 'authentication_error', 404: 'not_found_error', 429: 'rate_limit_error',
  500: 'api_error', 529: 'overloaded_error' };
const errorBody = (status, message) => ({ type: 'error', error: { type: ERRORS[status] || 'api_error', message } });

module.exports = {
  name: 'anthropic.messages',
  provider: 'anthropic',
  match: (path) => (/\/messages$/.test(path) ? {} : null),
  parse, answer, normalise, errorBody,
  errorEvent: (options) => event('error', errorBody(529, 'Overloaded'), options.eol),
};
