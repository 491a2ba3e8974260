// SPDX-License-Identifier: MIT
// Fits the weights of collector/estimator.c against a real vocabulary and prints how far off they are.
// usage: npm install gpt-tokenizer && node fit_estimator.mjs DIR...   (any folders with text and code)
import fs from 'node:fs';
import path from 'node:path';
import { encode } from 'gpt-tokenizer/encoding/o200k_base';

const PIECE = 4000, PIECES_PER_FILE = 6, FILES_PER_DIR = 200, ROUNDS = 400;
const TEXT = /\.(c|h|py|js|mjs|ts|md|json|txt|html)$/;
const FEATURES = ['LETTER', 'WORD_BEGIN', 'CAMEL_BEGIN', 'DIGIT', 'NUMBER_BEGIN', 'MARK', 'MARKS_BEGIN',
  'BLANK_AGAIN', 'LINE_BEGIN', 'UTF8_LEAD_4', 'UTF8_LEAD_3', 'UTF8_LEAD_2'];

const small = (c) => c >= 97 && c <= 122, capital = (c) => c >= 65 && c <= 90;
const letter = (c) => small(c) || capital(c), digit = (c) => c >= 48 && c <= 57;
const blank = (c) => c === 32 || c === 9, lineEnd = (c) => c === 10 || c === 13;
const mark = (c) => c < 128 && !letter(c) && !digit(c) && !blank(c) && !lineEnd(c);

function features(bytes) {
  const f = Object.fromEntries(FEATURES.map((name) => [name, 0]));
  let before = 0;
  for (const c of bytes) {
    if (letter(c)) { f.LETTER++; f.WORD_BEGIN += !letter(before); f.CAMEL_BEGIN += capital(c) && small(before); }
    else if (digit(c)) { f.DIGIT++; f.NUMBER_BEGIN += !digit(before); }
    else if (mark(c)) { f.MARK++; f.MARKS_BEGIN += !mark(before); }
    else if (blank(c)) f.BLANK_AGAIN += blank(before);
    else if (lineEnd(c)) f.LINE_BEGIN += !lineEnd(before);
    else if (c >= 0xf0) f.UTF8_LEAD_4++;
    else if (c >= 0xe0) f.UTF8_LEAD_3++;
    else if (c >= 0xc0) f.UTF8_LEAD_2++;
    before = c;
  }
  return FEATURES.map((name) => f[name]);
}

function files(dir, found = []) {
  for (const entry of fs.readdirSync(dir, { withFileTypes: true })) {
    if (found.length >= FILES_PER_DIR) break;
    const name = path.join(dir, entry.name);
    if (entry.isDirectory()) files(name, found);
    else if (entry.isFile() && TEXT.test(name)) found.push(name);
  }
  return found;
}

const rows = process.argv.slice(2).flatMap((dir) => files(dir)).flatMap((file) => {
  const all = fs.readFileSync(file), pieces = [];
  for (let at = 0; at < all.length && pieces.length < PIECES_PER_FILE; at += PIECE) {
    const text = all.subarray(at, at + PIECE).toString('utf8');
    if (text.length > 50) pieces.push({ f: features(Buffer.from(text)), tokens: encode(text, { allowedSpecial: 'all' }).length });
  }
  return pieces;
});

// Least squares of the relative error with weights that cannot be negative, one weight after the other.
const guess = (f, w) => f.reduce((sum, count, i) => sum + count * w[i], 0);
const weights = FEATURES.map(() => 0.3);
for (let round = 0; round < ROUNDS; round++) {
  FEATURES.forEach((_, j) => {
    let square = 0, product = 0;
    for (const { f, tokens } of rows) {
      const rest = tokens - guess(f, weights) + weights[j] * f[j];
      square += (f[j] / tokens) ** 2;
      product += f[j] * rest / tokens ** 2;
    }
    if (square > 0) weights[j] = Math.max(0, product / square);
  });
}
FEATURES.forEach((name, i) => console.log(`${name} = ${Math.round(weights[i] * 64)}`));
const ratios = rows.map(({ f, tokens }) => guess(f, weights) / tokens).sort((a, b) => a - b);
const at = (share) => ratios[Math.floor(share * (ratios.length - 1))].toFixed(2);
console.log(`${rows.length} pieces; guess over truth: 5 % ${at(0.05)}, median ${at(0.5)}, 95 % ${at(0.95)}`);
