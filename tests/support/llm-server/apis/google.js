// SPDX-License-Identifier: MIT
// Gemini generateContent and streamGenerateContent, as events (alt=sse) or as one JSON array
// (ai.google.dev/api/generate-content).
'use strict';

const { slices, id, event } = require('./text');
const { draw, variantOf, known, sum, normal } = require('../usage');

const STOPS = { end: 'STOP', tools: 'STOP', length: 'MAX_TOKENS' };
const partsWith = (content, key) => (content.parts || []).filter((p) => p[key]);

function parse(body, matched, query) {
  const contents = body.contents || [];
  const asks = (c) => c.role === 'model' && partsWith(c, 'functionCall').length > 0;
  const lastUser = contents.map((c) => c.role !== 'model' && !partsWith(c, 'functionResponse').length).lastIndexOf(true);
  const config = body.generationConfig || {};
  const schema = config.responseJsonSchema || config.responseSchema;
  return {
    model: matched.model,
    streamed: matched.streamed,
    sse: query.get('alt') === 'sse',
    tools: (body.tools || []).flatMap((t) => t.functionDeclarations || t.function_declarations || [])
      .map((f) => ({ name: f.name, schema: f.parametersJsonSchema || f.parameters })),
    rounds: contents.slice(lastUser + 1).filter(asks).length,
    results: contents.slice(-1).flatMap((c) => partsWith(c, 'functionResponse'))
      .map(({ functionResponse: r }) => ({ id: r.id || r.name, bytes: JSON.stringify(r.response || '').length, failed: !!(r.response || {}).error })),
    json: schema || (config.responseMimeType === 'application/json' ? {} : null),
  };
}

function usage(random, options) {
  const n = draw(random, options);
  const variant = variantOf(options.usage, random);
  const prompt = n.uncached + n.read + n.image + n.audio;
  const out = { promptTokenCount: prompt, candidatesTokenCount: n.visible, totalTokenCount: prompt + n.visible };
  if (variant === 'zeros') Object.assign(out, { cachedContentTokenCount: 0, thoughtsTokenCount: 0 });
  if (variant !== 'full') return out;
  if (n.read) out.cachedContentTokenCount = n.read;
  if (n.reasoning) out.thoughtsTokenCount = n.reasoning;
  if (options.tool_use_prompt) out.toolUsePromptTokenCount = options.tool_use_prompt;
  out.totalTokenCount += n.reasoning + (options.tool_use_prompt || 0);
  out.promptTokensDetails = [{ modality: 'TEXT', tokenCount: n.uncached + n.read }];
  if (n.image) out.promptTokensDetails.push({ modality: 'IMAGE', tokenCount: n.image });
  if (n.audio) out.promptTokensDetails.push({ modality: 'AUDIO', tokenCount: n.audio });
  out.candidatesTokensDetails = [{ modality: 'TEXT', tokenCount: n.visible }];
  return out;
}

function byModality(details) {
  const out = {};
  for (const d of details || []) out[d.modality.toLowerCase()] = (out[d.modality.toLowerCase()] || 0) + d.tokenCount;
  return out;
}

function normalise(sent) {
  const last = sent[sent.length - 1] || {};
  return normal({
    input_tokens: sum(known(last.promptTokenCount), known(last.toolUsePromptTokenCount)),
    cache_read_input_tokens: known(last.cachedContentTokenCount),
    output_tokens: sum(known(last.candidatesTokenCount), known(last.thoughtsTokenCount)),
    reasoning_output_tokens: known(last.thoughtsTokenCount),
    modality: { input: byModality(last.promptTokensDetails), output: byModality(last.candidatesTokensDetails) },
  });
}

function partsOf(content, random) {
  const out = [];
  for (const text of slices(content.reasoning || '', random)) out.push({ text, thought: true });
  for (const text of slices(content.text || '', random)) out.push({ text });
  for (const call of content.calls) {
    const part = { functionCall: { name: call.name, args: call.args } };
    if (random.chance(0.5)) { // older models send no id
      call.id = id('', random, 16);
      part.functionCall.id = call.id;
    }
    part.thoughtSignature = id('', random, 40);
    out.push(part);
  }
  return out;
}

function answer(call, content, random, options) {
  const final = options.usage === 'absent' ? undefined : usage(random, options);
  const finishReason = STOPS[content.stop];
  const base = { modelVersion: call.model, responseId: id('', random, 20) };
  const told = { stop_reason: finishReason, response_id: base.responseId };
  const candidate = (parts, end) => ({ content: { role: 'model', parts }, ...(end && { finishReason }), index: 0 });
  const parts = partsOf(content, random);
  if (!call.streamed) {
    const whole = { candidates: [candidate(parts, true)], ...(final && { usageMetadata: final }), ...base };
    return { pieces: [{ data: JSON.stringify(whole, null, 2), usage: final }], ...told };
  }
  // Each event carries usage so far; the last one counts.
  const documents = parts.map((part, i) => {
    const end = i === parts.length - 1;
    const partial = final && { promptTokenCount: final.promptTokenCount, candidatesTokenCount: i + 1,
      totalTokenCount: final.promptTokenCount + i + 1 };
    const usageMetadata = end ? final : partial;
    return { usage: usageMetadata, json: { candidates: [candidate([part], end)], ...(usageMetadata && { usageMetadata }), ...base } };
  });
  const eol = options.eol || '\r\n';
  const pieces = documents.map(({ json, usage: u }, i) => {
    if (call.sse) return { data: event('', json, eol), usage: u };
    const text = JSON.stringify(json, null, 2);
    return { data: (i ? ',\r\n' : '[') + text + (i === documents.length - 1 ? ']' : ''), usage: u };
  });
  return { pieces, ...told };
}

const STATES = { 400: 'INVALID_ARGUMENT', 401: 'UNAUTHENTICATED', 404: 'NOT_FOUND', 429: 'RESOURCE_EXHAUSTED', 500: 'INTERNAL' };
const errorBody = (status, message) => ({ error: { code: status, message, status: STATES[status] || 'UNAVAILABLE' } });

module.exports = {
  name: 'google.generate_content',
  provider: 'google',
  match: (path) => {
    const found = /\/models\/([^/:]+):(streamGenerateContent|generateContent)$/.exec(path);
    return found && { model: decodeURIComponent(found[1]), streamed: found[2] === 'streamGenerateContent' };
  },
  parse, answer, normalise, errorBody,
  errorEvent: (options, call) => {
    const text = JSON.stringify(errorBody(503, 'The model is overloaded'));
    return call.sse ? event('', text, options.eol || '\r\n') : `,\r\n${text}]`;
  },
};
