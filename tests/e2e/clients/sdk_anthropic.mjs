// SPDX-License-Identifier: MIT
// Anthropic's own SDK: messages, streams with and without its helper, beta, its retries; with its own counting of tokens between.
import { drain, fromCache, origin, play } from './play.mjs';

const { Anthropic } = fromCache('@anthropic-ai/sdk');
const client = new Anthropic({ apiKey: 'dummy', baseURL: origin, maxRetries: 2 });
const tool = { name: 'read_file', description: 'Reads a file',
  input_schema: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] } };
const messages = [{ role: 'user', content: [{ type: 'text', text: 'Hallo – 你好', cache_control: { type: 'ephemeral' } }] }];

await play(async (call) => {
  const options = { headers: call.headers };
  const body = { model: call.model, max_tokens: 1024, system: 'Kurz, bitte.', messages, ...(call.tools && { tools: [tool] }) };
  if (call.listings) {
    await client.messages.countTokens({ model: call.model, messages }, options);
    await client.messages.batches.create({ requests: [{ custom_id: '1', params: body }] }, options);
    return client.models.list({}, options);
  }
  if (call.loop) {
    const first = await client.messages.create({ ...body, tools: [tool] }, options);
    const results = first.content.filter((part) => part.type === 'tool_use')
      .map((asked) => ({ type: 'tool_result', tool_use_id: asked.id, content: 'eins\nzwei' }));
    return client.messages.create({ ...body, tools: [tool], messages: [...messages, { role: 'assistant', content: first.content },
      { role: 'user', content: results }] }, options);
  }
  if (!call.stream) return (call.helper ? client.beta.messages : client.messages).create(body, options);
  if (call.helper) return client.messages.stream(body, options).finalMessage();
  const stream = await client.messages.create({ ...body, stream: true }, options);
  return drain(stream, call, () => stream.controller.abort());
});
