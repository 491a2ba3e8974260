// SPDX-License-Identifier: MIT
// Ollama's own client.
import { drain, fromCache, origin, play } from './play.mjs';

const { Ollama } = fromCache('ollama');
const tool = { type: 'function', function: { name: 'read_file', description: 'Reads a file',
  parameters: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] } } };

await play(async (call) => {
  const client = new Ollama({ host: origin, headers: call.headers });
  const { model, stream } = call;
  if (call.listings) return [await client.list(), await client.ps(), await client.show({ model })];
  const said = call.api === 'ollama.chat'
    ? await client.chat({ model, stream, messages: [{ role: 'user', content: 'Hallo – 你好' }], ...(call.tools && { tools: [tool] }) })
    : await client.generate({ model, stream, prompt: 'Hallo – 你好' });
  if (stream) await drain(said, call, () => said.abort());
});
