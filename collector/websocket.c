/* SPDX-License-Identifier: MIT */
#include "collector/websocket.h"

#include <stdlib.h>
#include <string.h>

#include "collector/websocket_frames.h"
#include "collector/websocket_inflate.h"

/* Requests whose answers are awaited. */
#define WAITING_MAX 64

struct waiting {
    struct waiting *next;
    void *x; /* the consumer's */
    bool sent, answered;
    bool lost; /* its answer's end may have been missed */
    uint64_t end_ns;
};

struct direction {
    struct tp_websocket *owner;
    enum tp_direction which;
    struct tp_ws_frames frames;
    struct tp_ws_inflate inflate;
    bool in_message, compressed, text;
    struct waiting *of; /* whose the message at hand is */
    bool undecodable;   /* it, from here on */
    uint64_t undecoded_bytes;
    bool missed; /* messages may have gone by unseen */
};

struct tp_websocket {
    struct tp_connection *conn;
    struct direction direction[2];
    struct waiting *first, **last_next;
    size_t count;
    struct tp_head head; /* of each request, made of the one that agreed on the protocol */
    bool head_known;
    uint64_t stray_bytes;
    struct tp_buf held; /* answers that were reported before their requests */
};

static const struct tp_exchange_ops *ops_of(const struct tp_websocket *w)
{
    return w->conn->owner->ops;
}

static uint64_t now_of(const struct tp_websocket *w)
{
    return w->conn->now.time_ns;
}

static void tell_loss(struct tp_websocket *w, const char *why, uint64_t bytes)
{
    ops_of(w)->loss(w->conn->owner->cx, &w->conn->origin, "websocket", why, bytes);
}

static bool is_requests(const struct direction *d)
{
    return d->owner->conn->request_direction == (int)d->which;
}

static void tell_hole(struct direction *d, uint64_t bytes)
{
    if (!d->of && bytes)
        tell_loss(d->owner, "hole in a message", bytes);
    else if (d->of && is_requests(d))
        ops_of(d->owner)->request_hole(d->of->x, bytes);
    else if (d->of)
        ops_of(d->owner)->response_hole(d->of->x, bytes);
}

/* ---- exchanges ---- */

static void end_first(struct tp_websocket *w, enum tp_exchange_end why)
{
    struct waiting *p = w->first;
    w->first = p->next;
    if (!w->first)
        w->last_next = &w->first;
    w->count--;
    for (int i = 0; i < 2; i++)
        if (w->direction[i].of == p)
            w->direction[i].of = NULL;
    ops_of(w)->response_end(p->x, p->lost && why != TP_END_COMPLETE ? TP_END_LOST : why,
                            p->answered ? p->end_ns : now_of(w));
    free(p);
}

static struct waiting *add_waiting(struct tp_websocket *w)
{
    struct waiting *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    if (w->count == WAITING_MAX)
        end_first(w, TP_END_LOST);
    *w->last_next = p;
    w->last_next = &p->next;
    w->count++;
    w->conn->owner->stats.exchanges++;
    p->x = ops_of(w)->request_begin(w->conn->owner->cx, &w->conn->origin,
                                    w->head_known ? &w->head.http : NULL, w->conn->now.entry_ns);
    return p;
}

/* Those that the answers so far, or their own text, show to be over. */
static void settle(struct tp_websocket *w)
{
    while (w->first && w->first->sent && ops_of(w)->state) {
        enum tp_exchange_state state = ops_of(w)->state(w->first->x);
        if (state == TP_EXCHANGE_OPEN)
            return;
        end_first(w, TP_END_COMPLETE);
    }
}

/* Where answers were missed, a new request shows that the ones before have had theirs. */
static void end_lost(struct tp_websocket *w)
{
    while (w->first && w->first->lost)
        end_first(w, TP_END_LOST);
}

/* Its request was missed. A new one shows that it is over. */
static struct waiting *add_unseen(struct tp_websocket *w)
{
    struct waiting *p = add_waiting(w);
    if (!p)
        return NULL;
    ops_of(w)->request_hole(p->x, 0);
    ops_of(w)->request_end(p->x, now_of(w));
    p->sent = p->lost = true;
    return p;
}

static struct waiting *answered_one(struct tp_websocket *w)
{
    struct tp_connection *c = w->conn;
    if (!w->first) /* a request lost before this answer must be known as such */
        tp_side_catch_up(&c->side[c->request_direction], c->now.peer_offset);
    struct waiting *p = w->first;
    if (!p && w->direction[w->conn->request_direction].missed)
        p = add_unseen(w);
    if (!p)
        return NULL;
    if (!p->answered) {
        static const struct tp_head_field type = {(char *)(uintptr_t) "content-type",
                                                  (char *)(uintptr_t) "text/event-stream"};
        struct tp_head head = {.count = 1, .fields = (struct tp_head_field *)(uintptr_t)&type};
        head.http = (struct tp_http_head){
            .method = "", .target = "", .version = "", .status = 200, .fields = &head};
        ops_of(w)->response_begin(p->x, &head.http, now_of(w));
    }
    p->answered = true;
    return p;
}

