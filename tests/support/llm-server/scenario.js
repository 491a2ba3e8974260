// SPDX-License-Identifier: MIT
// Scenarios: what the model "says" in each round. A file holds
//   { "seed": 1, "defaults": {options}, "steps": [ {"read": FILE}, {"run": COMMAND}, {"text": "Done."} ] }
// A step may ask for several tools at once and may carry "options" of its own, which README.md lists.
'use strict';

const fs = require('fs');
const { asked, sample } = require('./tools');

const DEFAULT_TEXT = 'Erledigt – 完了 ✓ naïve café, 3 < 4 & "quoted" \\ done. 🙂';

/** Text of `bytes` bytes in UTF-8, with characters of one to four bytes. */
function padding(bytes) {
  const unit = 'Lorem ipsum – dolor ✓ sit 🙂 amet ';
  const text = Buffer.from(unit.repeat(Math.ceil(bytes / Buffer.byteLength(unit)) + 1));
  let end = bytes;
  while (end > 0 && (text[end] & 0xc0) === 0x80) end--;
  return text.subarray(0, end).toString() + '.'.repeat(bytes - end);
}

class Scenario {
  constructor(file, workdir) {
    const read = file ? JSON.parse(fs.readFileSync(file, 'utf8')) : {};
    this.workdir = workdir;
    this.steps = read.steps || [{}];
    this.defaults = read.defaults || {};
    this.seed = read.seed === undefined ? 1 : read.seed;
    this.alpn = read.alpn || ['h2', 'http/1.1'];
    this.http2 = read.http2 || {};
    this.websocket = read.websocket || {};
    this.failures = new Map(); // the request's tag and step -> answers with an error status so far
  }

  /** The step for a call that has seen `call.rounds` rounds of tools, and its options. */
  step(call, request) {
    const wantsTools = this.steps.some((s) => s.read || s.run || s.tool);
    const side = !!call.json || (wantsTools && call.tools.length === 0);
    const index = Math.min(call.rounds, this.steps.length - 1);
    const step = side ? { text: 'A short title' } : this.steps[index];
    const options = { ...this.defaults, ...step.options, ...request.script, round: call.rounds };
    if ((options.status || options.reset) && options.times !== undefined) {
      const which = `${request.headers['x-tag'] || ''} ${index}`;
      const failed = this.failures.get(which) || 0;
      if (failed >= options.times) Object.assign(options, { status: undefined, reset: false });
      else this.failures.set(which, failed + 1);
    }
    return { step, side, options };
  }

  /** What the model says: {reasoning, text, calls, stop}. */
  content(step, call, options) {
    const calls = asked(step, call.tools, this.workdir);
    let text = options.answer_bytes ? padding(options.answer_bytes) : options.answer_text || step.text;
    if (call.json) text = JSON.stringify(sample(call.json));
    else if (text === undefined && calls.length === 0) text = DEFAULT_TEXT;
    const reasoning = options.reasoning ? 'Let me think – überlegen … first this, then that.' : null;
    return { reasoning, text: text || null, calls, stop: options.stop || (calls.length ? 'tools' : 'end') };
  }
}

module.exports = { Scenario };
