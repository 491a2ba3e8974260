/* SPDX-License-Identifier: MIT */
#include "collector/http2.h"

#include <stdlib.h>
#include <string.h>

#include "collector/hpack.h"
#include "collector/http2_frames.h"
#include "collector/http2_streams.h"

#define SETTING_BYTES 6
#define SETTINGS_HEADER_TABLE_SIZE 1

struct direction {
    struct tp_http2 *owner;
    enum tp_direction which;
    struct tp_http2_frames frames;
    struct tp_hpack hpack;
    bool begun;
    bool missed;                   /* not all frames were seen */
    bool told_unknown;             /* that fields are unknown is said once */
    size_t preface_left;           /* bytes of it that are still to come */
    uint32_t highest;              /* stream id in a HEADERS frame */
    struct tp_buf block;           /* a header block, until it is whole */
    struct tp_http2_frame headers; /* the frame that began it */
    bool block_open, block_bad;
    uint8_t small[8]; /* the beginning of a control frame's payload, or a setting */
    size_t small_len;
};

struct tp_http2 {
    struct tp_connection *conn;
    struct direction direction[2]; /* by enum tp_direction */
    struct tp_http2_streams streams;
    struct tp_buf held; /* answers that came before their requests' frames */
    bool no_wait;
};

static void tell_loss(struct tp_http2 *h, const char *why, uint64_t bytes)
{
    h->conn->owner->ops->loss(h->conn->owner->cx, &h->conn->origin, "http2", why, bytes);
}

static bool role_known(const struct tp_http2 *h)
{
    return h->conn->request_direction >= 0;
}

static enum tp_http2_part part_of(const struct direction *d)
{
    return d->owner->conn->request_direction == (int)d->which ? TP_HTTP2_REQUEST : TP_HTTP2_ANSWER;
}

static struct direction *requests_of(struct tp_http2 *h)
{
    return &h->direction[h->conn->request_direction];
}

/* ---- DATA ---- */

/* Something was missed, so this may be a stream whose beginning was. */
static struct tp_http2_stream *stream_of(struct direction *d, uint32_t id)
{
    struct tp_http2 *h = d->owner;
    struct tp_http2_stream *s = tp_http2_stream_find(&h->streams, id);
    if (s || !role_known(h) || tp_http2_stream_ended(&h->streams, id))
        return s;
    if (!requests_of(h)->missed && !d->missed && !h->no_wait)
        return NULL;
    return tp_http2_stream_open(&h->streams, id, NULL, false);
}

/* Joined in the middle of an answer: text of events shows which way answers go. */
static void role_by_events(struct direction *d, const uint8_t *data, size_t n)
{
    if (tp_body_is_events(data, n))
        tp_connection_set_role(d->owner->conn, !d->which);
}

static void take_data(struct direction *d, uint32_t id, const uint8_t *data, size_t n)
{
    if (!role_known(d->owner))
        role_by_events(d, data, n);
    struct tp_http2_stream *s = stream_of(d, id);
    if (s)
        tp_http2_stream_body(s, part_of(d), data, n);
    else
        d->owner->streams.skipped_bytes += n;
}

/* ---- header blocks ---- */

struct fields {
    struct tp_buf text;
    size_t count;
    bool failed;
};

static void add_clean(struct fields *f, const uint8_t *s, size_t n)
{
    size_t from = f->text.len;
    if (tp_buf_add(&f->text, s, n) || tp_buf_add(&f->text, "", 1)) {
        f->failed = true;
        return;
    }
    for (size_t i = from; i < from + n; i++)
        if (f->text.data[i] == '\0')
            f->text.data[i] = ' ';
}

static void on_field(void *cx, const uint8_t *name, size_t name_len, const uint8_t *value,
                     size_t value_len)
{
    struct fields *f = cx;
    if (f->failed)
        return;
    add_clean(f, name, name_len);
    add_clean(f, value, value_len);
    f->count++;
}

