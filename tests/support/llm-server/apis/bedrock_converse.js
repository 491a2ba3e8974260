// SPDX-License-Identifier: MIT
// Amazon Bedrock Converse and ConverseStream (docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html).
'use strict';

const bedrock = require('./bedrock');
const { event } = require('./eventstream');
const { slices, id } = require('./text');
const { draw, variantOf, tell, normalise } = require('../usage');

const STOPS = { end: 'end_turn', tools: 'tool_use', length: 'max_tokens' };
const has = (message, key) => (message.content || []).some((part) => part[key]);

function parse(body, matched) {
  const messages = body.messages || [];
  const lastUser = messages.map((m) => m.role === 'user' && !has(m, 'toolResult')).lastIndexOf(true);
  return {
    ...matched,
    tools: ((body.toolConfig || {}).tools || []).filter((t) => t.toolSpec)
      .map(({ toolSpec }) => ({ name: toolSpec.name, schema: (toolSpec.inputSchema || {}).json })),
    rounds: messages.slice(lastUser + 1).filter((m) => m.role === 'assistant' && has(m, 'toolUse')).length,
    results: messages.slice(-1).flatMap((m) => m.content || []).filter((part) => part.toolResult)
      .map(({ toolResult: r }) => ({ id: r.toolUseId, bytes: JSON.stringify(r.content || '').length, failed: r.status === 'error' })),
    json: null,
  };
}

/** Input goes without what the cache gave and took. */
function usage(random, options) {
  const n = draw(random, options);
  const variant = variantOf(options.usage, random);
  const output = n.visible + n.reasoning;
  const wire = { inputTokens: n.uncached, outputTokens: output, totalTokens: n.uncached + output };
  const counts = { input_tokens: n.uncached, output_tokens: output };
  if (variant === 'plain' || variant === 'nulls') return tell(wire, counts);
  if (variant === 'zeros') n.read = n.write5 = n.write1 = 0;
  const write = n.write5 + n.write1;
  Object.assign(wire, { cacheReadInputTokens: n.read, cacheWriteInputTokens: write, totalTokens: wire.totalTokens + n.read + write,
    serverToolUsage: {} });
  Object.assign(counts, { input_tokens: n.uncached + n.read + write, cache_read_input_tokens: n.read, cache_write_input_tokens: write });
  if (variant === 'zeros') return tell({ ...wire, cacheReadInputTokenCount: 0, cacheWriteInputTokenCount: 0 }, counts);
  if (write) {
    wire.cacheDetails = [{ ttl: '5m', inputTokens: n.write5 }, { ttl: '1h', inputTokens: n.write1 }].filter((d) => d.inputTokens);
    if (n.write5) counts.cache_write_5m_input_tokens = n.write5;
    if (n.write1) counts.cache_write_1h_input_tokens = n.write1;
  }
  return tell(wire, counts);
}

function partsOf(content, random) {
  const out = [];
  if (content.reasoning) out.push({ reasoningContent: { reasoningText: { text: content.reasoning, signature: id('', random, 60) } } });
  if (content.text) out.push({ text: content.text });
  for (const call of content.calls) {
    call.id = id('tooluse_', random);
    out.push({ toolUse: { toolUseId: call.id, name: call.name, input: call.args } });
  }
  return out;
}

function partEvents(part, contentBlockIndex, random) {
  const delta = (d) => ['contentBlockDelta', { contentBlockIndex, delta: d }];
  const out = [];
  if (part.reasoningContent) {
    const { text, signature } = part.reasoningContent.reasoningText;
    out.push(...slices(text, random).map((t) => delta({ reasoningContent: { text: t } })), delta({ reasoningContent: { signature } }));
  } else if (part.toolUse) { // only tools have a beginning of their own
    const { toolUseId, name, input } = part.toolUse;
    out.push(['contentBlockStart', { contentBlockIndex, start: { toolUse: { toolUseId, name } } }],
      ...slices(JSON.stringify(input), random).map((t) => delta({ toolUse: { input: t } })));
  } else {
    out.push(...slices(part.text, random).map((text) => delta({ text })));
  }
  return [...out, ['contentBlockStop', { contentBlockIndex }]];
}

function answer(call, content, random, options) {
  const sent = options.usage === 'absent' ? undefined : usage(random, options);
  const parts = partsOf(content, random);
  const stopReason = STOPS[content.stop];
  const told = { stop_reason: stopReason, response_id: null };
  const end = { metrics: { latencyMs: random.between(200, 9000) }, ...(sent && { usage: sent }) };
  if (!call.streamed) {
    const whole = { ...end, output: { message: { content: parts, role: 'assistant' } }, stopReason };
    return { pieces: [{ data: JSON.stringify(whole), usage: sent }], ...told };
  }
  const events = [['messageStart', { role: 'assistant' }], ...parts.flatMap((part, i) => partEvents(part, i, random)),
    ['messageStop', { stopReason }], ['metadata', end]];
  const pieces = events.map(([name, json]) => ({ data: event(name, json, random) }));
  pieces[pieces.length - 1].usage = sent;
  return { pieces, ...told };
}

module.exports = {
  ...bedrock,
  name: 'bedrock.converse',
  match: (path) => bedrock.matchVerbs(path, 'converse', 'converse-stream'),
  parse, answer, normalise,
};
