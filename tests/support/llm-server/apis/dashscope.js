// SPDX-License-Identifier: MIT
// DashScope's native generation (help.aliyun.com/zh/model-studio/qwen-api-via-dashscope). A header asks for a stream; unless
// incremental_output is set, each event says all anew. No answer names the model.
'use strict';

const { slices, id } = require('./text');
const { draw, variantOf, tell, normalise } = require('../usage');

const STOPS = { end: 'stop', tools: 'tool_calls', length: 'length' };

function parse(body, matched, query, headers) {
  const messages = (body.input || {}).messages || [];
  const parameters = body.parameters || {};
  const lastUser = messages.map((m) => m.role === 'user').lastIndexOf(true);
  const lastAssistant = messages.map((m) => m.role === 'assistant').lastIndexOf(true);
  return {
    model: body.model,
    streamed: headers['x-dashscope-sse'] === 'enable' || /event-stream/.test(headers.accept || ''),
    parts: matched.parts,
    text: !matched.parts && parameters.result_format !== 'message' && !parameters.tools,
    incremental: parameters.incremental_output === true,
    tools: (parameters.tools || []).map((t) => ({ name: t.function.name, schema: t.function.parameters })),
    rounds: messages.slice(lastUser + 1).filter((m) => m.role === 'assistant' && (m.tool_calls || []).length).length,
    results: messages.slice(lastAssistant + 1).filter((m) => m.role === 'tool')
      .map((m) => ({ id: m.tool_call_id || null, bytes: JSON.stringify(m.content || '').length, failed: false })),
    json: (parameters.response_format || {}).type === 'json_object' ? {} : null,
  };
}

function usage(call, random, options) {
  const n = draw(random, options);
  const variant = variantOf(options.usage, random);
  const input = n.uncached + n.read + (call.parts ? n.image : 0);
  const output = n.visible + n.reasoning;
  const wire = { total_tokens: input + output, input_tokens: input, output_tokens: output };
  const counts = { input_tokens: input, output_tokens: output };
  if (variant === 'plain' || variant === 'nulls') return tell(wire, counts);
  wire.prompt_tokens_details = { cached_tokens: variant === 'zeros' ? 0 : n.read };
  counts.cache_read_input_tokens = wire.prompt_tokens_details.cached_tokens;
  if (variant === 'full' && n.reasoning) {
    wire.output_tokens_details = { reasoning_tokens: n.reasoning };
    counts.reasoning_output_tokens = n.reasoning;
  }
  if (call.parts && n.image) {
    wire.image_tokens = n.image;
    wire.input_tokens_details = { text_tokens: input - n.image, image_tokens: n.image };
    counts.modality = { input: { text: input - n.image, image: n.image }, output: {} };
  }
  return tell(wire, counts);
}

function output(call, text, reasoning, calls, finish_reason) {
  if (call.text) return { text, finish_reason };
  const message = { role: 'assistant', content: call.parts ? (text ? [{ text }] : []) : text };
  if (reasoning !== null) message.reasoning_content = reasoning;
  if (calls) message.tool_calls = calls;
  return { choices: [{ message, finish_reason, ...(call.parts ? {} : { index: 0 }) }] };
}

/** What each event of a stream says: [text, reasoning, tool calls]. */
function steps(call, content, random) {
  const reasoning = slices((!call.text && content.reasoning) || '', random);
  const text = slices(content.text || '', random);
  const shown = (list, i) => (call.incremental ? list[i] : list.slice(0, i + 1).join(''));
  const before = call.incremental ? '' : reasoning.join('');
  const out = [...reasoning.map((_, i) => ['', shown(reasoning, i)]), ...text.map((_, i) => [shown(text, i), before])];
  if (content.calls.length) {
    out.push([call.incremental ? '' : text.join(''), before, content.calls.map((c, index) => ({ index, id: c.id, type: 'function',
      function: { name: c.name, arguments: JSON.stringify(c.args) } }))]);
  }
  return out;
}

function answer(call, content, random, options) {
  for (const c of content.calls) c.id = id('call_', random);
  const sent = options.usage === 'absent' ? undefined : usage(call, random, options);
  const request_id = id('', random, 36);
  const stop_reason = STOPS[content.stop];
  const told = { stop_reason, response_id: request_id };
  const body = (out, u) => JSON.stringify({ output: out, ...(u && { usage: u }), request_id });
  if (!call.streamed) {
    const calls = content.calls.length ? content.calls.map((c) => ({ id: c.id, type: 'function', index: 0,
      function: { name: c.name, arguments: JSON.stringify(c.args) } })) : undefined;
    return { pieces: [{ data: body(output(call, content.text || '', content.reasoning, calls, stop_reason), sent), usage: sent }], ...told };
  }
  const all = [...steps(call, content, random)];
  if (call.incremental) all.push(['', '']);
  const pieces = all.map(([text, reasoning, calls], i) => {
    const end = i === all.length - 1;
    const partial = sent && tell({ total_tokens: sent.input_tokens + i + 1, input_tokens: sent.input_tokens, output_tokens: i + 1 },
      { input_tokens: sent.input_tokens, output_tokens: i + 1 });
    const u = end ? sent : partial;
    const json = body(output(call, text, reasoning, calls, end ? stop_reason : 'null'), u);
    return { data: `id:${i + 1}\nevent:result\n:HTTP_STATUS/200\ndata:${json}\n\n`, usage: u };
  });
  return { pieces, ...told };
}

const CODES = { 400: 'InvalidParameter', 401: 'InvalidApiKey', 404: 'ModelNotFound', 429: 'Throttling.RateQuota' };
const errorBody = (status, message) => ({ code: CODES[status] || 'InternalError', message, request_id: 'r-1' });

module.exports = {
  name: 'dashscope.generation',
  provider: 'alibaba',
  match: (path) => {
    const found = /\/services\/aigc\/(text|multimodal)-generation\/generation$/.exec(path);
    return found && { parts: found[1] === 'multimodal' };
  },
  parse, answer, normalise, errorBody,
  errorEvent: () => `id:9\nevent:error\n:HTTP_STATUS/429\ndata:${JSON.stringify(errorBody(429, 'Requests rate limit exceeded'))}\n\n`,
};
