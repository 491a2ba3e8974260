// SPDX-License-Identifier: MIT
// OpenAI completions (platform.openai.com/docs/api-reference/completions), as vLLM and others still serve it.
'use strict';

const chat = require('./openai_chat');
const { slices, id, event } = require('./text');

function parse(body) {
  const streamed = body.stream === true;
  return { model: body.model, streamed, wantsUsage: !streamed || !!(body.stream_options || {}).include_usage, tools: [], results: [],
    rounds: 0, json: null };
}

function answer(call, content, random, options) {
  const sent = call.wantsUsage && options.usage !== 'absent' ? chat.usage(random, options) : undefined;
  const stop_reason = content.stop === 'length' ? 'length' : 'stop';
  const base = { id: id('cmpl-', random), object: 'text_completion', created: 1700000000, model: call.model };
  const choice = (text, finish_reason) => [{ text, index: 0, logprobs: null, finish_reason }];
  const told = { stop_reason, response_id: base.id };
  if (!call.streamed) {
    const whole = { ...base, choices: choice(content.text, stop_reason), ...(sent && { usage: sent }) };
    return { pieces: [{ data: JSON.stringify(whole), usage: sent }], ...told };
  }
  const none = call.wantsUsage ? { usage: null } : {};
  const chunk = (choices, extra) => event('', { ...base, choices, ...extra }, options.eol);
  const pieces = slices(content.text, random).map((text) => ({ data: chunk(choice(text, null), none) }));
  pieces.push({ data: chunk(choice('', stop_reason), none) });
  if (sent) pieces.push({ data: chunk([], { usage: sent }), usage: sent });
  pieces.push({ data: event('', '[DONE]', options.eol) });
  return { pieces, ...told };
}

module.exports = {
  ...chat,
  name: 'openai.completions',
  match: (path) => (/\/completions$/.test(path) && !/\/chat\/completions$/.test(path) ? {} : null),
  parse, answer,
};
