/* SPDX-License-Identifier: MIT */
#include "collector/http2_frames.h"

#include <string.h>

/* Longest frame that is believed while looking for one. RFC 9113, 4.2: 16,384 unless the peer asked
 * for more, which none of the known stacks does for what it is sent as text. */
#define SEARCH_FRAME_MAX 65536u
#define SEARCH_HELD_MAX (SEARCH_FRAME_MAX + 2 * TP_HTTP2_HEADER_BYTES)

void tp_http2_frames_init(struct tp_http2_frames *f, const struct tp_http2_frames_ops *ops,
                          void *cx)
{
    *f = (struct tp_http2_frames){.ops = ops, .cx = cx};
    tp_buf_init(&f->held, SEARCH_HELD_MAX);
}

void tp_http2_frames_done(struct tp_http2_frames *f)
{
    tp_buf_done(&f->held);
}

/* ---- headers ---- */

static bool is_odd(uint32_t stream)
{
    return stream & 1;
}

/* Client streams are odd, pushed ones even: the first are all that carry model calls. */
static bool fits_stream(const struct tp_http2_frame *f, uint8_t flags_known)
{
    return f->stream != 0 && (f->flags & ~flags_known) == 0;
}

static bool fits_connection(const struct tp_http2_frame *f)
{
    return f->stream == 0 && (f->flags & ~TP_HTTP2_ACK) == 0;
}

/* Types that are not known may come at any time and mean nothing (RFC 9113, 4.1). */
static bool fits_type(const struct tp_http2_frame *f)
{
    switch (f->type) {
    case TP_HTTP2_DATA:
        return fits_stream(f, TP_HTTP2_END_STREAM | TP_HTTP2_PADDED);
    case TP_HTTP2_HEADERS:
        return fits_stream(f, TP_HTTP2_END_STREAM | TP_HTTP2_END_HEADERS | TP_HTTP2_PADDED |
                                  TP_HTTP2_PRIORITIZED);
    case TP_HTTP2_PRIORITY:
        return fits_stream(f, 0) && f->length == 5;
    case TP_HTTP2_RST_STREAM:
        return fits_stream(f, 0) && f->length == 4;
    case TP_HTTP2_SETTINGS:
        return fits_connection(f) && f->length % 6 == 0 &&
               (!(f->flags & TP_HTTP2_ACK) || f->length == 0);
    case TP_HTTP2_PUSH_PROMISE:
        return fits_stream(f, TP_HTTP2_END_HEADERS | TP_HTTP2_PADDED) && is_odd(f->stream);
    case TP_HTTP2_PING:
        return fits_connection(f) && f->length == 8;
    case TP_HTTP2_GOAWAY:
        return f->stream == 0 && f->flags == 0 && f->length >= 8;
    case TP_HTTP2_WINDOW_UPDATE:
        return f->flags == 0 && f->length == 4;
    case TP_HTTP2_CONTINUATION:
        return fits_stream(f, TP_HTTP2_END_HEADERS);
    default:
        return true;
    }
}

static uint32_t front_of(const struct tp_http2_frame *f)
{
    if (f->type == TP_HTTP2_HEADERS && (f->flags & TP_HTTP2_PRIORITIZED))
        return 5;
    return f->type == TP_HTTP2_PUSH_PROMISE ? 4 : 0;
}

static bool is_padded(const struct tp_http2_frame *f)
{
    return (f->type == TP_HTTP2_DATA || f->type == TP_HTTP2_HEADERS ||
            f->type == TP_HTTP2_PUSH_PROMISE) &&
           (f->flags & TP_HTTP2_PADDED);
}

bool tp_http2_frame_read(const uint8_t header[TP_HTTP2_HEADER_BYTES],
                         struct tp_http2_frame *ret_frame)
{
    struct tp_http2_frame f = {
        .length = (uint32_t)header[0] << 16 | (uint32_t)header[1] << 8 | header[2],
        .type = header[3],
        .flags = header[4],
        .stream = (uint32_t)(header[5] & 0x7f) << 24 | (uint32_t)header[6] << 16 |
                  (uint32_t)header[7] << 8 | header[8],
    };
    *ret_frame = f;
    return fits_type(&f) && f.length >= front_of(&f) + is_padded(&f);
}