/* True with a head; `partial`: fields of it are unknown. A block that was not seen whole leaves
 * none, and blanks in the table. */
static bool read_block(struct direction *d, struct tp_head *ret_head, bool *ret_partial)
{
    struct tp_http2 *h = d->owner;
    struct fields f = {.failed = false};
    size_t unknown = 0;

    if (d->block_bad) {
        tp_hpack_miss(&d->hpack);
        return false;
    }
    tp_buf_init(&f.text, h->conn->owner->limits.head_bytes_max);
    if (tp_hpack_read(&d->hpack, d->block.data, d->block.len, on_field, &f, &unknown)) {
        tell_loss(h, "bad header block", d->block.len);
        f.failed = true;
    }
    *ret_partial = unknown > 0;
    if (unknown && !d->told_unknown) {
        tell_loss(h, "header fields from before", 0);
        d->told_unknown = true;
    }
    if (f.failed || f.count == 0) {
        tp_buf_done(&f.text);
        return false;
    }
    return tp_head_of_fields(ret_head, (char *)f.text.data, f.text.len, f.count) == 0;
}

static void begin_request(struct direction *d, const struct tp_http_head *head, bool partial)
{
    struct tp_http2_streams *streams = &d->owner->streams;
    uint32_t id = d->headers.stream;
    if (!tp_http2_stream_find(streams, id) && !tp_http2_stream_ended(streams, id))
        tp_http2_stream_open(streams, id, head, partial);
}

/* A second block on an answered stream is its trailer. Informational answers are not the answer. */
static void begin_answer(struct direction *d, const struct tp_http_head *head, bool partial)
{
    struct tp_http2_stream *s = stream_of(d, d->headers.stream);
    if (!s || s->message[TP_HTTP2_ANSWER].begun || (head && head->status < 200))
        return;
    tp_http2_stream_answer(s, head, partial);
    if (!head)
        tp_http2_stream_hole(s, TP_HTTP2_ANSWER, 0);
}

static void role_by_head(struct direction *d, const struct tp_head *head)
{
    tp_connection_set_role(d->owner->conn, head->request ? d->which : !d->which);
}

static void block_over(struct direction *d)
{
    struct tp_http2 *h = d->owner;
    struct tp_head head;
    bool pushed = d->headers.type == TP_HTTP2_PUSH_PROMISE;
    bool partial = false;
    bool seen = read_block(d, &head, &partial);

    d->block_open = false;
    if (seen && !role_known(h) && !pushed)
        role_by_head(d, &head);
    if (!pushed && role_known(h)) {
        /* Trailers have no pseudo-fields: no head comes of them. */
        bool fits = seen && head.request == (part_of(d) == TP_HTTP2_REQUEST);
        if (part_of(d) == TP_HTTP2_REQUEST)
            begin_request(d, fits ? &head.http : NULL, partial);
        else
            begin_answer(d, fits ? &head.http : NULL, partial);
        struct tp_http2_stream *s = tp_http2_stream_find(&h->streams, d->headers.stream);
        if (s && (d->headers.flags & TP_HTTP2_END_STREAM))
            tp_http2_stream_done(s, part_of(d));
    }
    if (seen)
        tp_head_done(&head);
    if (d->block.cap > 65536)
        tp_buf_done(&d->block);
}

static void block_begin(struct direction *d, const struct tp_http2_frame *frame)
{
    tp_buf_clear(&d->block);
    d->headers = *frame;
    d->block_open = true;
    d->block_bad = false;
    if (frame->type == TP_HTTP2_HEADERS && frame->stream > d->highest)
        d->highest = frame->stream;
}

static bool is_block(uint8_t type)
{
    return type == TP_HTTP2_HEADERS || type == TP_HTTP2_PUSH_PROMISE ||
           type == TP_HTTP2_CONTINUATION;
}