/* ---- messages ---- */

static void answer_text(struct direction *d, const char *text)
{
    ops_of(d->owner)->response_body(d->of->x, (const uint8_t *)text, strlen(text),
                                    now_of(d->owner));
}

/* In an event stream a line's end ends the data; in JSON it is blank. */
static void tell_answer(struct direction *d, const uint8_t *data, size_t n)
{
    while (n > 0) {
        const uint8_t *cr = memchr(data, '\r', n), *lf = memchr(data, '\n', n);
        const uint8_t *stop = cr && (!lf || cr < lf) ? cr : lf;
        size_t len = stop ? (size_t)(stop - data) : n;
        if (len)
            ops_of(d->owner)->response_body(d->of->x, data, len, now_of(d->owner));
        if (stop)
            answer_text(d, " ");
        data += len + (stop != NULL);
        n -= len + (stop != NULL);
    }
}

static void tell_body(void *cx, const uint8_t *data, size_t n)
{
    struct direction *d = cx;
    if (!d->of)
        return;
    if (is_requests(d))
        ops_of(d->owner)->request_body(d->of->x, data, n, now_of(d->owner));
    else
        tell_answer(d, data, n);
}

static void message_begin(struct direction *d, const struct tp_ws_frame *frame)
{
    d->in_message = true;
    d->text = frame->opcode == TP_WS_TEXT;
    d->compressed = frame->compressed;
    d->undecodable = false;
    d->undecoded_bytes = 0;
    if (!d->text)
        return;
    if (is_requests(d)) {
        /* What is missing of the answers is missing from those before. */
        struct tp_connection *c = d->owner->conn;
        tp_side_catch_up(&c->side[!d->which], c->now.peer_offset);
        end_lost(d->owner);
        d->of = add_waiting(d->owner);
        return;
    }
    d->of = answered_one(d->owner);
    if (d->of)
        answer_text(d, "data: ");
}

static void message_text(struct direction *d, const uint8_t *data, size_t n)
{
    if (!d->compressed) {
        tell_body(d, data, n);
        return;
    }
    if (tp_ws_inflate_push(&d->inflate, &d->owner->conn->owner->limits, data, n, tell_body, d)) {
        d->undecodable = true;
        d->undecoded_bytes += n;
    }
}

/* What could not be decoded is a hole of the exchange's, and a loss that says why. */
static void message_undecoded(struct direction *d)
{
    if (!d->undecodable)
        return;
    d->undecodable = false;
    tell_hole(d, d->undecoded_bytes);
    tell_loss(d->owner, "compressed text not decodable", d->undecoded_bytes);
    if (d->of && !is_requests(d))
        d->of->lost = true;
}

static void message_end(struct direction *d)
{
    if (d->compressed && d->text &&
        tp_ws_inflate_finish(&d->inflate, &d->owner->conn->owner->limits, tell_body, d))
        d->undecodable = true;
    message_undecoded(d);
    d->in_message = false;
    struct waiting *of = d->of;
    d->of = NULL;
    if (!of)
        return;
    if (is_requests(d)) {
        of->sent = true;
        ops_of(d->owner)->request_end(of->x, now_of(d->owner));
    } else {
        d->of = of;
        answer_text(d, "\n\n");
        d->of = NULL;
        of->end_ns = now_of(d->owner);
    }
    settle(d->owner);
}

/* ---- frames ---- */

static bool is_control(const struct tp_ws_frame *frame)
{
    return frame->opcode >= TP_WS_CLOSE;
}

static void on_begin(void *cx, const struct tp_ws_frame *frame)
{
    struct direction *d = cx;
    if (is_control(frame) || frame->opcode == TP_WS_CONTINUATION)
        return;
    if (d->in_message)
        message_end(d);
    message_begin(d, frame);
}

static void on_content(void *cx, const struct tp_ws_frame *frame, const uint8_t *data, size_t n)
{
    struct direction *d = cx;
    if (!is_control(frame) && d->in_message && d->text)
        message_text(d, data, n);
}

static void on_hole(void *cx, const struct tp_ws_frame *frame, uint64_t bytes)
{
    struct direction *d = cx;
    bool ours = !is_control(frame) && d->in_message && d->text;
    if (ours && d->compressed)
        tp_ws_inflate_break(&d->inflate);
    if (ours)
        tell_hole(d, bytes);
    else
        tell_loss(d->owner, "hole in a frame", bytes);
}

static void on_end(void *cx, const struct tp_ws_frame *frame)
{
    struct direction *d = cx;
    if (!is_control(frame) && frame->final && d->in_message)
        message_end(d);
}

