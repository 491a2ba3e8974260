/* SPDX-License-Identifier: MIT */
#include "exchange_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_BYTES_MAX (64u * 1024u * 1024u)

void exchange_log_init(struct exchange_log *log)
{
    *log = (struct exchange_log){0};
    log->last = &log->first;
}

void exchange_log_done(struct exchange_log *log)
{
    struct seen *next;
    for (struct seen *s = log->first; s; s = next) {
        next = s->next;
        tp_buf_done(&s->request.body);
        tp_buf_done(&s->response.body);
        free(s);
    }
}

struct seen *exchange_log_at(struct exchange_log *log, size_t i)
{
    struct seen *s = log->first;
    while (s && i--)
        s = s->next;
    return s;
}

bool body_is(const struct seen_message *m, const void *data, size_t n)
{
    return m->body.len == n && (n == 0 || memcmp(m->body.data, data, n) == 0);
}

static void copy_text(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from ? from : "");
}

static void *request_begin(void *cx, const struct tp_conn_origin *origin,
                           const struct tp_http_head *head, uint64_t time_ns)
{
    struct exchange_log *log = cx;
    struct seen *s = calloc(1, sizeof(*s));
    s->log = log;
    s->conn = origin->conn;
    s->server = origin->server;
    tp_buf_init(&s->request.body, BODY_BYTES_MAX);
    tp_buf_init(&s->response.body, BODY_BYTES_MAX);
    s->request.begun = true;
    s->request.head = head;
    s->request.begin_ns = time_ns;
    if (head) {
        copy_text(s->method, sizeof(s->method), head->method);
        copy_text(s->target, sizeof(s->target), head->target);
    }
    *log->last = s;
    log->last = &s->next;
    log->count++;
    return s;
}

static void add_body(struct seen *s, struct seen_message *m, const uint8_t *data, size_t n)
{
    s->log->misuses += !m->begun || m->ended || s->over || n == 0;
    m->pieces++;
    if (!s->log->discard)
        tp_buf_add(&m->body, data, n);
}

static void request_body(void *x, const uint8_t *data, size_t n, uint64_t time_ns)
{
    (void)time_ns;
    struct seen *s = x;
    add_body(s, &s->request, data, n);
}

static void add_hole(struct seen *s, struct seen_message *m, uint64_t bytes)
{
    s->log->misuses += s->over;
    m->holes++;
    m->hole_bytes += bytes;
    if (s->log->show_holes && m->body.len > 0)
        tp_buf_add(&m->body, "", 1);
}

static void request_hole(void *x, uint64_t bytes)
{
    struct seen *s = x;
    add_hole(s, &s->request, bytes);
}

static void request_end(void *x, uint64_t time_ns)
{
    struct seen *s = x;
    s->log->misuses += s->request.ended || s->over;
    s->request.ended = true;
    s->request.end_ns = time_ns;
}

static void response_begin(void *x, const struct tp_http_head *head, uint64_t time_ns)
{
    struct seen *s = x;
    s->log->misuses += s->response.begun || s->over;
    s->response.begun = true;
    s->response.head = head;
    s->response.begin_ns = time_ns;
    if (head) {
        s->status = head->status;
        copy_text(s->id, sizeof(s->id), tp_http_field(head, "x-id"));
    }
}

static void response_body(void *x, const uint8_t *data, size_t n, uint64_t time_ns)
{
    (void)time_ns;
    struct seen *s = x;
    add_body(s, &s->response, data, n);
}

static void response_hole(void *x, uint64_t bytes)
{
    struct seen *s = x;
    add_hole(s, &s->response, bytes);
}

static void response_end(void *x, enum tp_exchange_end why, uint64_t time_ns)
{
    struct seen *s = x;
    s->log->misuses += s->over;
    s->over = true;
    s->log->over++;
    s->why = why;
    s->response.end_ns = time_ns;
}

static void loss(void *cx, const struct tp_conn_origin *origin, const char *where, const char *why,
                 uint64_t bytes)
{
    (void)origin;
    struct exchange_log *log = cx;
    log->losses++;
    log->lost_bytes += bytes;
    copy_text(log->last_where, sizeof(log->last_where), where);
    copy_text(log->last_why, sizeof(log->last_why), why);
}

/* For protocols whose framing tells no end: the answer says "last" when it is whole, and what is
 * asked with "?" is not known. */
static enum tp_exchange_state state(void *x)
{
    const struct seen *s = x;
    const struct tp_buf *asked = &s->request.body, *said = &s->response.body;
    if (said->len && memmem(said->data, said->len, "last", 4))
        return TP_EXCHANGE_ANSWERED;
    return asked->len && memchr(asked->data, '?', asked->len) ? TP_EXCHANGE_UNKNOWN
                                                              : TP_EXCHANGE_OPEN;
}

const struct tp_exchange_ops exchange_log_ops = {
    .request_begin = request_begin,
    .request_body = request_body,
    .request_hole = request_hole,
    .request_end = request_end,
    .response_begin = response_begin,
    .response_body = response_body,
    .response_hole = response_hole,
    .response_end = response_end,
    .loss = loss,
    .state = state,
};

void wire_move(struct wire *w, enum tp_direction direction, const void *data, size_t n, bool drop)
{
    struct tp_data_record r = {
        .head = {TP_RECORD_DATA, TP_RECORD_VERSION, (uint32_t)(sizeof(r) + n), w->now_ns + 5, 100,
                 100},
        .conn = w->conn,
        .generation = w->generation,
        .entry_ns = w->now_ns,
        .offset = w->offset[direction],
        .peer_offset = w->offset[!direction],
        .length = (uint32_t)n,
        .direction = (uint8_t)direction,
    };
    w->now_ns += 10;
    w->offset[direction] += n;
    if (!drop)
        tp_conns_data(w->conns, &r, data, "openssl");
}

void wire_move_split(struct wire *w, enum tp_direction direction, const char *text, size_t step)
{
    size_t n = strlen(text);
    for (size_t at = 0; at < n; at += step)
        wire_move(w, direction, text + at, n - at < step ? n - at : step, false);
}

void wire_close(struct wire *w)
{
    struct tp_close_record r = {
        .head = {TP_RECORD_CLOSE, TP_RECORD_VERSION, sizeof(r), w->now_ns, 100, 100},
        .conn = w->conn,
        .generation = w->generation,
        .offset = {w->offset[0], w->offset[1]},
    };
    tp_conns_close(w->conns, &r);
}
