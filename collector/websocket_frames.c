/* SPDX-License-Identifier: MIT */
#include "collector/websocket_frames.h"

#include <string.h>

#define SEARCH_FRAME_MAX 65536u
#define SEARCH_HELD_MAX (SEARCH_FRAME_MAX + 2 * TP_WS_HEADER_BYTES_MAX)
/* Masks are taken off in pieces of this size. */
#define UNMASK_BYTES 4096

void tp_ws_frames_init(struct tp_ws_frames *f, const struct tp_ws_frames_ops *ops, void *cx)
{
    *f = (struct tp_ws_frames){.ops = ops, .cx = cx};
    tp_buf_init(&f->held, SEARCH_HELD_MAX);
}

void tp_ws_frames_done(struct tp_ws_frames *f)
{
    tp_buf_done(&f->held);
}

/* ---- headers ---- */

static bool is_control(uint8_t opcode)
{
    return opcode >= TP_WS_CLOSE;
}

static bool opcode_known(uint8_t opcode)
{
    return opcode <= TP_WS_BINARY || (opcode >= TP_WS_CLOSE && opcode <= TP_WS_PONG);
}

/* RFC 6455, 5.2 and 5.5: no extension but compression is known; control frames are short and whole;
 * a length takes no more bytes than it must. */
static bool fits(const struct tp_ws_frame *f, uint8_t first, uint8_t form)
{
    if ((first & 0x30) || !opcode_known(f->opcode))
        return false;
    if (is_control(f->opcode))
        return f->final && !f->compressed && form < 126;
    if (f->compressed && f->opcode == TP_WS_CONTINUATION)
        return false;
    if (form == 127)
        return f->length > 0xffff && f->length >> 63 == 0;
    return form < 126 || f->length > 125;
}

int tp_ws_frame_read(const uint8_t *data, size_t n, struct tp_ws_frame *ret_frame)
{
    struct tp_ws_frame f = {0};
    if (n < 2)
        return 0;
    uint8_t form = data[1] & 0x7f;
    size_t length_bytes = form == 126 ? 2 : form == 127 ? 8 : 0;
    f.final = data[0] & 0x80;
    f.compressed = data[0] & 0x40;
    f.opcode = data[0] & 0x0f;
    f.masked = data[1] & 0x80;
    size_t header = 2 + length_bytes + (f.masked ? 4 : 0);
    if (n < header)
        return 0;
    f.length = length_bytes ? 0 : form;
    for (size_t i = 0; i < length_bytes; i++)
        f.length = f.length << 8 | data[2 + i];
    if (f.masked)
        memcpy(f.mask, data + header - 4, 4);
    *ret_frame = f;
    return fits(&f, data[0], form) ? (int)header : -1;
}

static uint8_t unmasked(const struct tp_ws_frame *f, uint8_t byte, size_t at)
{
    return f->masked ? byte ^ f->mask[at & 3] : byte;
}

bool tp_ws_is_json(const uint8_t *data, size_t n)
{
    struct tp_ws_frame f;
    int header = tp_ws_frame_read(data, n, &f);
    if (header <= 0 || f.opcode != TP_WS_TEXT || f.compressed || f.length < 2)
        return false;
    return n >= (size_t)header + 2 && unmasked(&f, data[header], 0) == '{' &&
           unmasked(&f, data[header + 1], 1) == '"';
}

bool tp_ws_may_be_json(const uint8_t *data, size_t n)
{
    struct tp_ws_frame f;
    if (n == 0 || (data[0] & 0x7f) != TP_WS_TEXT || n >= TP_WS_JSON_BYTES)
        return false;
    int header = tp_ws_frame_read(data, n, &f);
    return header == 0 || (header > 0 && n < (size_t)header + 2 && f.length >= 2);
}

/* ---- in step ---- */

static void frame_over(struct tp_ws_frames *f)
{
    f->in_frame = false;
    f->header_len = 0;
    f->ops->end(f->cx, &f->frame);
}

static size_t take_content(struct tp_ws_frames *f, const uint8_t *data, size_t n)
{
    uint8_t clear[UNMASK_BYTES];
    size_t taken = n < f->left ? n : (size_t)f->left;
    if (f->frame.masked) {
        size_t from = (size_t)((f->frame.length - f->left) & 3);
        taken = taken < sizeof(clear) ? taken : sizeof(clear);
        for (size_t i = 0; i < taken; i++)
            clear[i] = unmasked(&f->frame, data[i], from + i);
        data = clear;
    }
    f->left -= taken;
    f->ops->content(f->cx, &f->frame, data, taken);
    if (f->left == 0)
        frame_over(f);
    return taken;
}

