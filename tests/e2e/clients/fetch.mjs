// SPDX-License-Identifier: MIT
// Node's own fetch.
import { bodyOf, drain, play } from './play.mjs';

await play(async (call) => {
  const left = new AbortController();
  if (call.patience_ms) setTimeout(() => left.abort(), call.patience_ms);
  const answer = await fetch(call.url, { method: 'POST', headers: call.headers, body: bodyOf(call), signal: left.signal });
  if (call.leave || call.stream) await drain(answer.body, call, () => left.abort());
  else await answer.text();
});
