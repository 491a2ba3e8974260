/* SPDX-License-Identifier: MIT
 * A conversation between nghttp2's own client and server, in memory, drawn from a seed: many
 * streams at once, frames of all sizes, padding, long heads, trailers, resets.
 */
#ifndef TP_TEST_HTTP2_TALK_H
#define TP_TEST_HTTP2_TALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

#define TALK_STREAMS_MAX 256

/* Bodies are one character over and over, so that a byte of another's shows. */
struct talk_stream {
    char path[48];
    char letter;
    size_t request_bytes, answer_bytes;
    size_t request_sent, answer_sent;
    int status;
    bool trailers, reset_by_client, reset_by_server, long_head, informed;
};

struct talk_move {
    bool answer;
    size_t at, len; /* in `bytes` */
};

struct talk {
    uint64_t random;
    struct talk_stream streams[TALK_STREAMS_MAX]; /* stream id 2 i + 1 */
    size_t count;
    struct tp_buf bytes;
    struct talk_move *moves;
    size_t move_count, move_cap;
    bool plain; /* no resets, so that every exchange is whole */
};

void talk_make(struct talk *t, uint64_t seed, size_t streams, bool plain);
void talk_done(struct talk *t);
uint32_t talk_draw(struct talk *t, uint32_t below);

#endif
