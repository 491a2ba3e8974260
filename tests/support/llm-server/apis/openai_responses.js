// SPDX-License-Identifier: MIT
// OpenAI Responses (platform.openai.com/docs/api-reference/responses and .../responses-streaming).
'use strict';

const { slices, id, event } = require('./text');
const { draw, variantOf, known, normal } = require('../usage');

const roundsById = new Map(); // of answers that a later request may name as previous_response_id

function parse(body) {
  const input = Array.isArray(body.input) ? body.input : [{ role: 'user', content: body.input }];
  const lastUser = input.map((i) => i.role === 'user').lastIndexOf(true);
  const since = input.slice(lastUser + 1);
  const lastCall = input.map((i) => i.type === 'function_call' || i.role === 'assistant').lastIndexOf(true);
  const isCall = (item) => item && item.type === 'function_call';
  // Calls that stand together came from one answer.
  const rounds = since.filter((item, i) => isCall(item) && !isCall(since[i - 1])).length;
  const before = lastUser < 0 ? roundsById.get(body.previous_response_id) || 0 : 0;
  const format = (body.text || {}).format || {};
  return {
    model: body.model,
    streamed: body.stream === true || body.type === 'response.create', // over WebSocket it always is
    tools: (body.tools || []).filter((t) => t.type === 'function').map((t) => ({ name: t.name, schema: t.parameters })),
    rounds: before + rounds,
    results: input.slice(lastCall + 1).filter((i) => i.type === 'function_call_output')
      .map((i) => ({ id: i.call_id, bytes: JSON.stringify(i.output || '').length, failed: false })),
    json: format.type === 'json_schema' ? format.schema : format.type === 'json_object' ? {} : null,
  };
}

function usage(random, options) {
  const n = draw(random, options);
  const variant = variantOf(options.usage, random);
  const input_tokens = n.uncached + n.read + n.write5;
  const output_tokens = n.visible + n.reasoning;
  const out = { input_tokens, output_tokens, total_tokens: input_tokens + output_tokens };
  if (variant === 'nulls') Object.assign(out, { input_tokens_details: null, output_tokens_details: null });
  if (variant === 'zeros') Object.assign(out, { input_tokens_details: { cached_tokens: 0 }, output_tokens_details: { reasoning_tokens: 0 } });
  if (variant === 'full') {
    out.input_tokens_details = { cached_tokens: n.read, ...(n.write5 && { cache_write_tokens: n.write5 }) };
    out.output_tokens_details = { reasoning_tokens: n.reasoning };
  }
  return out;
}

function normalise(sent) {
  const last = sent[sent.length - 1] || {};
  const input = last.input_tokens_details || {};
  return normal({
    input_tokens: known(last.input_tokens), cache_read_input_tokens: known(input.cached_tokens),
    cache_write_input_tokens: known(input.cache_write_tokens), output_tokens: known(last.output_tokens),
    reasoning_output_tokens: known((last.output_tokens_details || {}).reasoning_tokens),
  });
}

function itemsOf(content, random) {
  const items = [];
  if (content.reasoning) {
    items.push({ id: id('rs_', random), type: 'reasoning', summary: [{ type: 'summary_text', text: content.reasoning }] });
  }
  if (content.text) {
    items.push({ id: id('msg_', random), type: 'message', status: 'completed', role: 'assistant',
      content: [{ type: 'output_text', text: content.text, annotations: [], logprobs: [] }] });
  }
  for (const call of content.calls) {
    call.id = id('call_', random);
    items.push({ id: id('fc_', random), type: 'function_call', status: 'completed', call_id: call.id, name: call.name,
      arguments: JSON.stringify(call.args) });
  }
  return items;
}

function reasoningEvents(item, at, random) {
  const part = item.summary[0];
  const where = { item_id: item.id, output_index: at, summary_index: 0 };
  return [{ type: 'response.reasoning_summary_part.added', ...where, part: { type: 'summary_text', text: '' } },
    ...slices(part.text, random).map((delta) => ({ type: 'response.reasoning_summary_text.delta', ...where, delta })),
    { type: 'response.reasoning_summary_text.done', ...where, text: part.text },
    { type: 'response.reasoning_summary_part.done', ...where, part }];
}

function messageEvents(item, at, random) {
  const part = item.content[0];
  const where = { item_id: item.id, output_index: at, content_index: 0 };
  return [{ type: 'response.content_part.added', ...where, part: { ...part, text: '' } },
    ...slices(part.text, random).map((delta) => ({ type: 'response.output_text.delta', ...where, delta, logprobs: [] })),
    { type: 'response.output_text.done', ...where, text: part.text, logprobs: [] },
    { type: 'response.content_part.done', ...where, part }];
}

function callEvents(item, at, random) {
  const where = { item_id: item.id, output_index: at };
  return [...slices(item.arguments, random).map((delta) => ({ type: 'response.function_call_arguments.delta', ...where, delta })),
    { type: 'response.function_call_arguments.done', ...where, arguments: item.arguments }];
}

const EVENTS = { reasoning: reasoningEvents, message: messageEvents, function_call: callEvents };
const OPENED = { reasoning: { summary: [] }, message: { status: 'in_progress', content: [] },
  function_call: { status: 'in_progress', arguments: '' } };

function itemEvents(item, at, random) {
  return [{ type: 'response.output_item.added', output_index: at, item: { ...item, ...OPENED[item.type] } },
    ...EVENTS[item.type](item, at, random),
    { type: 'response.output_item.done', output_index: at, item }];
}

function answer(call, content, random, options) {
  const sent = options.usage === 'absent' ? undefined : usage(random, options);
  const output = itemsOf(content, random);
  const status = content.stop === 'length' ? 'incomplete' : 'completed';
  const base = { id: id('resp_', random), object: 'response', created_at: 1700000000, model: call.model, error: null,
    incomplete_details: null, parallel_tool_calls: true, previous_response_id: call.body.previous_response_id || null,
    service_tier: 'default', tools: [] };
  const whole = { ...base, status, output, usage: sent || null };
  if (status === 'incomplete') whole.incomplete_details = { reason: 'max_output_tokens' };
  roundsById.set(base.id, call.rounds + (content.calls.length ? 1 : 0));
  const told = { stop_reason: status === 'incomplete' ? 'max_output_tokens' : status, response_id: base.id };
  if (!call.streamed) return { pieces: [{ data: JSON.stringify(whole), usage: sent }], ...told };
  const events = [{ type: 'response.created', response: { ...base, status: 'in_progress', output: [], usage: null } },
    { type: 'response.in_progress', response: { ...base, status: 'in_progress', output: [], usage: null } },
    ...output.flatMap((item, at) => itemEvents(item, at, random)),
    { type: `response.${status}`, response: whole }];
  const pieces = events.map((e, sequence_number) => ({ data: event(e.type, { ...e, sequence_number }, options.eol) }));
  pieces[pieces.length - 1].usage = sent;
  return { pieces, ...told };
}

const errorBody = (status, message) => ({ error: { message, type: status === 429 ? 'rate_limit_exceeded' : 'server_error',
  param: null, code: status === 401 ? 'invalid_api_key' : null } });

module.exports = {
  name: 'openai.responses',
  provider: 'openai',
  match: (path) => (/\/responses$/.test(path) ? {} : null),
  parse, answer, normalise, errorBody,
  overWebSocket: true,
  errorEvent: (options) => event('error', { type: 'error', code: 'server_error', message: 'The server had an error', param: null }, options.eol),
};
