/* SPDX-License-Identifier: MIT */
#include "collector/http2_streams.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Servers allow 100 to 256 at a time. */
#define STREAMS_MAX 1024

static const struct tp_exchange_ops *ops_of(const struct tp_http2_streams *t)
{
    return t->conn->owner->ops;
}

static uint64_t now_of(const struct tp_http2_streams *t)
{
    return t->conn->now.time_ns;
}

static void tell_loss(struct tp_http2_streams *t, const char *where, const char *why,
                      uint64_t bytes)
{
    ops_of(t)->loss(t->conn->owner->cx, &t->conn->origin, where, why, bytes);
}

void tp_http2_streams_init(struct tp_http2_streams *t, struct tp_connection *c)
{
    *t = (struct tp_http2_streams){.conn = c};
}

/* ---- the table ---- */

/* Ids of clients are odd and count up. */
static size_t bucket_of(uint32_t id)
{
    return (id >> 1) % TP_HTTP2_BUCKETS;
}

struct tp_http2_stream *tp_http2_stream_find(const struct tp_http2_streams *t, uint32_t id)
{
    struct tp_http2_stream *s = t->buckets[bucket_of(id)];
    while (s && s->id != id)
        s = s->next;
    return s;
}

bool tp_http2_stream_ended(const struct tp_http2_streams *t, uint32_t id)
{
    for (size_t i = 0; i < TP_HTTP2_ENDED_MAX; i++)
        if (t->ended[i] == id)
            return true;
    return false;
}

/* Calls `each` for every stream; it may end the one at hand. */
static void for_each(struct tp_http2_streams *t, void (*each)(struct tp_http2_stream *s, void *cx),
                     void *cx)
{
    struct tp_http2_stream *next;
    for (size_t i = 0; i < TP_HTTP2_BUCKETS; i++)
        for (struct tp_http2_stream *s = t->buckets[i]; s; s = next) {
            next = s->next;
            each(s, cx);
        }
}

static void unlink_stream(struct tp_http2_stream *s)
{
    struct tp_http2_streams *t = s->owner;
    struct tp_http2_stream **at = &t->buckets[bucket_of(s->id)];
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    t->count--;
    t->ended[t->ended_at++ % TP_HTTP2_ENDED_MAX] = s->id;
    free(s);
}

static void find_oldest(struct tp_http2_stream *s, void *cx)
{
    struct tp_http2_stream **oldest = cx;
    if (!*oldest || s->id < (*oldest)->id)
        *oldest = s;
}

static void give_up_oldest(struct tp_http2_streams *t)
{
    struct tp_http2_stream *oldest = NULL;
    for_each(t, find_oldest, &oldest);
    tp_http2_stream_hole(oldest, TP_HTTP2_ANSWER, 0);
    tp_http2_stream_close(oldest, TP_END_LOST);
}

/* ---- bodies ---- */

static void tell_request(void *cx, const uint8_t *data, size_t n)
{
    struct tp_http2_stream *s = cx;
    ops_of(s->owner)->request_body(s->x, data, n, now_of(s->owner));
}

static void tell_answer(void *cx, const uint8_t *data, size_t n)
{
    struct tp_http2_stream *s = cx;
    ops_of(s->owner)->response_body(s->x, data, n, now_of(s->owner));
}

static void tell_hole(struct tp_http2_stream *s, enum tp_http2_part part, uint64_t bytes)
{
    if (part == TP_HTTP2_REQUEST)
        ops_of(s->owner)->request_hole(s->x, bytes);
    else
        ops_of(s->owner)->response_hole(s->x, bytes);
}

static bool read_length(const struct tp_http_head *head, uint64_t *ret_bytes)
{
    const char *s = tp_http_field(head, "content-length");
    char *end;
    if (!s || *s < '0' || *s > '9')
        return false;
    errno = 0;
    *ret_bytes = strtoull(s, &end, 10);
    return errno == 0 && *end == '\0';
}

/* Of bytes seen or known to be missing. More than the head said is somebody's error: then it says
 * nothing. */
static void count_down(struct tp_http2_message *m, uint64_t bytes)
{
    m->counted = m->counted && bytes && bytes <= m->left;
    m->left -= m->counted ? bytes : 0;
}

/* A client that has all of the bytes need not read the frame that ends the stream. */
static bool has_all(const struct tp_http2_message *m)
{
    return m->begun && m->counted && m->left == 0;
}

static void message_begin(struct tp_http2_stream *s, enum tp_http2_part part,
                          const struct tp_http_head *head, bool partial)
{
    struct tp_http2_message *m = &s->message[part];
    m->begun = true;
    m->counted = head && read_length(head, &m->left);
    tp_body_open(&m->body, head, &s->owner->conn->owner->limits,
                 part == TP_HTTP2_REQUEST ? tell_request : tell_answer, s);
    if (partial)
        tp_body_doubt(&m->body);
}

static void message_end(struct tp_http2_stream *s, enum tp_http2_part part, bool cut)
{
    uint64_t bytes;
    const char *why = tp_body_close(&s->message[part].body, cut, &bytes);
    if (!why)
        return;
    tell_hole(s, part, bytes);
    tell_loss(s->owner, "encoding", why, bytes);
}

void tp_http2_stream_body(struct tp_http2_stream *s, enum tp_http2_part part, const uint8_t *data,
                          size_t n)
{
    struct tp_http2_message *m = &s->message[part];
    if (s->tunnel || m->done) {
        s->owner->skipped_bytes += n;
        return;
    }
    if (!m->begun) {
        tp_http2_stream_answer(s, NULL, false);
        tell_hole(s, part, 0);
    }
    if (n)
        count_down(m, n);
    tp_body_push(&m->body, data, n);
}

