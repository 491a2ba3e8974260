// SPDX-License-Identifier: MIT
// OpenAI's own SDK: chat, responses, completions, embeddings, its helpers for streams and tools, its retries.
import { drain, fromCache, origin, play } from './play.mjs';

const { OpenAI, AzureOpenAI } = fromCache('openai');
const client = new OpenAI({ apiKey: 'dummy', baseURL: `${origin}/v1`, maxRetries: 2 });
const azure = new AzureOpenAI({ apiKey: 'dummy', endpoint: origin, apiVersion: '2024-10-21' });
const schema = { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] };
const named = { name: 'read_file', description: 'Reads a file', parameters: schema };
const messages = [{ role: 'system', content: 'Kurz, bitte.' }, { role: 'user', content: 'Hallo – 你好' }];

const WAYS = {
  async 'openai.chat'(call, options) {
    const body = { model: call.model, messages, ...(call.tools && { tools: [{ type: 'function', function: named }] }) };
    if (!call.stream) return client.chat.completions.create(body, options);
    Object.assign(body, { stream: true, ...(!call.no_usage && { stream_options: { include_usage: true } }) });
    if (call.helper) return client.chat.completions.stream(body, options).finalChatCompletion();
    const stream = await client.chat.completions.create(body, options);
    return drain(stream, call, () => stream.controller.abort());
  },
  async 'openai.responses'(call, options) {
    const body = { model: call.model, input: 'Hallo – 你好', ...(call.tools && { tools: [{ type: 'function', strict: false, ...named }] }) };
    if (!call.stream) return client.responses.create(body, options);
    if (call.helper) return client.responses.stream(body, options).finalResponse();
    const stream = await client.responses.create({ ...body, stream: true }, options);
    return drain(stream, call, () => stream.controller.abort());
  },
  async 'openai.completions'(call, options) {
    const body = { model: call.model, prompt: 'Es war einmal', max_tokens: 60 };
    if (!call.stream) return client.completions.create(body, options);
    const stream = await client.completions.create({ ...body, stream: true, stream_options: { include_usage: true } }, options);
    return drain(stream, call, () => stream.controller.abort());
  },
  'openai.embeddings': (call, options) => client.embeddings.create({ model: call.model, input: ['eins', 'zwei'],
    ...(call.form && { encoding_format: call.form }) }, options), // base64 unless it is told otherwise
};

/** The second round of a tool loop, as an agent would go on. */
async function loop(call, options) {
  const tools = [{ type: 'function', function: named }];
  const first = await client.chat.completions.create({ model: call.model, messages, tools }, options);
  const { message } = first.choices[0];
  const results = message.tool_calls.map((asked) => ({ role: 'tool', tool_call_id: asked.id, content: 'eins\nzwei' }));
  await client.chat.completions.create({ model: call.model, messages: [...messages, message, ...results], tools }, options);
}

async function onAzure(call, options) {
  const body = { model: call.model, messages };
  if (call.api === 'openai.embeddings') return azure.embeddings.create({ model: call.model, input: 'eins' }, options);
  if (!call.stream) return azure.chat.completions.create(body, options);
  return drain(await azure.chat.completions.create({ ...body, stream: true, stream_options: { include_usage: true } }, options), call);
}

/** What is no model call, though some of it answers like one. */
async function listings(call, options) {
  await client.models.list(options);
  await client.responses.retrieve('resp_1', {}, options);
  await client.responses.cancel('resp_1', options);
  await client.chat.completions.update('chatcmpl-1', { metadata: { seen: 'yes' } }, options);
  await client.moderations.create({ input: 'Hallo' }, options);
  await client.files.list({}, options);
}

const way = (call) => [call.loop && loop, call.azure && onAzure, call.listings && listings, WAYS[call.api]].find(Boolean);
await play((call) => way(call)(call, { headers: call.headers }));
