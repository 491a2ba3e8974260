// SPDX-License-Identifier: MIT
// SDKs of two who speak OpenAI's chat API in their own way: Groq and Mistral.
import { drain, fromCache, origin, placeInCache, play } from './play.mjs';

const { Groq } = fromCache('groq-sdk');
const { Mistral } = await import(placeInCache('@mistralai/mistralai')); // has no form for require
const groq = new Groq({ apiKey: 'dummy', baseURL: origin });
const mistral = new Mistral({ apiKey: 'dummy', serverURL: origin });
const messages = [{ role: 'user', content: 'Hallo – 你好' }];

await play(async (call) => {
  if (call.script.dialect === 'groq') {
    const said = await groq.chat.completions.create({ model: call.model, stream: call.stream, messages }, { headers: call.headers });
    return call.stream && drain(said, call, () => said.controller.abort());
  }
  const options = { headers: call.headers };
  if (!call.stream) return mistral.chat.complete({ model: call.model, messages }, options);
  return drain(await mistral.chat.stream({ model: call.model, messages }, options), call);
});
