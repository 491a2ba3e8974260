/* SPDX-License-Identifier: MIT
 * Cuts one direction of a WebSocket connection into frames (RFC 6455, 5.2): bytes and holes in,
 * frames out, with masks taken off. Pure and incremental: the bytes may come in any pieces. A hole
 * inside a frame is a hole of that frame; after any other it looks for the next frame.
 */
#ifndef TP_WEBSOCKET_FRAMES_H
#define TP_WEBSOCKET_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

enum tp_ws_opcode {
    TP_WS_CONTINUATION = 0,
    TP_WS_TEXT = 1,
    TP_WS_BINARY = 2,
    TP_WS_CLOSE = 8,
    TP_WS_PING = 9,
    TP_WS_PONG = 10,
};

#define TP_WS_HEADER_BYTES_MAX 14
#define TP_WS_JSON_BYTES (TP_WS_HEADER_BYTES_MAX + 2)

struct tp_ws_frame {
    uint64_t length; /* of the payload */
    uint8_t opcode;
    bool final;
    bool compressed; /* RSV1 of permessage-deflate (RFC 7692, 6) */
    bool masked;
    uint8_t mask[4];
};

/* A frame lives from begin() to end(). */
struct tp_ws_frames_ops {
    void (*begin)(void *cx, const struct tp_ws_frame *frame);
    void (*content)(void *cx, const struct tp_ws_frame *frame, const uint8_t *data, size_t n);
    /* `bytes` of this frame's content are missing here. */
    void (*hole)(void *cx, const struct tp_ws_frame *frame, uint64_t bytes);
    void (*end)(void *cx, const struct tp_ws_frame *frame);
    /* Out of step: `bytes` are missing here (0: what stands here is no frame); whole frames may
     * have gone by, and the end of the one at hand. */
    void (*lost)(void *cx, uint64_t bytes);
    /* Out of step: n bytes that stand before the next frame that was found. */
    void (*stray)(void *cx, size_t n);
};

struct tp_ws_frames {
    const struct tp_ws_frames_ops *ops;
    void *cx;
    bool searching, in_frame;
    struct tp_ws_frame frame;
    uint8_t header[TP_WS_HEADER_BYTES_MAX];
    size_t header_len;
    uint64_t left;      /* of the payload */
    struct tp_buf held; /* searching: what cannot be judged before more comes; or, from `held_at`
                           on, what is to be framed yet */
    size_t held_at;
};

void tp_ws_frames_init(struct tp_ws_frames *f, const struct tp_ws_frames_ops *ops, void *cx);
void tp_ws_frames_done(struct tp_ws_frames *f);
void tp_ws_frames_feed(struct tp_ws_frames *f, const uint8_t *data, size_t n);
/* `bytes`, more than 0, are missing here. */
void tp_ws_frames_hole(struct tp_ws_frames *f, uint64_t bytes);

/* Reads a frame header. Its length, 0 where n bytes do not hold it all, or -1: no frame begins so.
 */
int tp_ws_frame_read(const uint8_t *data, size_t n, struct tp_ws_frame *ret_frame);
/* A frame of JSON text, not compressed, begins with these bytes: enough to know a connection by
 * that was joined in the middle. */
bool tp_ws_is_json(const uint8_t *data, size_t n);
/* Too short to say: at most TP_WS_JSON_BYTES are needed. */
bool tp_ws_may_be_json(const uint8_t *data, size_t n);

#endif