/* While searching, any doubt counts: unknown types, long frames, a reserved bit that is set. */
static bool is_plausible(const uint8_t *header, struct tp_http2_frame *ret_frame)
{
    if (!tp_http2_frame_read(header, ret_frame) || (header[5] & 0x80))
        return false;
    if (ret_frame->type == TP_HTTP2_DATA && !is_odd(ret_frame->stream))
        return false;
    return ret_frame->length <= SEARCH_FRAME_MAX && (ret_frame->type <= TP_HTTP2_CONTINUATION ||
                                                     ret_frame->type == TP_HTTP2_PRIORITY_UPDATE);
}

/* ---- in step ---- */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void frame_over(struct tp_http2_frames *f)
{
    f->state = TP_HTTP2_HEADER;
    f->header_len = 0;
    f->ops->end(f->cx, &f->frame);
}

/* Passes states that have no bytes. */
static void advance(struct tp_http2_frames *f)
{
    if (f->state == TP_HTTP2_FRONT && f->front == 0)
        f->state = TP_HTTP2_CONTENT;
    if (f->state == TP_HTTP2_CONTENT && f->content == 0)
        f->state = TP_HTTP2_TAIL;
    if (f->state == TP_HTTP2_TAIL && f->tail == 0)
        frame_over(f);
}

static void search(struct tp_http2_frames *f, const struct tp_http2_frame *open, uint64_t bytes)
{
    f->state = TP_HTTP2_SEARCH;
    f->header_len = 0;
    f->waiting = false;
    f->ops->lost(f->cx, open, bytes);
}

static void held_clear(struct tp_http2_frames *f)
{
    tp_buf_clear(&f->held);
    f->held_at = 0;
}

static size_t held_len(const struct tp_http2_frames *f)
{
    return f->held.len - f->held_at;
}

/* No frame begins with the header at hand: the search begins with its bytes. They are the last that
 * were taken from what is held, or come before anything else. */
static void header_is_none(struct tp_http2_frames *f)
{
    size_t n = f->header_len;

    search(f, NULL, 0);
    if (f->held_at >= n)
        f->held_at -= n;
    else if (tp_buf_add(&f->held, f->header, n))
        f->ops->stray(f->cx, f->header, n);
}

/* The header is whole: begins its frame, unless that has to wait. */
static void try_begin(struct tp_http2_frames *f)
{
    f->waiting = !f->ops->begin(f->cx, &f->frame);
    if (f->waiting)
        return;
    f->front = front_of(&f->frame);
    f->content = f->frame.length - f->front - is_padded(&f->frame);
    f->tail = 0;
    f->state = is_padded(&f->frame) ? TP_HTTP2_PAD_LENGTH : TP_HTTP2_FRONT;
    advance(f);
}

static size_t take_header(struct tp_http2_frames *f, const uint8_t *data, size_t n)
{
    size_t taken = smaller(n, TP_HTTP2_HEADER_BYTES - f->header_len);

    memcpy(f->header + f->header_len, data, taken);
    f->header_len += taken;
    return taken;
}

static void judge_header(struct tp_http2_frames *f)
{
    if (f->header_len < TP_HTTP2_HEADER_BYTES)
        return;
    if (tp_http2_frame_read(f->header, &f->frame))
        try_begin(f);
    else
        header_is_none(f);
}

static void take_pad_length(struct tp_http2_frames *f, uint8_t length)
{
    if (length > f->content) {
        search(f, &f->frame, 0);
        return;
    }
    f->tail = length;
    f->content -= length;
    f->state = TP_HTTP2_FRONT;
    advance(f);
}

static size_t take_content(struct tp_http2_frames *f, const uint8_t *data, size_t n)
{
    size_t taken = smaller(n, f->content);

    f->content -= (uint32_t)taken;
    f->ops->content(f->cx, &f->frame, data, taken);
    advance(f);
    return taken;
}

static size_t take_skipped(struct tp_http2_frames *f, uint32_t *left, size_t n)
{
    size_t taken = smaller(n, *left);

    *left -= (uint32_t)taken;
    advance(f);
    return taken;
}

/* One step; a header is judged by the caller, once its bytes count as taken. */
static size_t step(struct tp_http2_frames *f, const uint8_t *data, size_t n)
{
    switch (f->state) {
    case TP_HTTP2_HEADER:
        return take_header(f, data, n);
    case TP_HTTP2_PAD_LENGTH:
        take_pad_length(f, data[0]);
        return 1;
    case TP_HTTP2_FRONT:
        return take_skipped(f, &f->front, n);
    case TP_HTTP2_CONTENT:
        return take_content(f, data, n);
    default:
        return take_skipped(f, &f->tail, n);
    }
}

