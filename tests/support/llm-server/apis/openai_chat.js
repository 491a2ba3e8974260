// SPDX-License-Identifier: MIT
// OpenAI Chat Completions (platform.openai.com/docs/api-reference/chat and .../chat-streaming).
'use strict';

const dialects = require('./openai_dialects');
const { slices, id, event } = require('./text');
const { draw, variantOf, known, normal, told } = require('../usage');

const STOPS = { end: 'stop', tools: 'tool_calls', length: 'length' };

function parse(body) {
  const messages = body.messages || [];
  const lastUser = messages.map((m) => m.role === 'user').lastIndexOf(true);
  const lastAssistant = messages.map((m) => m.role === 'assistant').lastIndexOf(true);
  const format = body.response_format || {};
  return {
    model: body.model,
    streamed: body.stream === true,
    wantsUsage: body.stream !== true || !!(body.stream_options && body.stream_options.include_usage),
    tools: (body.tools || []).filter((t) => t.function).map((t) => ({ name: t.function.name, schema: t.function.parameters })),
    rounds: messages.slice(lastUser + 1).filter((m) => m.role === 'assistant' && (m.tool_calls || []).length).length,
    results: messages.slice(lastAssistant + 1).filter((m) => m.role === 'tool')
      .map((m) => ({ id: m.tool_call_id, bytes: JSON.stringify(m.content || '').length, failed: false })),
    json: format.type === 'json_schema' ? format.json_schema.schema : format.type === 'json_object' ? {} : null,
  };
}