/* The message at hand goes with what is missing; of those that wait, any may have been answered. */
static void on_lost(void *cx, uint64_t bytes)
{
    struct direction *d = cx;
    struct tp_websocket *w = d->owner;
    d->missed = true;
    if (!d->of && !is_requests(d))
        d->of = w->first;
    tell_hole(d, bytes);
    if (d->in_message)
        message_end(d);
    tp_ws_inflate_forget(&d->inflate);
    d->of = NULL;
    for (struct waiting *p = w->first; p && !is_requests(d); p = p->next)
        p->lost = true;
}

static void on_stray(void *cx, size_t n)
{
    struct direction *d = cx;
    d->owner->stray_bytes += n;
}

static const struct tp_ws_frames_ops frames_ops = {
    .begin = on_begin,
    .content = on_content,
    .hole = on_hole,
    .end = on_end,
    .lost = on_lost,
    .stray = on_stray,
};

/* ---- the connection ---- */

bool tp_websocket_agreed(const struct tp_http_head *answer)
{
    return tp_head_has_token(tp_http_field(answer, "upgrade"), "websocket");
}

/* What a message asks for is what a POST to the same target would ask for; where the target was not
 * seen, the message itself says what it is. */
static void take_head(struct tp_websocket *w, const struct tp_head *request)
{
    if (request && tp_head_copy(&w->head, request))
        return;
    if (!request)
        w->head = (struct tp_head){.http = {.target = "", .fields = &w->head}};
    w->head.http.method = "POST";
    w->head.http.version = "websocket";
    w->head_known = true;
}

static void take_extensions(struct tp_websocket *w, const struct tp_http_head *answer)
{
    const char *value = answer ? tp_http_field(answer, "sec-websocket-extensions") : NULL;
    if (!value)
        return;
    int requests = w->conn->request_direction;
    w->direction[requests].inflate.alone = strstr(value, "client_no_context_takeover") != NULL;
    w->direction[!requests].inflate.alone = strstr(value, "server_no_context_takeover") != NULL;
}

struct tp_websocket *tp_websocket_new(struct tp_connection *c, const struct tp_head *request,
                                      const struct tp_http_head *answer)
{
    struct tp_websocket *w = calloc(1, sizeof(*w));
    if (!w)
        return NULL;
    w->conn = c;
    w->last_next = &w->first;
    tp_buf_init(&w->held, c->owner->limits.held_bytes_max);
    for (int i = 0; i < 2; i++) {
        struct direction *d = &w->direction[i];
        d->owner = w;
        d->which = (enum tp_direction)i;
        tp_ws_frames_init(&d->frames, &frames_ops, d);
        d->missed = !answer;
    }
    take_head(w, request);
    take_extensions(w, answer);
    return w;
}

static void release_held(struct tp_websocket *w)
{
    struct tp_buf held = w->held;
    tp_buf_init(&w->held, held.max);
    tp_ws_frames_feed(&w->direction[!w->conn->request_direction].frames, held.data, held.len);
    tp_buf_done(&held);
}

/* Requests that are known to have gone are not here: on their way, from another thread, or lost. */
static bool requests_are_behind(const struct tp_websocket *w, uint64_t more)
{
    const struct tp_side *requests = &w->conn->side[w->conn->request_direction];
    return requests->told > requests->position + more;
}

void tp_websocket_feed(struct tp_websocket *w, enum tp_direction direction, const uint8_t *data,
                       size_t n)
{
    bool request = w->conn->request_direction == (int)direction;
    if (!request && requests_are_behind(w, 0) && tp_buf_add(&w->held, data, n) == 0)
        return;
    if (!request)
        release_held(w);
    tp_ws_frames_feed(&w->direction[direction].frames, data, n);
    if (request && !requests_are_behind(w, n))
        release_held(w);
}

void tp_websocket_hole(struct tp_websocket *w, enum tp_direction direction, uint64_t bytes)
{
    bool request = w->conn->request_direction == (int)direction;
    if (!request)
        release_held(w);
    tp_ws_frames_hole(&w->direction[direction].frames, bytes);
    if (request && !requests_are_behind(w, bytes))
        release_held(w);
}

void tp_websocket_end(struct tp_websocket *w, enum tp_exchange_end why)
{
    if (!w)
        return;
    release_held(w);
    for (int i = 0; i < 2; i++)
        message_undecoded(&w->direction[i]);
    while (w->first)
        end_first(w, why);
    if (w->stray_bytes)
        tell_loss(w, "no frame found", w->stray_bytes);
    for (int i = 0; i < 2; i++) {
        tp_ws_frames_done(&w->direction[i].frames);
        tp_ws_inflate_done(&w->direction[i].inflate);
    }
    if (w->head_known)
        tp_head_done(&w->head);
    free(w);
}
