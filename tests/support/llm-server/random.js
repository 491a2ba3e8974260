// SPDX-License-Identifier: MIT
// Seeded pseudo-random numbers (mulberry32), so that a run can be played again.
'use strict';

/** A generator for `seed` (any string or number). */
function seeded(seed) {
  let state = 2166136261;
  for (const c of Buffer.from(String(seed))) state = Math.imul(state ^ c, 16777619) >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return {
    next,
    /** A whole number from low to high, both included. */
    between: (low, high) => low + Math.floor(next() * (high - low + 1)),
    pick: (list) => list[Math.floor(next() * list.length)],
    chance: (p) => next() < p,
  };
}

module.exports = { seeded };