/* RFC 9113, 6.10: nothing may stand between the frames of a block. */
static bool goes_on(const struct direction *d, const struct tp_http2_frame *frame)
{
    return frame->type == TP_HTTP2_CONTINUATION && d->block_open &&
           frame->stream == d->headers.stream;
}

/* ---- control frames ---- */

/* What one side allows holds for the blocks of the other. */
static void take_settings(struct direction *d, const uint8_t *data, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        d->small[d->small_len++] = data[i];
        if (d->small_len < SETTING_BYTES)
            continue;
        d->small_len = 0;
        const uint8_t *s = d->small;
        if (s[0] == 0 && s[1] == SETTINGS_HEADER_TABLE_SIZE)
            tp_hpack_allow(&d->owner->direction[!d->which].hpack, (uint32_t)s[2] << 24 |
                                                                      (uint32_t)s[3] << 16 |
                                                                      (uint32_t)s[4] << 8 | s[5]);
    }
}

static void take_small(struct direction *d, const uint8_t *data, size_t n)
{
    size_t room = sizeof(d->small) - d->small_len;
    size_t taken = n < room ? n : room;
    memcpy(d->small + d->small_len, data, taken);
    d->small_len += taken;
}

static void reset_stream(struct direction *d, uint32_t id)
{
    struct tp_http2_stream *s = tp_http2_stream_find(&d->owner->streams, id);
    if (s)
        tp_http2_stream_close(s, TP_END_CLOSED);
}

static void go_away(struct direction *d)
{
    const uint8_t *s = d->small;
    if (d->small_len < 4 || !role_known(d->owner) || part_of(d) != TP_HTTP2_ANSWER)
        return;
    tp_http2_streams_refuse(&d->owner->streams, (uint32_t)(s[0] & 0x7f) << 24 |
                                                    (uint32_t)s[1] << 16 | (uint32_t)s[2] << 8 |
                                                    s[3]);
}

/* ---- frames ---- */

/* Two threads of a process may report out of turn: the reader of an answer before the writer of its
 * request. Such an answer waits. */
static bool must_wait(const struct direction *d, const struct tp_http2_frame *frame)
{
    struct tp_http2 *h = d->owner;
    if (frame->type != TP_HTTP2_HEADERS || h->no_wait || !role_known(h) ||
        part_of(d) == TP_HTTP2_REQUEST)
        return false;
    const struct direction *requests = requests_of(h);
    return !requests->missed && frame->stream > requests->highest && (frame->stream & 1);
}

static bool on_begin(void *cx, const struct tp_http2_frame *frame)
{
    struct direction *d = cx;
    if (must_wait(d, frame))
        return false;
    d->small_len = 0;
    if (d->block_open && !goes_on(d, frame)) {
        tp_hpack_miss(&d->hpack);
        d->block_open = false;
    }
    if (is_block(frame->type) && !goes_on(d, frame))
        block_begin(d, frame);
    /* The rest of a block whose beginning was missed. */
    if (frame->type == TP_HTTP2_CONTINUATION && d->headers.type == TP_HTTP2_CONTINUATION)
        d->block_bad = true;
    return true;
}

static void on_content(void *cx, const struct tp_http2_frame *frame, const uint8_t *data, size_t n)
{
    struct direction *d = cx;
    if (frame->type == TP_HTTP2_DATA)
        take_data(d, frame->stream, data, n);
    else if (is_block(frame->type))
        d->block_bad |= tp_buf_add(&d->block, data, n) != 0;
    else if (frame->type == TP_HTTP2_SETTINGS)
        take_settings(d, data, n);
    else
        take_small(d, data, n);
}

static void on_hole(void *cx, const struct tp_http2_frame *frame, uint64_t content, uint64_t other)
{
    struct direction *d = cx;
    struct tp_http2_stream *s = frame->type == TP_HTTP2_DATA ? stream_of(d, frame->stream) : NULL;
    d->block_bad = true;
    if (s && content) {
        tp_http2_stream_hole(s, part_of(d), content);
        content = 0;
    }
    if (content + other)
        tell_loss(d->owner, "hole in a frame", content + other);
}

