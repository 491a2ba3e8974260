/* SPDX-License-Identifier: MIT
 * permessage-deflate of one direction (RFC 7692, 7.2.2): messages one after another, each referring
 * to the text of those before unless that was ruled out. Where some of that was missed, a message
 * is decoded as if nothing had been before it: zlib refuses one that refers further back than it
 * has seen, so what it takes is right.
 */
#ifndef TP_WEBSOCKET_INFLATE_H
#define TP_WEBSOCKET_INFLATE_H

#include <stdbool.h>
#include <zlib.h>

#include "collector/conn.h"
#include "collector/encodings.h"

struct tp_ws_inflate {
    z_stream stream;
    bool ready;
    bool alone;                   /* each message stands for itself */
    bool broken;                  /* the rest of this message cannot be decoded */
    uint64_t in_bytes, out_bytes; /* of the message at hand */
};

/* Bytes of a compressed message. 0, or -EBADMSG, -E2BIG (past a ceiling of `limits`), -ENOMEM; the
 * rest of the message then fails, too. */
int tp_ws_inflate_push(struct tp_ws_inflate *i, const struct tp_conn_limits *limits,
                       const uint8_t *data, size_t n, tp_decoder_sink *sink, void *cx);
/* The message is over; the next one can be decoded, however this one went. As above. */
int tp_ws_inflate_finish(struct tp_ws_inflate *i, const struct tp_conn_limits *limits,
                         tp_decoder_sink *sink, void *cx);
/* Bytes of this message are missing here. */
void tp_ws_inflate_break(struct tp_ws_inflate *i);
/* Messages may be missing here. */
void tp_ws_inflate_forget(struct tp_ws_inflate *i);
void tp_ws_inflate_done(struct tp_ws_inflate *i);

#endif
