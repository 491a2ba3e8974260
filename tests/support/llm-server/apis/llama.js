// SPDX-License-Identifier: MIT
// llama.cpp's server, /completion (github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md). `tokens_evaluated` is the
// whole prompt; `tokens_cached` is what the slot holds at the end, answer included.
'use strict';

const { slices, event } = require('./text');
const { draw, variantOf, tell, normalise } = require('../usage');

const parse = (body) => ({ model: body.model || 'local.gguf', streamed: body.stream === true, tools: [], results: [], rounds: 0, json: null });

function usage(random, options) {
  const n = draw(random, options);
  const variant = variantOf(options.usage, random);
  const prompt = n.uncached + n.read;
  const timings = { cache_n: n.read, prompt_n: n.uncached, prompt_ms: 157.6, prompt_per_token_ms: 1.5, prompt_per_second: 634.5,
    predicted_n: n.visible, predicted_ms: 1533.1, predicted_per_token_ms: 10.8, predicted_per_second: 92.1 };
  const wire = { tokens_predicted: n.visible, tokens_evaluated: prompt, tokens_cached: prompt + n.visible - 1, timings };
  const counts = { input_tokens: prompt, cache_read_input_tokens: n.read, output_tokens: n.visible };
  if (variant === 'plain') delete timings.cache_n; // before it was told: what was not computed was there
  if (variant === 'nulls') {
    delete wire.timings;
    counts.cache_read_input_tokens = null;
  }
  return tell(wire, counts);
}

function answer(call, content, random, options) {
  const sent = options.usage === 'absent' ? undefined : usage(random, options);
  const stop_type = content.stop === 'length' ? 'limit' : 'eos';
  const end = { index: 0, tokens: [], id_slot: 0, stop: true, model: call.model, generation_settings: { n_predict: -1, seed: 4294967295,
    temperature: 0.8, stop: [], stream: call.streamed }, prompt: '<s>Hallo', has_new_line: false, truncated: false, stop_type,
  stopping_word: '', ...sent };
  const told = { stop_reason: stop_type, response_id: null };
  if (!call.streamed) return { pieces: [{ data: JSON.stringify({ ...end, content: content.text }), usage: sent }], ...told };
  const pieces = [];
  if (call.body.return_progress) {
    pieces.push({ data: event('', { index: 0, content: '', tokens: [], stop: false, id_slot: 0,
      prompt_progress: { total: 9, cache: 0, processed: 9, time_ms: 12 } }) });
  }
  slices(content.text, random).forEach((text, i) => { // each counts what there is so far
    const so_far = sent && tell({ tokens_predicted: i + 1, tokens_evaluated: sent.tokens_evaluated },
      { input_tokens: sent.tokens_evaluated, output_tokens: i + 1 });
    pieces.push({ data: event('', { index: 0, content: text, tokens: [i], stop: false, id_slot: -1, ...so_far }), usage: so_far });
  });
  pieces.push({ data: event('', { ...end, content: '' }), usage: sent });
  return { pieces, ...told };
}

const errorBody = (status, message) => ({ error: { code: status, message, type: status === 400 ? 'invalid_request_error' : 'server_error' } });

module.exports = {
  name: 'llama.completion',
  provider: 'llama.cpp',
  match: (path) => (/\/completion$/.test(path) ? {} : null),
  parse, answer, normalise, errorBody,
  errorEvent: () => event('', errorBody(500, 'context shift is disabled')),
};