static void on_end(void *cx, const struct tp_http2_frame *frame)
{
    struct direction *d = cx;
    if (frame->type == TP_HTTP2_DATA && (frame->flags & TP_HTTP2_END_STREAM)) {
        struct tp_http2_stream *s = stream_of(d, frame->stream);
        if (s)
            tp_http2_stream_done(s, part_of(d));
    } else if (is_block(frame->type) && (frame->flags & TP_HTTP2_END_HEADERS)) {
        block_over(d);
    } else if (frame->type == TP_HTTP2_RST_STREAM) {
        reset_stream(d, frame->stream);
    } else if (frame->type == TP_HTTP2_GOAWAY) {
        go_away(d);
    }
}

static void on_lost(void *cx, const struct tp_http2_frame *open, uint64_t bytes)
{
    struct direction *d = cx;
    (void)open;
    tp_hpack_miss(&d->hpack);
    d->missed = true;
    d->block_open = false;
    if (role_known(d->owner))
        tp_http2_streams_hole(&d->owner->streams, part_of(d), bytes);
    else if (bytes)
        tell_loss(d->owner, "hole between frames", bytes);
}

/* The rest of a frame whose header was missed. An answer's can only be of a stream that was asked
 * for: where that is one, it is told, for the usage may be in it. */
static void on_stray(void *cx, const uint8_t *data, size_t n)
{
    struct direction *d = cx;
    struct tp_http2 *h = d->owner;
    struct tp_http2_stream *only = NULL;
    if (role_known(h) && part_of(d) == TP_HTTP2_ANSWER && !requests_of(h)->missed)
        only = tp_http2_streams_only(&h->streams);
    if (only && only->message[TP_HTTP2_ANSWER].begun)
        tp_http2_stream_body(only, TP_HTTP2_ANSWER, data, n);
    else
        h->streams.skipped_bytes += n;
}

static const struct tp_http2_frames_ops frames_ops = {
    .begin = on_begin,
    .content = on_content,
    .hole = on_hole,
    .end = on_end,
    .lost = on_lost,
    .stray = on_stray,
};

/* ---- the connection ---- */

static enum tp_http2_sight look_at_frame(const uint8_t *data, size_t n)
{
    struct tp_http2_frame frame;
    if (n < TP_HTTP2_HEADER_BYTES)
        return TP_HTTP2_UNSURE;
    if (!tp_http2_frame_read(data, &frame) || (data[5] & 0x80) ||
        frame.type > TP_HTTP2_CONTINUATION)
        return TP_HTTP2_ABSENT;
    return frame.type == TP_HTTP2_SETTINGS && !(frame.flags & TP_HTTP2_ACK) ? TP_HTTP2_SERVER
                                                                            : TP_HTTP2_MIDDLE;
}

/* Text never begins with a NUL; frames of up to 64 KiB do. */
enum tp_http2_sight tp_http2_look(const uint8_t *data, size_t n)
{
    size_t len = n < TP_HTTP2_PREFACE_BYTES ? n : TP_HTTP2_PREFACE_BYTES;
    if (n == 0)
        return TP_HTTP2_UNSURE;
    if (memcmp(data, TP_HTTP2_PREFACE, len) == 0)
        return len == TP_HTTP2_PREFACE_BYTES ? TP_HTTP2_CLIENT : TP_HTTP2_UNSURE;
    return data[0] == 0 ? look_at_frame(data, n) : TP_HTTP2_ABSENT;
}