void tp_http2_stream_hole(struct tp_http2_stream *s, enum tp_http2_part part, uint64_t bytes)
{
    tell_hole(s, part, bytes);
    count_down(&s->message[part], bytes);
    tp_body_hole(&s->message[part].body);
}

/* ---- their lives ---- */

struct tp_http2_stream *tp_http2_stream_open(struct tp_http2_streams *t, uint32_t id,
                                             const struct tp_http_head *head, bool partial)
{
    struct tp_http2_stream *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    if (t->count == STREAMS_MAX)
        give_up_oldest(t);
    s->owner = t;
    s->id = id;
    s->tunnel = head && strcmp(head->method, "CONNECT") == 0;
    s->next = t->buckets[bucket_of(id)];
    t->buckets[bucket_of(id)] = s;
    t->count++;
    t->conn->owner->stats.exchanges++;
    s->x =
        ops_of(t)->request_begin(t->conn->owner->cx, &t->conn->origin, head, t->conn->now.entry_ns);
    message_begin(s, TP_HTTP2_REQUEST, head, partial);
    return s;
}

void tp_http2_stream_answer(struct tp_http2_stream *s, const struct tp_http_head *head,
                            bool partial)
{
    ops_of(s->owner)->response_begin(s->x, head, now_of(s->owner));
    message_begin(s, TP_HTTP2_ANSWER, head, partial);
}

void tp_http2_stream_done(struct tp_http2_stream *s, enum tp_http2_part part)
{
    struct tp_http2_message *m = &s->message[part];
    if (m->done)
        return;
    message_end(s, part, false);
    m->done = true;
    if (part == TP_HTTP2_REQUEST)
        ops_of(s->owner)->request_end(s->x, now_of(s->owner));
    else
        s->end_ns = now_of(s->owner);
    const struct tp_http2_message *request = &s->message[TP_HTTP2_REQUEST];
    if (s->message[TP_HTTP2_ANSWER].done && (request->done || request->lost))
        tp_http2_stream_close(s, TP_END_COMPLETE);
}

/* An answer whose end may have been missed was not given up by anyone: it is lost. */
void tp_http2_stream_close(struct tp_http2_stream *s, enum tp_exchange_end why)
{
    struct tp_http2_message *answer = &s->message[TP_HTTP2_ANSWER];
    if (!answer->done && has_all(answer)) {
        message_end(s, TP_HTTP2_ANSWER, false);
        answer->done = true;
        s->end_ns = now_of(s->owner);
    }
    uint64_t end_ns = answer->done ? s->end_ns : now_of(s->owner);
    if (answer->done)
        why = TP_END_COMPLETE;
    else if (answer->lost)
        why = TP_END_LOST;
    message_end(s, TP_HTTP2_REQUEST, true);
    message_end(s, TP_HTTP2_ANSWER, true);
    ops_of(s->owner)->response_end(s->x, why, end_ns);
    unlink_stream(s);
}

/* ---- all of them ---- */

struct looking {
    enum tp_http2_part part;
    struct tp_http2_stream *found;
    size_t count;
};

static void find_open(struct tp_http2_stream *s, void *cx)
{
    struct looking *l = cx;
    if (s->message[l->part].done)
        return;
    l->found = s;
    l->count++;
}

static void mark_lost(struct tp_http2_stream *s, void *cx)
{
    const struct looking *l = cx;
    if (s->message[l->part].done)
        return;
    s->message[l->part].lost = true;
    tp_http2_stream_hole(s, l->part, 0);
}

static void close_if_answered(struct tp_http2_stream *s, void *cx)
{
    (void)cx;
    if (s->message[TP_HTTP2_ANSWER].done)
        tp_http2_stream_close(s, TP_END_COMPLETE);
}

/* The bytes are told once: to the stream, where there is but one that they can be of; else as a
 * loss of the connection's. */
void tp_http2_streams_hole(struct tp_http2_streams *t, enum tp_http2_part part, uint64_t bytes)
{
    struct looking l = {.part = part};
    for_each(t, find_open, &l);
    if (l.count == 1)
        tell_hole(l.found, part, bytes);
    else if (bytes)
        tell_loss(t, "http2", "hole between frames", bytes);
    for_each(t, mark_lost, &l);
    if (part == TP_HTTP2_REQUEST)
        for_each(t, close_if_answered, NULL);
}

struct tp_http2_stream *tp_http2_streams_only(const struct tp_http2_streams *t)
{
    struct looking l = {.part = TP_HTTP2_ANSWER};
    for_each((struct tp_http2_streams *)(uintptr_t)t, find_open, &l);
    return l.count == 1 ? l.found : NULL;
}

static void refuse_above(struct tp_http2_stream *s, void *cx)
{
    const uint32_t *last = cx;
    if (s->id > *last && !s->message[TP_HTTP2_ANSWER].begun)
        tp_http2_stream_close(s, TP_END_CLOSED);
}

void tp_http2_streams_refuse(struct tp_http2_streams *t, uint32_t last)
{
    for_each(t, refuse_above, &last);
}

static void close_one(struct tp_http2_stream *s, void *cx)
{
    const enum tp_exchange_end *why = cx;
    tp_http2_stream_close(s, *why);
}

void tp_http2_streams_close(struct tp_http2_streams *t, enum tp_exchange_end why)
{
    for_each(t, close_one, &why);
    if (t->skipped_bytes)
        tell_loss(t, "http2", "of no stream", t->skipped_bytes);
    t->skipped_bytes = 0;
}
