// SPDX-License-Identifier: MIT
// Ollama's own API (github.com/ollama/ollama/blob/main/docs/api.md): one JSON document a line, streamed unless it is switched
// off; the counts stand in the line that says "done": true, where a count of zero is left out.
'use strict';

const { slices, id } = require('./text');
const { draw, variantOf, tell, normalise } = require('../usage');

function parse(body, matched) {
  const messages = body.messages || [];
  const lastUser = messages.map((m) => m.role === 'user').lastIndexOf(true);
  const lastAssistant = messages.map((m) => m.role === 'assistant').lastIndexOf(true);
  return {
    model: body.model,
    streamed: body.stream !== false,
    chat: matched.chat,
    tools: (body.tools || []).map((t) => ({ name: t.function.name, schema: t.function.parameters })),
    rounds: messages.slice(lastUser + 1).filter((m) => m.role === 'assistant' && (m.tool_calls || []).length).length,
    results: messages.slice(lastAssistant + 1).filter((m) => m.role === 'tool')
      .map((m) => ({ id: m.tool_name || null, bytes: JSON.stringify(m.content || '').length, failed: false })),
    json: typeof body.format === 'object' ? body.format : body.format === 'json' ? {} : null,
  };
}

function usage(random, options) {
  const n = draw(random, options);
  const variant = variantOf(options.usage, random);
  const times = { total_duration: 5043500667, load_duration: 5025959 };
  const wire = { ...times, prompt_eval_count: n.uncached, prompt_eval_duration: 325953000, eval_count: n.visible, eval_duration: 4709213000 };
  if (variant !== 'zeros') return tell(wire, { input_tokens: n.uncached, output_tokens: n.visible });
  delete wire.prompt_eval_count; // as older ones do when the prompt was in the cache
  return tell(wire, { output_tokens: n.visible });
}

function documents(call, content, random) {
  const part = (message) => (call.chat ? { message: { role: 'assistant', content: '', ...message } } : { response: message.content || '',
    ...(message.thinking && { thinking: message.thinking }) });
  const out = [...slices(content.reasoning || '', random).map((thinking) => part({ thinking })),
    ...slices(content.text || '', random).map((text) => part({ content: text }))];
  for (const [index, c] of content.calls.entries()) {
    const named = random.chance(0.5) ? { id: id('call_', random, 8), function: { index, name: c.name, arguments: c.args } }
      : { function: { name: c.name, arguments: c.args } };
    out.push(part({ tool_calls: [named] }));
  }
  return { out, last: part({}) };
}

function whole(call, content) {
  if (!call.chat) return { response: content.text, ...(content.reasoning && { thinking: content.reasoning }) };
  const message = { role: 'assistant', content: content.text || '' };
  if (content.reasoning) message.thinking = content.reasoning;
  if (content.calls.length) message.tool_calls = content.calls.map((c) => ({ function: { name: c.name, arguments: c.args } }));
  return { message };
}

function answer(call, content, random, options) {
  const sent = options.usage === 'absent' ? undefined : usage(random, options);
  const done_reason = content.stop === 'length' ? 'length' : 'stop';
  const base = { model: call.model, created_at: '2026-07-05T19:22:45.499127Z' };
  const end = { done: true, done_reason, ...(call.chat ? {} : { context: [1, 2, 3] }), ...sent };
  const told = { stop_reason: done_reason, response_id: null };
  if (!call.streamed) return { pieces: [{ data: JSON.stringify({ ...base, ...whole(call, content), ...end }), usage: sent }], ...told };
  const { out, last } = documents(call, content, random);
  const line = (json) => `${JSON.stringify(json)}\n`;
  const pieces = out.map((json) => ({ data: line({ ...base, ...json, done: false }) }));
  pieces.push({ data: line({ ...base, ...last, ...end }), usage: sent });
  return { pieces, ...told };
}

const api = (name, path, chat) => ({
  name,
  provider: 'ollama',
  match: (asked) => (asked.endsWith(path) ? { chat } : null),
  contentType: (call) => (call.streamed ? 'application/x-ndjson' : 'application/json; charset=utf-8'),
  parse, answer, normalise,
  errorBody: (status, message) => ({ error: message }),
  errorEvent: () => `${JSON.stringify({ error: 'an error was encountered while running the model' })}\n`,
});

module.exports = { chat: api('ollama.chat', '/api/chat', true), generate: api('ollama.generate', '/api/generate', false) };