static void search(struct tp_ws_frames *f, uint64_t bytes)
{
    f->searching = true;
    f->in_frame = false;
    f->header_len = 0;
    f->ops->lost(f->cx, bytes);
}

/* No frame begins with the bytes at hand: the search begins with them. They are the last that were
 * taken from what is held, or come before anything else. */
static void header_is_none(struct tp_ws_frames *f)
{
    size_t n = f->header_len;
    search(f, 0);
    if (f->held_at >= n)
        f->held_at -= n;
    else if (tp_buf_add(&f->held, f->header, n))
        f->ops->stray(f->cx, n);
}

static void judge_header(struct tp_ws_frames *f)
{
    int header = tp_ws_frame_read(f->header, f->header_len, &f->frame);
    if (header < 0) {
        header_is_none(f);
        return;
    }
    if (header == 0)
        return;
    f->in_frame = true;
    f->left = f->frame.length;
    f->ops->begin(f->cx, &f->frame);
    if (f->left == 0)
        frame_over(f);
}

/* One step; a header is judged by the caller, once its bytes count as taken. */
static size_t step(struct tp_ws_frames *f, const uint8_t *data, size_t n)
{
    if (f->in_frame)
        return take_content(f, data, n);
    f->header[f->header_len++] = data[0];
    return 1;
}

/* ---- out of step ---- */

enum finding { FOUND, NOT_HERE, WAIT };

/* A frame stands here if it is seen to hold JSON, if another follows it, or if it ends where the
 * bytes end. */
static enum finding look_at(const uint8_t *data, size_t n)
{
    struct tp_ws_frame frame, next;
    int header = tp_ws_frame_read(data, n, &frame);
    if (header < 0 || (header > 0 && frame.length > SEARCH_FRAME_MAX && !tp_ws_is_json(data, n)))
        return NOT_HERE;
    if (header == 0)
        return WAIT;
    if (tp_ws_is_json(data, n))
        return FOUND;
    size_t end = (size_t)header + (size_t)frame.length;
    if (n <= end)
        return n == end ? FOUND : WAIT;
    int following = tp_ws_frame_read(data + end, n - end, &next);
    return following == 0 ? WAIT : following > 0 && next.masked == frame.masked ? FOUND : NOT_HERE;
}

static size_t held_len(const struct tp_ws_frames *f)
{
    return f->held.len - f->held_at;
}

/* Takes what no frame begins with; the rest begins with one, or is too short to say. */
static void look_for_frame(struct tp_ws_frames *f)
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
        f->ops->stray(f->cx, f->held_at - from);
    if (finding == FOUND)
        f->searching = false;
}

static size_t hold(struct tp_ws_frames *f, const uint8_t *data, size_t n)
{
    tp_buf_drop(&f->held, f->held_at);
    f->held_at = 0;
    size_t room = f->held.max - f->held.len;
    size_t taken = n < room ? n : room;
    if (tp_buf_add(&f->held, data, taken))
        f->ops->stray(f->cx, taken);
    return taken;
}

/* ---- both ---- */

static void frame_held(struct tp_ws_frames *f)
{
    while (held_len(f) > 0 && !f->searching) {
        f->held_at += step(f, f->held.data + f->held_at, held_len(f));
        if (!f->in_frame && f->header_len > 0)
            judge_header(f);
        if (f->searching)
            look_for_frame(f);
    }
    if (held_len(f) == 0) {
        tp_buf_clear(&f->held);
        f->held_at = 0;
    }
}

void tp_ws_frames_feed(struct tp_ws_frames *f, const uint8_t *data, size_t n)
{
    for (size_t at = 0; at < n;) {
        if (f->searching) {
            at += hold(f, data + at, n - at);
            look_for_frame(f);
            frame_held(f);
            continue;
        }
        at += step(f, data + at, n - at);
        if (!f->in_frame && f->header_len > 0)
            judge_header(f);
    }
}

void tp_ws_frames_hole(struct tp_ws_frames *f, uint64_t bytes)
{
    if (f->in_frame && held_len(f) == 0 && bytes <= f->left) {
        f->left -= bytes;
        f->ops->hole(f->cx, &f->frame, bytes);
        if (f->left == 0)
            frame_over(f);
        return;
    }
    if (held_len(f) > 0)
        f->ops->stray(f->cx, held_len(f));
    tp_buf_clear(&f->held);
    f->held_at = 0;
    search(f, bytes);
}
