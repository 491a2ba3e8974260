// SPDX-License-Identifier: MIT
// Amazon's SDK for Bedrock, over HTTP/1.1: Converse, InvokeModel, and their streams.
import fs from 'node:fs';
import https from 'node:https';
import { drain, fromCache, origin, play, server } from './play.mjs';

const bedrock = fromCache('@aws-sdk/client-bedrock-runtime');
const { NodeHttpHandler } = fromCache('@smithy/node-http-handler');
const requestHandler = new NodeHttpHandler({ httpsAgent: new https.Agent({ keepAlive: true, ca: fs.readFileSync(server.ca) }) });
const client = new bedrock.BedrockRuntimeClient({ region: 'us-east-1', endpoint: origin, requestHandler, maxAttempts: 3,
  credentials: { accessKeyId: 'dummy', secretAccessKey: 'dummy' } });

/** Gives the headers that steer the server to one command. */
function steered(command, headers) {
  command.middlewareStack.add((next) => (args) => {
    Object.assign(args.request.headers, headers);
    return next(args);
  }, { step: 'build' });
  return command;
}

await play(async (call) => {
  const left = new AbortController();
  const send = (command) => client.send(steered(command, call.headers), { abortSignal: left.signal });
  if (call.api === 'bedrock.converse') {
    const input = { modelId: call.model, messages: [{ role: 'user', content: [{ text: 'Hallo – 你好' }] }] };
    if (call.tools) input.toolConfig = { tools: [{ toolSpec: { name: 'read_file', inputSchema: { json: { type: 'object', properties: { path: { type: 'string' } } } } } }] };
    if (!call.stream) return send(new bedrock.ConverseCommand(input));
    return drain((await send(new bedrock.ConverseStreamCommand(input))).stream, call, () => left.abort());
  }
  const input = { modelId: call.model, contentType: 'application/json', body: call.body };
  if (!call.stream) return send(new bedrock.InvokeModelCommand(input));
  return drain((await send(new bedrock.InvokeModelWithResponseStreamCommand(input))).body, call, () => left.abort());
});
