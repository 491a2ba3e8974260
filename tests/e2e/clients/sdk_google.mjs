// SPDX-License-Identifier: MIT
// Google's own SDK for the Gemini API: content, streams, chats.
import { drain, fromCache, origin, play } from './play.mjs';

const { GoogleGenAI } = fromCache('@google/genai');
const gemini = new GoogleGenAI({ apiKey: 'dummy', httpOptions: { baseUrl: origin } });
const vertex = new GoogleGenAI({ vertexai: true, apiKey: 'dummy', httpOptions: { baseUrl: origin } });
const tool = { functionDeclarations: [{ name: 'read_file', description: 'Reads a file',
  parametersJsonSchema: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] } }] };

await play(async (call) => {
  const client = call.vertex ? vertex : gemini;
  const left = new AbortController();
  const config = { httpOptions: { headers: call.headers }, systemInstruction: 'Kurz, bitte.', abortSignal: left.signal,
    ...(call.tools && { tools: [tool] }) };
  const request = { model: call.model, contents: 'Hallo – 你好', config };
  if (call.listings) return client.models.countTokens({ model: call.model, contents: 'Hallo' });
  if (call.helper) {
    const chat = client.chats.create({ model: call.model, config });
    return call.stream ? drain(await chat.sendMessageStream({ message: 'Hallo' }), call) : chat.sendMessage({ message: 'Hallo' });
  }
  if (!call.stream) return client.models.generateContent(request);
  return drain(await client.models.generateContentStream(request), call, () => left.abort());
});
