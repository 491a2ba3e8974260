/* SPDX-License-Identifier: MIT
 * The streams of one HTTP/2 connection, each an exchange while it is open.
 */
#ifndef TP_HTTP2_STREAMS_H
#define TP_HTTP2_STREAMS_H

#include "collector/body.h"
#include "collector/connection.h"

enum tp_http2_part { TP_HTTP2_REQUEST, TP_HTTP2_ANSWER };

struct tp_http2_message {
    bool begun, done;
    bool lost;    /* its end may have been missed */
    bool counted; /* its head said how long it is: `left` bytes are to come */
    uint64_t left;
    struct tp_body body;
};

struct tp_http2_stream {
    struct tp_http2_stream *next;
    struct tp_http2_streams *owner;
    uint32_t id;
    bool tunnel; /* CONNECT: what flows is not ours to read */
    void *x;     /* the consumer's */
    uint64_t end_ns;
    struct tp_http2_message message[2]; /* by enum tp_http2_part */
};

#define TP_HTTP2_BUCKETS 64
#define TP_HTTP2_ENDED_MAX 64

struct tp_http2_streams {
    struct tp_connection *conn;
    struct tp_http2_stream *buckets[TP_HTTP2_BUCKETS];
    size_t count;
    uint32_t ended[TP_HTTP2_ENDED_MAX]; /* the latest ones, in a ring */
    size_t ended_at;
    uint64_t skipped_bytes; /* seen, but of no stream */
};

void tp_http2_streams_init(struct tp_http2_streams *t, struct tp_connection *c);

struct tp_http2_stream *tp_http2_stream_find(const struct tp_http2_streams *t, uint32_t id);
/* Whether it ended lately: what still comes of it is nobody's. */
bool tp_http2_stream_ended(const struct tp_http2_streams *t, uint32_t id);
/* A new exchange; a NULL head is one that was not seen, a `partial` one lacks fields. Past a
 * ceiling the oldest is given up. NULL without memory. */
struct tp_http2_stream *tp_http2_stream_open(struct tp_http2_streams *t, uint32_t id,
                                             const struct tp_http_head *head, bool partial);
void tp_http2_stream_answer(struct tp_http2_stream *s, const struct tp_http_head *head,
                            bool partial);
void tp_http2_stream_body(struct tp_http2_stream *s, enum tp_http2_part part, const uint8_t *data,
                          size_t n);
/* Bytes of this body are missing; 0: something is. */
void tp_http2_stream_hole(struct tp_http2_stream *s, enum tp_http2_part part, uint64_t bytes);
/* END_STREAM. With the answer's, and the request's or none to come, the exchange ends. */
void tp_http2_stream_done(struct tp_http2_stream *s, enum tp_http2_part part);
/* It ends now; whole only if its answer was. */
void tp_http2_stream_close(struct tp_http2_stream *s, enum tp_exchange_end why);

/* Frames of one direction went missing, `bytes` in all: told to each stream that they may be of. */
void tp_http2_streams_hole(struct tp_http2_streams *t, enum tp_http2_part part, uint64_t bytes);
/* The only stream whose answer is not done, or NULL. */
struct tp_http2_stream *tp_http2_streams_only(const struct tp_http2_streams *t);
/* Streams above `last` will not be answered (GOAWAY). */
void tp_http2_streams_refuse(struct tp_http2_streams *t, uint32_t last);
void tp_http2_streams_close(struct tp_http2_streams *t, enum tp_exchange_end why);

#endif
