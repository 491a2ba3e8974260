// SPDX-License-Identifier: MIT
// What the APIs' answers have in common: pieces of text, ids, server-sent events.
'use strict';

/** Cuts text into pieces at characters, at most about 200 of them. */
function slices(text, random) {
  const longest = Math.max(24, Math.ceil(text.length / 100));
  const out = [];
  for (let at = 0; at < text.length;) {
    let to = Math.min(text.length, at + random.between(1, longest));
    if (to < text.length && /[\udc00-\udfff]/.test(text[to])) to++;
    out.push(text.slice(at, to));
    at = to;
  }
  return out;
}

const ALPHABET = 'abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';

function id(prefix, random, length = 24) {
  let out = prefix;
  for (let i = 0; i < length; i++) out += ALPHABET[random.between(0, ALPHABET.length - 1)];
  return out;
}

/** A server-sent event. `eol` is the line end that this answer uses; all three of the standard are legal. */
function event(name, data, eol = '\n') {
  const text = typeof data === 'string' ? data : JSON.stringify(data);
  return (name ? `event: ${name}${eol}` : '') + `data: ${text}${eol}${eol}`;
}

module.exports = { slices, id, event };
