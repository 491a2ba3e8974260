/* SPDX-License-Identifier: MIT
 * Frames one direction of an HTTP/1 connection (RFC 9112): bytes and holes in, heads and bodies
 * out. Pure and incremental: the bytes may come in any pieces. After a hole it looks for a place to
 * go on.
 */
#ifndef TP_HTTP1_H
#define TP_HTTP1_H

#include "collector/http1_probe.h"
#include "collector/http_head.h"
#include "common/buf.h"

/* What the owner says to a head. */
enum tp_http1_verdict {
    TP_HTTP1_FRAMED,  /* a message begins; its head tells how long it is */
    TP_HTTP1_NO_BODY, /* a message begins that ends at once, whatever its head says */
    TP_HTTP1_DOUBTED, /* as FRAMED, but its request is unknown: was it HEAD, there is no body */
    TP_HTTP1_INTERIM, /* no message: a 1xx answer */
    TP_HTTP1_REJECT,  /* not a head that can stand here */
};

/* A message lives from head() or stray() to end(). */
struct tp_http1_ops {
    /* The first byte of what may become a head is in the piece at hand, at stream offset `at`. */
    void (*mark)(void *cx, uint64_t at);
    enum tp_http1_verdict (*head)(void *cx, const struct tp_head *head);
    void (*body)(void *cx, const uint8_t *data, size_t n);
    /* Bytes of this message are missing; 0: something is, of unknown length. */
    void (*hole)(void *cx, uint64_t bytes);
    /* `lost`: its end fell into a hole. */
    void (*end)(void *cx, bool lost);
    /* Between messages: `bytes` are missing here, in which whole messages may have gone by. */
    void (*gap)(void *cx, uint64_t bytes);
    /* Bytes that no head begins stand where one should. True: they are a message's whose head is
     * lost. */
    bool (*stray)(void *cx, const uint8_t *data, size_t n, bool after_gap);
    /* Bytes that belong to nothing. */
    void (*skipped)(void *cx, uint64_t bytes);
    /* What follows tp_http1_stop(), in the piece at hand or later; NULL: it counts as skipped. */
    void (*rest)(void *cx, const uint8_t *data, size_t n);
};

enum tp_http1_state {
    TP_HTTP1_START, /* a head, or the rest of one */
    TP_HTTP1_DOUBT, /* a body, or the next head? */
    TP_HTTP1_LENGTH,
    TP_HTTP1_UNTIL_CLOSE,
    TP_HTTP1_CHUNK_LINE,
    TP_HTTP1_CHUNK_DATA,
    TP_HTTP1_CHUNK_END,
    TP_HTTP1_TRAILER,
    TP_HTTP1_LOOSE, /* in a message whose framing is lost: looks for a chunk's boundary or a head */
    TP_HTTP1_GAP,   /* after missing bytes, between messages: a head, or what is it? */
    TP_HTTP1_SKIP,  /* looks for a head */
    TP_HTTP1_OPAQUE,
};

struct tp_http1 {
    const struct tp_http1_ops *ops;
    void *cx;
    enum tp_http1_state state;
    enum tp_http1_state doubted; /* DOUBT: the state that the head asks for */
    enum tp_http1_role role;
    bool open;    /* in a message */
    bool fresh;   /* nothing was taken since the hole */
    bool guessed; /* the message at hand was unsure once: its end may be another's */
    bool unsure;  /* back in step by guess: one more boundary proves it */
    bool gap;     /* GAP: because bytes are missing */
    bool marked;
    bool busy; /* in tp_http1_feed */
    size_t head_bytes_max;
    size_t trailer_bytes;
    uint64_t left; /* of the body or the chunk */
    uint64_t at;   /* stream offset of the next byte to be judged; what is held back follows it */
    uint64_t lost_at; /* since here the framing may be wrong: where the first hole of the message,
                         or the last one between messages, began */
    struct tp_head_probe probe;
    struct tp_buf held; /* what cannot be judged before more comes */
};

void tp_http1_init(struct tp_http1 *f, const struct tp_http1_ops *ops, void *cx,
                   size_t head_bytes_max);
void tp_http1_done(struct tp_http1 *f);

void tp_http1_feed(struct tp_http1 *f, const uint8_t *data, size_t n);
/* `bytes` are missing here; more than 0. */
void tp_http1_hole(struct tp_http1 *f, uint64_t bytes);
/* No more will come. A body that ends with the connection ends; any other open message is left
 * open. */
void tp_http1_eof(struct tp_http1 *f);

/* All that follows is no HTTP. */
void tp_http1_stop(struct tp_http1 *f);
/* The owner knows that the message at hand is over, though its end was not seen: end(lost), and
 * what comes next is a head, or after a gap. */
void tp_http1_abandon(struct tp_http1 *f, bool at_head);

/* In a message, but not sure where in it. */
bool tp_http1_unsure(const struct tp_http1 *f);
/* In a head of which some was seen. */
bool tp_http1_in_head(const struct tp_http1 *f);
/* Between messages, with nothing of the next one seen: for sure, or after missing bytes too. */
bool tp_http1_idle(const struct tp_http1 *f);
bool tp_http1_between(const struct tp_http1 *f);

#endif