struct tp_http2 *tp_http2_new(struct tp_connection *c)
{
    struct tp_http2 *h = calloc(1, sizeof(*h));
    if (!h)
        return NULL;
    h->conn = c;
    tp_http2_streams_init(&h->streams, c);
    tp_buf_init(&h->held, c->owner->limits.held_bytes_max);
    for (int i = 0; i < 2; i++) {
        struct direction *d = &h->direction[i];
        d->owner = h;
        d->which = (enum tp_direction)i;
        tp_http2_frames_init(&d->frames, &frames_ops, d);
        tp_hpack_init(&d->hpack);
        tp_buf_init(&d->block, c->owner->limits.head_bytes_max);
    }
    return h;
}

void tp_http2_start(struct tp_http2 *h, enum tp_direction direction, enum tp_http2_sight sight)
{
    struct direction *d = &h->direction[direction];
    d->begun = true;
    if (sight == TP_HTTP2_CLIENT) {
        d->preface_left = TP_HTTP2_PREFACE_BYTES;
        if (!role_known(h))
            tp_connection_set_role(h->conn, direction);
        return;
    }
    if (sight == TP_HTTP2_SERVER)
        return;
    d->missed = true;
    tp_hpack_miss(&d->hpack);
    if (sight != TP_HTTP2_MIDDLE)
        tp_http2_frames_search(&d->frames);
}

static void hold(struct tp_http2 *h, const uint8_t *data, size_t n);

static void feed_frames(struct direction *d, const uint8_t *data, size_t n)
{
    size_t taken = tp_http2_frames_feed(&d->frames, data, n);
    if (taken < n)
        hold(d->owner, data + taken, n - taken);
}

/* What waited is framed as far as it goes; what is left waits on. */
static void release(struct tp_http2 *h)
{
    if (!role_known(h))
        return;
    struct direction *answers = &h->direction[!h->conn->request_direction];
    struct tp_buf held = h->held;
    tp_buf_init(&h->held, held.max);
    feed_frames(answers, held.data, held.len);
    tp_buf_done(&held);
}

static void release_all(struct tp_http2 *h)
{
    h->no_wait = true;
    release(h);
    h->no_wait = false;
}

static void hold(struct tp_http2 *h, const uint8_t *data, size_t n)
{
    if (tp_buf_add(&h->held, data, n) == 0)
        return;
    release_all(h);
    h->no_wait = true;
    tp_http2_frames_feed(&h->direction[!h->conn->request_direction].frames, data, n);
    h->no_wait = false;
}

void tp_http2_feed(struct tp_http2 *h, enum tp_direction direction, const uint8_t *data, size_t n)
{
    struct direction *d = &h->direction[direction];
    if (!d->begun)
        tp_http2_start(h, direction, TP_HTTP2_ABSENT);
    size_t skip = n < d->preface_left ? n : d->preface_left;
    d->preface_left -= skip;
    data += skip;
    n -= skip;
    bool is_request = role_known(h) && part_of(d) == TP_HTTP2_REQUEST;
    if (!is_request && h->held.len)
        hold(h, data, n);
    else
        feed_frames(d, data, n);
    if (is_request && (h->held.len || h->direction[!direction].frames.waiting))
        release(h);
}

void tp_http2_hole(struct tp_http2 *h, enum tp_direction direction, uint64_t bytes)
{
    struct direction *d = &h->direction[direction];
    d->preface_left = 0;
    if (role_known(h) && h->direction[!h->conn->request_direction].frames.waiting)
        release_all(h);
    if (!d->begun)
        tp_http2_start(h, direction, TP_HTTP2_ABSENT);
    tp_http2_frames_hole(&d->frames, bytes);
}

void tp_http2_end(struct tp_http2 *h, enum tp_exchange_end why)
{
    if (!h)
        return;
    release_all(h);
    tp_http2_streams_close(&h->streams, why);
    for (int i = 0; i < 2; i++) {
        struct direction *d = &h->direction[i];
        tp_http2_frames_done(&d->frames);
        tp_hpack_done(&d->hpack);
        tp_buf_done(&d->block);
    }
    tp_buf_done(&h->held);
    free(h);
}
