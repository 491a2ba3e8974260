/* SPDX-License-Identifier: MIT
 * Cuts one direction of an HTTP/2 connection into frames (RFC 9113, 4.1): bytes and holes in,
 * frames out, with padding, priority and promised ids taken off. Pure and incremental: the bytes
 * may come in any pieces. A hole inside a frame is a hole of that frame; after any other it looks
 * for the next frame.
 */
#ifndef TP_HTTP2_FRAMES_H
#define TP_HTTP2_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

/* RFC 9113, 6; RFC 9218, 7.1. */
enum tp_http2_type {
    TP_HTTP2_DATA = 0,
    TP_HTTP2_HEADERS = 1,
    TP_HTTP2_PRIORITY = 2,
    TP_HTTP2_RST_STREAM = 3,
    TP_HTTP2_SETTINGS = 4,
    TP_HTTP2_PUSH_PROMISE = 5,
    TP_HTTP2_PING = 6,
    TP_HTTP2_GOAWAY = 7,
    TP_HTTP2_WINDOW_UPDATE = 8,
    TP_HTTP2_CONTINUATION = 9,
    TP_HTTP2_PRIORITY_UPDATE = 16,
};

enum tp_http2_flag {
    TP_HTTP2_END_STREAM = 0x1, /* of DATA and HEADERS */
    TP_HTTP2_ACK = 0x1,        /* of SETTINGS and PING */
    TP_HTTP2_END_HEADERS = 0x4,
    TP_HTTP2_PADDED = 0x8,
    TP_HTTP2_PRIORITIZED = 0x20,
};

#define TP_HTTP2_HEADER_BYTES 9
#define TP_HTTP2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define TP_HTTP2_PREFACE_BYTES 24

struct tp_http2_frame {
    uint32_t length; /* of the payload on the wire */
    uint32_t stream; /* 0: the connection */
    uint8_t type, flags;
};

/* A frame lives from begin() to end(). */
struct tp_http2_frames_ops {
    /* False: not now. Nothing is taken, and this is asked again with the next feed. */
    bool (*begin)(void *cx, const struct tp_http2_frame *frame);
    void (*content)(void *cx, const struct tp_http2_frame *frame, const uint8_t *data, size_t n);
    /* Of this frame `content` bytes are missing here, and `other` ones (padding and the like). */
    void (*hole)(void *cx, const struct tp_http2_frame *frame, uint64_t content, uint64_t other);
    void (*end)(void *cx, const struct tp_http2_frame *frame);
    /* Out of step. `open`: the frame at hand, if any, whose end will not be told. `bytes` are
     * missing here (0: what stands here is no frame); whole frames may have gone by. */
    void (*lost)(void *cx, const struct tp_http2_frame *open, uint64_t bytes);
    /* Out of step: bytes that stand before the next frame that was found. */
    void (*stray)(void *cx, const uint8_t *data, size_t n);
};

enum tp_http2_state {
    TP_HTTP2_HEADER,
    TP_HTTP2_PAD_LENGTH,
    TP_HTTP2_FRONT, /* priority, or a promised id */
    TP_HTTP2_CONTENT,
    TP_HTTP2_TAIL, /* padding */
    TP_HTTP2_SEARCH,
};

struct tp_http2_frames {
    const struct tp_http2_frames_ops *ops;
    void *cx;
    enum tp_http2_state state;
    struct tp_http2_frame frame;
    uint8_t header[TP_HTTP2_HEADER_BYTES];
    size_t header_len;
    uint32_t front, content, tail; /* bytes to come */
    bool waiting;                  /* the header is whole, and begin() said no */
    struct tp_buf held; /* from `held_at` on: what cannot be judged before more comes, or was held
                           for that and is to be framed yet */
    size_t held_at;
};

/* In step: the first byte begins a frame. */
void tp_http2_frames_init(struct tp_http2_frames *f, const struct tp_http2_frames_ops *ops,
                          void *cx);
void tp_http2_frames_done(struct tp_http2_frames *f);

/* Returns how many bytes were taken: fewer than n only where begin() said no. n may be 0. */
size_t tp_http2_frames_feed(struct tp_http2_frames *f, const uint8_t *data, size_t n);
/* `bytes`, more than 0, are missing here. A frame that waits to begin is lost with them. */
void tp_http2_frames_hole(struct tp_http2_frames *f, uint64_t bytes);
/* What comes next may stand anywhere: the stream was joined in the middle. */
void tp_http2_frames_search(struct tp_http2_frames *f);

/* Reads a frame header; true if the frame may stand on a connection: lengths, flags and stream ids
 * are as its type wants them. */
bool tp_http2_frame_read(const uint8_t header[TP_HTTP2_HEADER_BYTES],
                         struct tp_http2_frame *ret_frame);

#endif
