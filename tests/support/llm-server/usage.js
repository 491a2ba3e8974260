// SPDX-License-Identifier: MIT
// Makes up token counts. They have nothing to do with the lengths of the texts, so that nobody who
// guesses or counts can be right by chance.
'use strict';

const VARIANTS = ['full', 'plain', 'nulls', 'zeros'];

function draw(random) {
  return {
    uncached: random.between(1, 90000),
    read: random.chance(0.7) ? random.between(1, 800000) : 0,
    write5: random.chance(0.5) ? random.between(1, 30000) : 0,
    write1: random.chance(0.3) ? random.between(1, 30000) : 0,
    visible: random.between(1, 20000),
    reasoning: random.chance(0.5) ? random.between(1, 9000) : 0,
    image: random.chance(0.3) ? random.between(1, 3000) : 0,
    audio: random.chance(0.3) ? random.between(1, 3000) : 0,
    audioOut: random.chance(0.2) ? random.between(1, 900) : 0,
  };
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

module.exports = { draw, variantOf, known, sum, normal };
