/* SPDX-License-Identifier: MIT
 * HTTP/2 on one connection (RFC 9113): frames of both directions become exchanges, one a stream.
 * Joined in the middle, or after a hole, it finds the next frame and goes on: streams whose heads
 * were missed are exchanges without heads.
 */
#ifndef TP_HTTP2_H
#define TP_HTTP2_H

#include "collector/connection.h"

struct tp_http2;

/* What the first bytes of a direction say. */
enum tp_http2_sight {
    TP_HTTP2_ABSENT,
    TP_HTTP2_UNSURE, /* more bytes will tell: at most TP_HTTP2_SNIFF_BYTES in all */
    TP_HTTP2_CLIENT, /* the preface: requests, from their very beginning */
    TP_HTTP2_SERVER, /* the first frame is SETTINGS: answers, from their very beginning */
    TP_HTTP2_MIDDLE, /* a frame; of which side, and since when, is not known */
};

#define TP_HTTP2_SNIFF_BYTES 24

enum tp_http2_sight tp_http2_look(const uint8_t *data, size_t n);

/* NULL without memory. The connection owns it. */
struct tp_http2 *tp_http2_new(struct tp_connection *c);
/* Ends what is open: as `why`, or as lost where the end may have been in a hole. Frees. NULL is
 * fine. */
void tp_http2_end(struct tp_http2 *h, enum tp_exchange_end why);

/* Before the first bytes of a direction. */
void tp_http2_start(struct tp_http2 *h, enum tp_direction direction, enum tp_http2_sight sight);
void tp_http2_feed(struct tp_http2 *h, enum tp_direction direction, const uint8_t *data, size_t n);
/* `bytes` are missing here, and told from here on. */
void tp_http2_hole(struct tp_http2 *h, enum tp_direction direction, uint64_t bytes);

#endif
