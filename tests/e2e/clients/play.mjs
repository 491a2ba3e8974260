// SPDX-License-Identifier: MIT
// What the clients for Node share: CLIENT.mjs SERVER_DIR PLAN.json. A plan is {scheme, calls}; a call has at least url, headers,
// body (text), and for SDKs api, model, stream, tools.
import { createRequire } from 'node:module';
import fs from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';

const [, , directory, planFile] = process.argv;
export const server = JSON.parse(fs.readFileSync(path.join(directory, 'ready.json'), 'utf8'));
export const plan = JSON.parse(fs.readFileSync(planFile, 'utf8'));
export const origin = server[plan.scheme];

const cache = createRequire(path.join(process.env.TOKPROF_CLIENTS || '/', 'package.json'));

/** A package from the tests' cache. */
export const fromCache = (name) => cache(name);
export const placeInCache = (name) => cache.resolve(name);

/** The body as it goes over the wire. */
export const bodyOf = (call) => (call.packed ? gzipSync(call.body) : call.body);

export const wait = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** What is expected to go wrong: an error that the script asked for, an answer that was left. */
export const mayFail = (call) => call.leave || call.script.status || call.script.error_after !== undefined || call.script.cut_after !== undefined
  || (call.script.reset && !call.script.times);

/** Plays all calls, some at a time; says which failed. */
export async function play(one, atOnce = 4) {
  const left = [...plan.calls];
  const failures = [];
  const worker = async () => {
    for (let call = left.shift(); call; call = left.shift()) {
      try {
        await one(call);
        if (call.leave && !call.left) failures.push(`${call.model}: the answer ended, it should have been left`);
      } catch (error) {
        if (!mayFail(call)) failures.push(`${call.model} (${call.api}): ${error.stack} ${error.cause || ''}`);
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  for (const failure of failures) console.error(failure);
  process.exitCode = failures.length ? 1 : 0;
}

/** Reads a stream to its end; leaves it after the first piece where the call says so. */
export async function drain(stream, call, abort) {
  for await (const piece of stream) {
    if (call.leave && piece) {
      call.left = true; // some end quietly then, some throw
      await wait(30);
      abort();
    }
  }
}