/* ---- out of step ---- */

enum finding { FOUND, NOT_HERE, WAIT };

/* A frame stands here if another follows it, or if it ends where the bytes end: peers write whole
 * frames. */
static enum finding look_at(const uint8_t *data, size_t n)
{
    struct tp_http2_frame frame, next;

    if (n < TP_HTTP2_HEADER_BYTES)
        return WAIT;
    if (!is_plausible(data, &frame))
        return NOT_HERE;
    size_t end = TP_HTTP2_HEADER_BYTES + frame.length;
    if (n == end)
        return FOUND;
    if (n < end + TP_HTTP2_HEADER_BYTES)
        return WAIT;
    return is_plausible(data + end, &next) ? FOUND : NOT_HERE;
}

/* Takes what no frame begins with; the rest begins with one, or is too short to say. */
static void look_for_frame(struct tp_http2_frames *f)
{
    enum finding finding = WAIT;
    size_t from = f->held_at;

    for (; f->held_at < f->held.len; f->held_at++) {
        finding = look_at(f->held.data + f->held_at, held_len(f));
        if (finding != NOT_HERE)
            break;
    }
    if (finding == WAIT && held_len(f) == f->held.max)
        f->held_at++;
    if (f->held_at > from)
        f->ops->stray(f->cx, f->held.data + from, f->held_at - from);
    if (finding == FOUND)
        f->state = TP_HTTP2_HEADER;
}

static size_t hold(struct tp_http2_frames *f, const uint8_t *data, size_t n)
{
    tp_buf_drop(&f->held, f->held_at);
    f->held_at = 0;
    size_t taken = smaller(n, f->held.max - f->held.len);
    if (tp_buf_add(&f->held, data, taken))
        f->ops->stray(f->cx, data, taken);
    return taken;
}

/* ---- both ---- */

/* Frames what is held, as far as that goes. */
static void frame_held(struct tp_http2_frames *f)
{
    while (held_len(f) > 0 && f->state != TP_HTTP2_SEARCH && !f->waiting) {
        f->held_at += step(f, f->held.data + f->held_at, held_len(f));
        if (f->state == TP_HTTP2_HEADER)
            judge_header(f);
        if (f->state == TP_HTTP2_SEARCH)
            look_for_frame(f);
    }
    if (held_len(f) == 0)
        held_clear(f);
}

size_t tp_http2_frames_feed(struct tp_http2_frames *f, const uint8_t *data, size_t n)
{
    size_t at = 0;

    if (f->waiting)
        try_begin(f);
    frame_held(f);
    while (at < n && !f->waiting) {
        if (f->state == TP_HTTP2_SEARCH) {
            at += hold(f, data + at, n - at);
            look_for_frame(f);
            frame_held(f);
            continue;
        }
        at += step(f, data + at, n - at);
        if (f->state == TP_HTTP2_HEADER)
            judge_header(f);
    }
    return at;
}

void tp_http2_frames_search(struct tp_http2_frames *f)
{
    f->state = TP_HTTP2_SEARCH;
}

static void stray_held(struct tp_http2_frames *f)
{
    if (held_len(f) > 0)
        f->ops->stray(f->cx, f->held.data + f->held_at, held_len(f));
    held_clear(f);
}

/* Of what is missing, the frame at hand takes its part in wire order; its content alone is told. */
static void hole_inside(struct tp_http2_frames *f, uint64_t bytes)
{
    uint32_t front = (uint32_t)(bytes < f->front ? bytes : f->front);
    bytes -= front;
    uint32_t content = (uint32_t)(bytes < f->content ? bytes : f->content);
    bytes -= content;
    f->front -= front;
    f->content -= content;
    f->tail -= (uint32_t)bytes;
    f->ops->hole(f->cx, &f->frame, content, front + bytes);
    advance(f);
}

void tp_http2_frames_hole(struct tp_http2_frames *f, uint64_t bytes)
{
    bool inside =
        f->state == TP_HTTP2_FRONT || f->state == TP_HTTP2_CONTENT || f->state == TP_HTTP2_TAIL;
    bool held = held_len(f) > 0;

    if (inside && !held && bytes <= (uint64_t)f->front + f->content + f->tail) {
        hole_inside(f, bytes);
        return;
    }
    stray_held(f);
    search(f, inside || f->state == TP_HTTP2_PAD_LENGTH ? &f->frame : NULL, bytes);
}