function usage(random, options) {
  const n = draw(random, options);
  if (options.dialect) return dialects[options.dialect].usage(n);
  const variant = variantOf(options.usage, random);
  const prompt = n.uncached + n.read + n.write5 + n.audio;
  const completion = n.visible + n.reasoning + n.audioOut;
  const out = { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
  if (variant === 'nulls') Object.assign(out, { prompt_tokens_details: null, completion_tokens_details: null });
  if (variant === 'zeros') Object.assign(out, { prompt_tokens_details: { cached_tokens: 0 }, completion_tokens_details: { reasoning_tokens: 0 } });
  if (variant === 'full') {
    out.prompt_tokens_details = { cached_tokens: n.read, audio_tokens: n.audio, ...(n.write5 && { cache_write_tokens: n.write5 }) };
    out.completion_tokens_details = { reasoning_tokens: n.reasoning, audio_tokens: n.audioOut,
      accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 };
  }
  return out;
}

function normalise(sent) {
  const last = sent[sent.length - 1] || {};
  if (told(last)) return told(last);
  const input = last.prompt_tokens_details || {};
  const output = last.completion_tokens_details || {};
  const audio = (d) => (known(d.audio_tokens) === null ? {} : { audio: d.audio_tokens });
  return normal({
    input_tokens: known(last.prompt_tokens), cache_read_input_tokens: known(input.cached_tokens),
    cache_write_input_tokens: known(input.cache_write_tokens),
    output_tokens: known(last.completion_tokens), reasoning_output_tokens: known(output.reasoning_tokens),
    modality: { input: audio(input), output: audio(output) },
  });
}

function deltas(content, random, dialect) {
  const out = [{ role: 'assistant', content: '' }];
  for (const thought of slices(content.reasoning || '', random)) {
    out.push(dialect === 'mistral' ? { content: [{ type: 'thinking', thinking: [{ type: 'text', text: thought }] }] }
      : ['groq', 'openrouter', 'vllm'].includes(dialect) ? { reasoning: thought } : { reasoning_content: thought });
  }
  for (const text of slices(content.text || '', random)) out.push({ content: text });
  content.calls.forEach((call, index) => {
    out.push({ tool_calls: [{ index, id: call.id, type: 'function', function: { name: call.name, arguments: '' } }] });
    for (const part of slices(JSON.stringify(call.args), random)) {
      out.push({ tool_calls: [{ index, function: { arguments: part } }] });
    }
  });
  return out;
}

/** The last chunks of a stream: where the finish reason and the usage stand. */
function endings(chunk, stop_reason, sent, none, options, random) {
  const { place = random.chance(0.2) ? 'finish' : 'after', choices = [] } = dialects[options.dialect] || {};
  const finish = { index: 0, delta: {}, finish_reason: stop_reason };
  const carrying = { finish: [[finish], { usage: sent }], every: [[finish], { usage: sent }], choice: [[{ ...finish, usage: sent }]],
    x_groq: [[finish], { x_groq: { id: 'req_1', usage: sent } }] }[place];
  if (sent && carrying) return [{ data: chunk(...carrying), usage: sent }];
  const last = [{ data: chunk([finish], none) }];
  return sent ? [...last, { data: chunk(choices, { usage: sent }), usage: sent }] : last;
}

/** Usage in every chunk, of what there is so far. */
function running(pieces, chunk, all, sent, options) {
  pieces.forEach((piece, i) => {
    const usage = dialects[options.dialect].usage({ uncached: sent.prompt_tokens, read: 0 }, i);
    Object.assign(piece, { usage, data: chunk([{ index: 0, delta: all[i], finish_reason: null }], { usage }) });
  });
}

function whole(base, content, finish_reason, sent) {
  const message = { role: 'assistant', content: content.text || null, refusal: null };
  if (content.reasoning) message.reasoning_content = content.reasoning;
  if (content.calls.length) {
    message.tool_calls = content.calls.map((c) => ({ id: c.id, type: 'function',
      function: { name: c.name, arguments: JSON.stringify(c.args) } }));
  }
  return { ...base, object: 'chat.completion', choices: [{ index: 0, message, logprobs: null, finish_reason }], ...(sent && { usage: sent }) };
}

function answer(call, content, random, options) {
  for (const c of content.calls) c.id = id('call_', random);
  const dialect = dialects[options.dialect];
  const sent = (call.wantsUsage || dialect) && options.usage !== 'absent' ? usage(random, options) : undefined;
  const stop_reason = STOPS[content.stop];
  const base = { id: id('chatcmpl-', random), created: 1700000000, model: call.model };
  if (!call.streamed) {
    return { pieces: [{ data: JSON.stringify(whole(base, content, stop_reason, sent)), usage: sent }], stop_reason, response_id: base.id };
  }
  const eol = options.eol || '\n';
  const chunk = (choices, extra) => event('', { ...base, object: 'chat.completion.chunk', choices, ...extra }, eol);
  const none = call.wantsUsage && !dialect ? { usage: null } : {};
  const all = deltas(content, random, options.dialect);
  const pieces = all.map((delta) => ({ data: chunk([{ index: 0, delta, finish_reason: null }], none) }));
  if (dialect && dialect.place === 'every' && sent) running(pieces, chunk, all, sent, options);
  pieces.splice(1, 0, { data: `${(dialect && dialect.comment) || ': keep-alive'}${eol}${eol}` });
  if (dialect && dialect.first) pieces.unshift({ data: event('', dialect.first, eol) });
  pieces.push(...endings(chunk, stop_reason, sent, none, options, random), { data: event('', '[DONE]', eol) });
  return { pieces, stop_reason, response_id: base.id };
}

const errorBody = (status, message) => ({ error: { message, type: status === 429 ? 'rate_limit_exceeded' : 'server_error',
  param: null, code: status === 401 ? 'invalid_api_key' : null } });

module.exports = {
  name: 'openai.chat',
  provider: 'openai',
  match: (path) => (/\/chat\/completions$/.test(path) ? {} : null),
  parse, usage, answer, normalise, errorBody,
  errorEvent: (options, call) => {
    const said = errorBody(500, 'The server had an error');
    if (options.dialect === 'openrouter') { // the answer goes on to its end, as far as its form goes
      Object.assign(said, { id: 'gen-1', object: 'chat.completion.chunk', model: call.model,
        choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }] });
    }
    return event('', said, options.eol);
  },
};
