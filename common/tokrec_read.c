/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "common/buf.h"
#include "common/tokrec.h"
#include "common/tokrec_format.h"
#include "common/unpack.h"

#define READ_BYTES ((size_t)64 << 10)
/* A frame's events: the writer makes 256 KiB and at most one event of the greatest size. */
#define FRAME_BYTES_MAX ((size_t)64 << 20)
#define WINDOW_LOG_MAX 26

struct tp_tokrec_reader {
    int fd;
    bool framed;
    bool input_ended;
    bool index_last; /* the last frame passed was the index */
    bool done;
    enum tp_tokrec_end end;
    struct tp_buf in; /* framed: bytes of the file not yet taken */
    size_t in_at;
    struct tp_buf events; /* decoded events not yet given */
    size_t events_at;
    struct tp_unpack_scan scan;
    ZSTD_DCtx *zstd;
    msgpack_zone *zone;
};

/* Reads once more into `b`. 1, 0 at the input's end, or negative errno. */
static int fill(struct tp_tokrec_reader *r, struct tp_buf *b)
{
    uint8_t chunk[READ_BYTES];
    while (!r->input_ended) {
        ssize_t n = read(r->fd, chunk, sizeof(chunk));
        if (n > 0)
            return tp_buf_add(b, chunk, (size_t)n) < 0 ? -ENOMEM : 1;
        if (n == 0) {
            r->input_ended = true;
        } else if (errno == EAGAIN) {
            struct pollfd p = {.fd = r->fd, .events = POLLIN};
            poll(&p, 1, -1);
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

/* Makes at least n bytes of the file available at in_at. 1, 0 if it ends before, or negative errno.
 */
static int need(struct tp_tokrec_reader *r, size_t n)
{
    while (r->in.len - r->in_at < n) {
        tp_buf_drop(&r->in, r->in_at);
        r->in_at = 0;
        int e = fill(r, &r->in);
        if (e <= 0)
            return e;
    }
    return 1;
}

static uint32_t get_u32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Any of the sixteen magics, RFC 8878 section 3.1.2: other tools may add frames of their own. */
static bool is_skippable(uint32_t magic)
{
    return (magic & 0xfffffff0u) == ZSTD_MAGIC_SKIPPABLE_START;
}

/* How it ended is told by tp_tokrec_reader_end(); the events so far are good either way. */
static int stop(struct tp_tokrec_reader *r, enum tp_tokrec_end end)
{
    r->done = true;
    r->end = end;
    return 0;
}

/* Passes a skippable frame whose head is there. 1, 0 after stop(), negative errno. */
static int pass_skippable(struct tp_tokrec_reader *r)
{
    static const char index[] = TP_TOKREC_INDEX;
    size_t left = get_u32(r->in.data + r->in_at + 4);
    bool is_index = false;
    r->in_at += 8;
    if (left >= sizeof(index) - 1) {
        int e = need(r, sizeof(index) - 1);
        if (e <= 0)
            return e < 0 ? e : stop(r, TP_TOKREC_CUT);
        is_index = memcmp(r->in.data + r->in_at, index, sizeof(index) - 1) == 0;
    }
    while (left > 0) {
        int e = need(r, 1);
        if (e <= 0)
            return e < 0 ? e : stop(r, TP_TOKREC_CUT);
        size_t have = r->in.len - r->in_at;
        size_t take = have < left ? have : left;
        r->in_at += take;
        left -= take;
    }
    r->index_last = is_index;
    return 1;
}

/* Decodes the zstd frame at in_at into `events`. 1, 0 after stop(), negative errno. */
static int decode_frame(struct tp_tokrec_reader *r)
{
    uint8_t chunk[READ_BYTES];
    ZSTD_DCtx_reset(r->zstd, ZSTD_reset_session_only);
    for (;;) {
        ZSTD_inBuffer in = {r->in.data, r->in.len, r->in_at};
        ZSTD_outBuffer out = {chunk, sizeof(chunk), 0};
        size_t left = ZSTD_decompressStream(r->zstd, &out, &in);
        if (ZSTD_isError(left))
            return stop(r, TP_TOKREC_DAMAGED);
        r->in_at = in.pos;
        int e = tp_buf_add(&r->events, chunk, out.pos);
        if (e < 0)
            return e == -ENOSPC ? stop(r, TP_TOKREC_DAMAGED) : e;
        if (left == 0)
            break;
        if (r->in_at < r->in.len || out.pos == out.size)
            continue;
        e = need(r, 1);
        if (e <= 0)
            return e < 0 ? e : stop(r, TP_TOKREC_CUT);
    }
    r->index_last = false;
    return 1;
}

/* Fills `events` with the next frame's. 1, 0 at the end, negative errno. */
static int next_frame(struct tp_tokrec_reader *r)
{
    tp_buf_clear(&r->events);
    r->events_at = 0;
    for (;;) {
        int e = need(r, 4);
        if (e < 0)
            return e;
        bool at_end = r->in.len == r->in_at;
        if (e == 0)
            return stop(r, at_end && r->index_last ? TP_TOKREC_WHOLE : TP_TOKREC_CUT);
        uint32_t magic = get_u32(r->in.data + r->in_at);
        if (magic == ZSTD_MAGICNUMBER) {
            e = decode_frame(r);
            if (e <= 0)
                tp_buf_clear(&r->events);
            return e;
        }
        if (!is_skippable(magic))
            return stop(r, TP_TOKREC_DAMAGED);
        e = need(r, 8);
        if (e <= 0)
            return e < 0 ? e : stop(r, TP_TOKREC_CUT);
        e = pass_skippable(r);
        if (e <= 0)
            return e;
    }
}

/* More events where `events` holds no whole one. 1, 0 at the end, negative errno. */
static int more_events(struct tp_tokrec_reader *r)
{
    size_t rest = r->events.len - r->events_at;
    if (r->framed)
        return rest > 0 ? stop(r, TP_TOKREC_DAMAGED) : next_frame(r);
    tp_buf_drop(&r->events, r->events_at);
    r->events_at = 0;
    int e = fill(r, &r->events);
    if (e == 0)
        return stop(r, rest > 0 ? TP_TOKREC_CUT : TP_TOKREC_WHOLE);
    return e;
}

/* Only after the scan found the event whole and within its ceilings, so that what msgpack-c
 * allocates is bounded. */
static int unpack_event(struct tp_tokrec_reader *r, size_t n, msgpack_object *ret_event)
{
    size_t off = 0;
    const char *data = (const char *)r->events.data + r->events_at;
    msgpack_zone_clear(r->zone);
    msgpack_unpack_return u = msgpack_unpack(data, n, &off, r->zone, ret_event);
    if ((u != MSGPACK_UNPACK_SUCCESS && u != MSGPACK_UNPACK_EXTRA_BYTES) ||
        ret_event->type != MSGPACK_OBJECT_MAP)
        return u == MSGPACK_UNPACK_NOMEM_ERROR ? -ENOMEM : stop(r, TP_TOKREC_DAMAGED);
    r->events_at += n;
    return 1;
}

int tp_tokrec_next(struct tp_tokrec_reader *r, msgpack_object *ret_event)
{
    r->scan = (struct tp_unpack_scan){0};
    while (!r->done) {
        size_t have = r->events.len - r->events_at;
        int e = have ? tp_unpack_scan(&r->scan, r->events.data + r->events_at, have) : 0;
        if (e == 1)
            return unpack_event(r, r->scan.at, ret_event);
        if (e < 0)
            return stop(r, TP_TOKREC_DAMAGED);
        e = more_events(r);
        if (e < 0) {
            stop(r, TP_TOKREC_CUT);
            return e;
        }
    }
    return 0;
}

/* Framed, bare or neither, by the first bytes. A file cut in its first frame's head counts as
 * framed. */
static int recognise(struct tp_tokrec_reader *r)
{
    static const uint8_t skippable[4] = {0x5E, 0x2A, 0x4D, 0x18};
    int e = need(r, 4);
    if (e < 0)
        return e;
    size_t n = r->in.len < 4 ? r->in.len : 4;
    if (n < 4 && (n == 0 || memcmp(r->in.data, skippable, n) == 0)) {
        r->framed = true;
        return 0;
    }
    uint32_t magic = n == 4 ? get_u32(r->in.data) : 0;
    uint8_t first = r->in.data[0];
    if (n == 4 && (magic == ZSTD_MAGICNUMBER || is_skippable(magic))) {
        r->framed = true;
    } else if ((first & 0xf0) == 0x80 || first == 0xde || first == 0xdf) {
        /* Bare events: what was read so far is events, with their own ceiling. */
        struct tp_buf empty = r->events;
        empty.max = r->events.max;
        r->events = r->in;
        r->events.max = TP_UNPACK_EVENT_BYTES_MAX + READ_BYTES;
        r->in = empty;
    } else {
        return -EBADMSG;
    }
    return 0;
}

void tp_tokrec_reader_free(struct tp_tokrec_reader *r)
{
    if (!r)
        return;
    close(r->fd);
    tp_buf_done(&r->in);
    tp_buf_done(&r->events);
    ZSTD_freeDCtx(r->zstd);
    msgpack_zone_free(r->zone);
    free(r);
}

int tp_tokrec_reader_new(struct tp_tokrec_reader **ret_reader, int fd)
{
    struct tp_tokrec_reader *r = calloc(1, sizeof(*r));
    if (!r) {
        close(fd);
        return -ENOMEM;
    }
    r->fd = fd;
    tp_buf_init(&r->in, 2 * READ_BYTES);
    tp_buf_init(&r->events, FRAME_BYTES_MAX);
    r->zstd = ZSTD_createDCtx();
    r->zone = msgpack_zone_new(MSGPACK_ZONE_CHUNK_SIZE);
    int e = r->zstd && r->zone ? recognise(r) : -ENOMEM;
    if (e < 0) {
        tp_tokrec_reader_free(r);
        return e;
    }
    ZSTD_DCtx_setParameter(r->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
    *ret_reader = r;
    return 0;
}

enum tp_tokrec_end tp_tokrec_reader_end(const struct tp_tokrec_reader *r)
{
    return r->end;
}
