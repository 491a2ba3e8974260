// SPDX-License-Identifier: MIT
// Makes up token counts. They have nothing to do with the lengths of the texts, so that nobody who
// guesses or counts can be right by chance.
'use strict';

const VARIANTS = ['full', 'plain', 'nulls', 'zeros'];

/** Counts of one call. Options: `usage_scale` makes them smaller, for agents that give up context when it seems
 * full; `usage_growing` makes the input grow from round to round and be read from the cache, for a demonstration. */
function draw(random, options) {
  const upTo = (high) => random.between(1, Math.max(2, Math.round(high * (options.usage_scale || 1))));
  const maybe = (chance, high) => (random.chance(chance) ? upTo(high) : 0);
  const counts = {
    uncached: upTo(90000), read: maybe(0.7, 800000), write5: maybe(0.5, 30000), write1: maybe(0.3, 30000),
    visible: upTo(20000), reasoning: maybe(0.5, 9000), image: maybe(0.3, 3000), audio: maybe(0.3, 3000),
    audioOut: maybe(0.2, 900),
  };
  if (!options.usage_growing) return counts;
  const read = options.round ? 9600 + 1700 * options.round : 0;
  return { ...counts, uncached: options.round ? random.between(900, 1700) : 11300, read, write5: 0, write1: 0, image: 0, audio: 0 };
}

/** The variant that an option asks for; "mix" draws one. */
const variantOf = (option, random) => (option === 'mix' ? random.pick(VARIANTS) : option || 'full');

const known = (value) => (typeof value === 'number' ? value : null);
const sum = (...values) => (values.every((v) => v === null) ? null : values.reduce((a, v) => a + (v || 0), 0));

/** The referee's form: inclusive of cache and of reasoning, null where the provider said nothing. */
function normal(fields) {
  return {
    input_tokens: null, cache_read_input_tokens: null, cache_write_input_tokens: null,
    cache_write_5m_input_tokens: null, cache_write_1h_input_tokens: null,
    output_tokens: null, reasoning_output_tokens: null, modality: { input: {}, output: {} }, ...fields,
  };
}

const meant = new WeakMap(); // what goes over the wire -> what it means, in the referee's form

/** Says what a usage object on the wire means; returns the object. */
function tell(wire, counts) {
  meant.set(wire, normal(counts));
  return wire;
}

/** What was said of a usage object, if anything. */
const told = (wire) => meant.get(wire);

/** The meaning of the last that was sent. */
const normalise = (sent) => (sent.length ? told(sent[sent.length - 1]) : normal({}));

module.exports = { draw, variantOf, known, sum, normal, tell, told, normalise };
