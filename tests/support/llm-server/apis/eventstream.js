// SPDX-License-Identifier: MIT
// Messages of application/vnd.amazon.eventstream (smithy.io/2.0/aws/amazon-eventstream.html): lengths, headers, payload, and
// two CRCs.
'use strict';

const TABLE = Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  return c >>> 0;
});

function crc32(data) {
  let crc = 0xffffffff;
  for (const byte of data) crc = TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

const TYPE_STRING = 7;

function header(name, value) {
  const text = Buffer.from(value);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(text.length);
  return Buffer.concat([Buffer.from([name.length]), Buffer.from(name), Buffer.from([TYPE_STRING]), length, text]);
}

/** One message with string headers {name: value} and a payload. */
function message(headers, payload) {
  const head = Buffer.concat(Object.entries(headers).map(([name, value]) => header(name, value)));
  const body = Buffer.from(payload);
  const prelude = Buffer.alloc(12);
  prelude.writeUInt32BE(12 + head.length + body.length + 4, 0);
  prelude.writeUInt32BE(head.length, 4);
  prelude.writeUInt32BE(crc32(prelude.subarray(0, 8)), 8);
  const all = Buffer.concat([prelude, head, body]);
  const end = Buffer.alloc(4);
  end.writeUInt32BE(crc32(all));
  return Buffer.concat([all, end]);
}

const PADDING = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';

/** An event as Bedrock sends it: `p` hides the length of what is said. */
function event(name, json, random) {
  const padded = { ...json, p: PADDING.slice(0, random.between(1, PADDING.length)) };
  return message({ ':event-type': name, ':content-type': 'application/json', ':message-type': 'event' }, JSON.stringify(padded));
}

const exception = (type, text) => message(
  { ':exception-type': type, ':content-type': 'application/json', ':message-type': 'exception' }, JSON.stringify({ message: text }));

module.exports = { event, exception };
