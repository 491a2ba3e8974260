// SPDX-License-Identifier: MIT
// OpenAI embeddings (platform.openai.com/docs/api-reference/embeddings): vectors as numbers, or as base64 of floats.
'use strict';

const chat = require('./openai_chat');
const { draw, tell, normalise } = require('../usage');

const parse = (body) => ({ model: body.model, streamed: false, tools: [], results: [], rounds: 0, json: null });

function answer(call, content, random, options) {
  const { uncached } = draw(random, options);
  const usage = options.usage === 'absent' ? undefined
    : tell({ prompt_tokens: uncached, total_tokens: uncached }, { input_tokens: uncached });
  const vector = Float32Array.from({ length: 256 }, () => random.next() * 2 - 1);
  const embedding = call.body.encoding_format === 'base64' ? Buffer.from(vector.buffer).toString('base64') : [...vector];
  const data = [].concat(call.body.input).map((_, index) => ({ object: 'embedding', index, embedding }));
  const whole = { object: 'list', data, model: call.model, ...(usage && { usage }) };
  return { pieces: [{ data: JSON.stringify(whole), usage }], stop_reason: null, response_id: null };
}

module.exports = { ...chat, name: 'openai.embeddings', match: (path) => (/\/embeddings$/.test(path) ? {} : null), parse, answer, normalise };
