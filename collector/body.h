/* SPDX-License-Identifier: MIT
 * One message body on its way to the consumer: its content coding is taken off as bytes arrive.
 * What cannot be decoded is counted, and costs the rest of this body only.
 */
#ifndef TP_BODY_H
#define TP_BODY_H

#include "collector/conn.h"
#include "collector/encodings.h"

struct tp_body {
    tp_decoder_sink *sink;
    void *cx;
    struct tp_decoder *decoder; /* NULL: nothing to decode */
    const char *undecodable;    /* why the rest of this body cannot be decoded */
    uint64_t undecoded_bytes;
    bool doubted;
};

/* A body begins; `head` tells its coding (NULL: it was lost, and the coding is in doubt). `sink`
 * gets what is decoded. */
void tp_body_open(struct tp_body *b, const struct tp_http_head *head,
                  const struct tp_conn_limits *limits, tp_decoder_sink *sink, void *cx);
void tp_body_push(struct tp_body *b, const uint8_t *data, size_t n);
/* Bytes are missing here: compressed ones mean nothing after them. */
void tp_body_hole(struct tp_body *b);
/* Its coding may be unknown, as where no head was seen: unless it begins like text, it stays
 * undecoded. Before the first bytes. */
void tp_body_doubt(struct tp_body *b);

/* Does this text begin with, or hold, a line of an event stream? */
bool tp_body_is_events(const uint8_t *data, size_t n);

/* It is over; `cut`: not at its end. Returns why some of it could not be decoded, with how many
 * bytes, or NULL. */
const char *tp_body_close(struct tp_body *b, bool cut, uint64_t *ret_undecoded_bytes);

#endif
