// SPDX-License-Identifier: MIT
// Amazon Bedrock InvokeModel and InvokeModelWithResponseStream: each vendor's own body
// (docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html); in a stream base64 in chunks, of which the last brings
// the service's own counts; else they stand in headers.
'use strict';

const anthropic = require('./anthropic');
const bedrock = require('./bedrock');
const { event } = require('./eventstream');
const { slices } = require('./text');
const { draw, tell, normalise } = require('../usage');

const isClaude = (call) => /anthropic/.test(call.model);

function parse(body, matched) {
  const call = { ...matched, tools: [], results: [], rounds: 0, json: null };
  if (!isClaude(call)) return call;
  const { model, streamed, ...rest } = anthropic.parse(body);
  return { ...call, ...rest, api: 'anthropic.messages', provider: 'anthropic' };
}

/** What a vendor's body says of the text and the counts: the documents of a stream, or the only one; and (`so_far`) what a stream's
 * earlier documents count, as [input, output]. */
const VENDORS = {
  meta(texts, n, stop, streamed) {
    const said = stop === 'length' ? 'length' : 'stop';
    const one = (generation, i, end) => ({ generation, prompt_token_count: streamed && i ? null : n.input,
      generation_token_count: end ? n.output : i + 1, stop_reason: end ? said : null });
    return { stop_reason: said, documents: texts.map((t, i) => one(t, i, i === texts.length - 1)), so_far: (i) => [n.input, i + 1] };
  },
  'amazon.titan': (texts, n, stop, streamed) => {
    const said = stop === 'length' ? 'LENGTH' : 'FINISH';
    if (!streamed) {
      return { stop_reason: said, documents: [{ inputTextTokenCount: n.input,
        results: [{ tokenCount: n.output, outputText: texts[0], completionReason: said }] }] };
    }
    return { stop_reason: said, so_far: () => [n.input, null], documents: texts.map((outputText, i) => {
      const end = i === texts.length - 1;
      return { outputText, index: 0, totalOutputTextTokenCount: end ? n.output : null, completionReason: end ? said : null,
        inputTextTokenCount: i ? null : n.input };
    }) };
  },
  mistral(texts, n, stop) { // counts nothing itself
    const said = stop === 'length' ? 'length' : 'stop';
    return { stop_reason: said, documents: texts.map((text, i) => ({ outputs: [{ text, stop_reason: i === texts.length - 1 ? said : null }] })) };
  },
  nova(texts, n, stop, streamed) {
    const stopReason = stop === 'length' ? 'max_tokens' : 'end_turn';
    const usage = { inputTokens: n.input, outputTokens: n.output, totalTokens: n.input + n.output,
      cacheReadInputTokenCount: 0, cacheWriteInputTokenCount: 0 };
    if (!streamed) return { stop_reason: stopReason, documents: [{ output: { message: { content: [{ text: texts[0] }], role: 'assistant' } }, stopReason, usage }] };
    return { stop_reason: stopReason, documents: [{ messageStart: { role: 'assistant' } },
      ...texts.map((text) => ({ contentBlockDelta: { delta: { text }, contentBlockIndex: 0 } })),
      { contentBlockStop: { contentBlockIndex: 0 } }, { messageStop: { stopReason } }, { metadata: { usage, metrics: {}, trace: {} } }] };
  },
};

const METRICS = 'amazon-bedrock-invocationMetrics';
const chunk = (json, random) => event('chunk', { bytes: Buffer.from(JSON.stringify(json)).toString('base64') }, random);
const latencies = (random) => ({ invocationLatency: random.between(300, 9000), firstByteLatency: random.between(100, 300) });

function claude(call, content, random, options) {
  const said = anthropic.answer(call, content, random, options);
  if (!call.streamed) return said;
  const counts = said.pieces.map((p) => p.usage).filter(Boolean);
  const last = Object.assign({}, ...counts.map((u) => Object.fromEntries(Object.entries(u).filter(([, v]) => v !== null))));
  for (const piece of said.pieces) {
    if (piece.json.type === 'message_stop' && counts.length) {
      piece.json[METRICS] = { inputTokenCount: last.input_tokens, outputTokenCount: last.output_tokens, ...latencies(random),
        ...(last.cache_read_input_tokens !== undefined && { cacheReadInputTokenCount: last.cache_read_input_tokens,
          cacheWriteInputTokenCount: last.cache_creation_input_tokens }) };
    }
    piece.data = chunk(piece.json, random);
  }
  return said;
}

function answer(call, content, random, options) {
  if (isClaude(call)) return claude(call, content, random, options);
  const drawn = draw(random, options);
  const n = { input: drawn.uncached, output: drawn.visible };
  const vendor = Object.keys(VENDORS).find((name) => call.model.includes(name)) || 'meta';
  const texts = call.streamed ? slices(content.text, random) : [content.text];
  const { documents, stop_reason, so_far } = VENDORS[vendor](texts, n, content.stop, call.streamed);
  const usage = tell({ inputTokenCount: n.input, outputTokenCount: n.output }, { input_tokens: n.input, output_tokens: n.output,
    ...(vendor === 'nova' && { cache_read_input_tokens: 0, cache_write_input_tokens: 0 }) });
  if (!call.streamed) {
    const headers = { 'x-amzn-bedrock-input-token-count': n.input, 'x-amzn-bedrock-output-token-count': n.output,
      'x-amzn-bedrock-invocation-latency': 1234 };
    return { pieces: [{ data: JSON.stringify(documents[0]), usage }], headers, stop_reason, response_id: null };
  }
  const pieces = documents.map((json, i) => {
    if (i < documents.length - 1) {
      const [input_tokens, output_tokens] = so_far ? so_far(i) : [];
      return { data: chunk(json, random), usage: so_far && tell({ ...json }, { input_tokens, output_tokens }) };
    }
    return { data: chunk({ ...json, [METRICS]: { ...usage, ...latencies(random) } }, random), usage };
  });
  return { pieces, stop_reason, response_id: null };
}

module.exports = {
  ...bedrock,
  name: 'bedrock.invoke',
  match: (path) => bedrock.matchVerbs(path, 'invoke', 'invoke-with-response-stream'),
  parse, answer,
  normalise: (sent, call) => (isClaude(call) ? anthropic.normalise(sent) : normalise(sent)),
};
