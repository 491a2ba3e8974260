/* SPDX-License-Identifier: MIT */
#include "collector/connection.h"
#include "collector/websocket.h"

#include <stdlib.h>
#include <string.h>

#define REQUEST_BYTES_MIN 18 /* "GET / HTTP/1.1\r\n\r\n" */

static const struct tp_exchange_ops *ops_of(const struct tp_side *side)
{
    return side->conn->owner->ops;
}

static bool is_requests(const struct tp_side *side)
{
    return side->conn->request_direction == (int)side->direction;
}

static void tell_loss(struct tp_connection *c, const char *where, const char *why, uint64_t bytes)
{
    c->owner->ops->loss(c->owner->cx, &c->origin, where, why, bytes);
}

static void make_opaque(struct tp_connection *c, const char *why)
{
    c->opaque = why;
    tp_http1_stop(&c->side[0].http);
    tp_http1_stop(&c->side[1].http);
}

void tp_connection_upgrade(struct tp_connection *c, const struct tp_http_head *answer)
{
    tp_http1_stop(&c->side[0].http);
    tp_http1_stop(&c->side[1].http);
    c->websocket = tp_websocket_new(c, c->upgrade, answer);
}

void tp_connection_forget_upgrade(struct tp_connection *c)
{
    if (c->upgrade)
        tp_head_done(c->upgrade);
    free(c->upgrade);
    c->upgrade = NULL;
}

/* Without memory the messages have no head. */
static void keep_upgrade(struct tp_connection *c, const struct tp_head *head)
{
    c->upgrade = calloc(1, sizeof(*c->upgrade));
    if (!c->upgrade || tp_head_copy(c->upgrade, head) == 0)
        return;
    free(c->upgrade);
    c->upgrade = NULL;
}

/* ---- bodies ---- */

static void tell_body(void *cx, const uint8_t *data, size_t n)
{
    struct tp_side *side = cx;
    if (is_requests(side))
        ops_of(side)->request_body(side->current->x, data, n, side->conn->now.time_ns);
    else
        ops_of(side)->response_body(side->current->x, data, n, side->conn->now.time_ns);
}

static void tell_hole(struct tp_side *side, uint64_t bytes)
{
    if (is_requests(side))
        ops_of(side)->request_hole(side->current->x, bytes);
    else
        ops_of(side)->response_hole(side->current->x, bytes);
}

/* A NULL head was lost. */
static void open_body(struct tp_side *side, const struct tp_head *head)
{
    tp_body_open(&side->body, head ? &head->http : NULL, &side->conn->owner->limits, tell_body,
                 side);
}

static void on_body(void *cx, const uint8_t *data, size_t n)
{
    struct tp_side *side = cx;
    if (!side->current)
        return;
    if (!side->body.sink)
        open_body(side, NULL);
    tp_body_push(&side->body, data, n);
}

/* The body may stay undecodable, while its framing goes on and finds its end. */
static void on_hole(void *cx, uint64_t bytes)
{
    struct tp_side *side = cx;
    if (!side->current)
        return;
    side->untold_bytes -= bytes < side->untold_bytes ? bytes : side->untold_bytes;
    tell_hole(side, bytes);
    tp_body_hole(&side->body);
}

uint64_t tp_side_take_untold(struct tp_side *side)
{
    uint64_t bytes = side->untold_bytes;
    side->untold_bytes = 0;
    return bytes;
}

void tp_side_close_body(struct tp_side *side, bool lost)
{
    uint64_t bytes;
    const char *why = tp_body_close(&side->body, lost, &bytes);
    if (!why)
        return;
    tell_hole(side, bytes);
    tell_loss(side->conn, "encoding", why, bytes);
}

/* ---- heads ---- */

static void on_mark(void *cx, uint64_t at)
{
    struct tp_side *side = cx;
    side->mark = side->conn->now;
    side->mark.at = at;
}

/* Told by the first head, whichever it is. What either side lost before that is judged now: a hole
 * among requests may hide one, a hole among answers an answer. */
void tp_connection_set_role(struct tp_connection *c, enum tp_direction requests)
{
    struct tp_side *asking = &c->side[requests], *answering = &c->side[!requests];
    c->request_direction = (int)requests;
    c->origin.server = requests == TP_DIR_READ;
    asking->http.role = TP_HTTP1_REQUESTS;
    answering->http.role = TP_HTTP1_RESPONSES;
    if (asking->had_gap)
        tp_pending_add_gap(c, 0, true);
    c->dirty = answering->had_gap;
}

/* Bytes of an earlier request stand in the same record: this one did not wait for its answer. (More
 * than the empty lines that may stand before a request.) */
static bool shares_record(const struct tp_mark *mark)
{
    return mark->at > mark->offset + 4;
}

/* Answers came after all that was asked before this request, and before it: where requests do not
 * roll, each of those has been answered. Told by offsets alone, whatever was lost. */
static bool is_quiet(const struct tp_side *answers, const struct tp_mark *mark)
{
    return answers->last_peer >= mark->at && answers->last_offset < mark->peer_offset &&
           !answers->conn->rolling;
}

/* A request begins while answers are outstanding: either it is pipelined, or the answers' ends were
 * missed. */
static void settle_answers(struct tp_connection *c, struct tp_side *answers,
                           const struct tp_mark *mark)
{
    struct tp_pending *open = answers->current;
    uint64_t from = mark->peer_offset;
    bool sure = !c->dirty && !tp_http1_unsure(&answers->http) && !(open && open->orphan);
    if (sure) {
        c->pipelined |= tp_pending_live(c);
        c->rolling |= tp_pending_rolls(c, from);
        return;
    }
    c->pipelined |= tp_pending_overlaps(c, from) || shares_record(mark);
    if (c->pipelined && !is_quiet(answers, mark))
        return;
    bool at_head = answers->http.at == from;
    tp_http1_abandon(&answers->http, at_head);
    tp_pending_lose_all(c);
    c->dirty = !at_head;
}

/* A hole before this request may hide another one that waits for the answer that comes next. */
static bool is_shadowed(struct tp_connection *c, const struct tp_side *answers,
                        const struct tp_mark *mark)
{
    return tp_pending_shadows(c) && !is_quiet(answers, mark);
}

/* Bytes that went missing between answers, and that no exchange took. */
static void tell_gap(struct tp_side *side)
{
    uint64_t bytes = tp_side_take_untold(side);
    if (bytes)
        tell_loss(side->conn, "http", "hole between messages", bytes);
}

/* In this order: the shadow is judged by the gaps that settling removes. */
static struct tp_pending *new_request(struct tp_side *side, const struct tp_head *head)
{
    struct tp_connection *c = side->conn;
    struct tp_pending *p = tp_pending_adopt(c, side->mark.at);
    if (p)
        return p;
    struct tp_side *answers = tp_side_other(side);
    bool shadowed = is_shadowed(c, answers, &side->mark);
    settle_answers(c, answers, &side->mark);
    if (!tp_pending_live(c))
        tell_gap(answers);
    p = tp_pending_add(c);
    if (!p)
        return NULL;
    p->start = side->mark.at;
    p->answer_from = side->mark.peer_offset;
    p->shadowed = shadowed;
    p->forestalled = c->orphan.peer_offset > p->start && c->orphan.offset >= p->answer_from;
    p->x = ops_of(side)->request_begin(c->owner->cx, &c->origin, &head->http, side->mark.entry_ns);
    c->owner->stats.exchanges++;
    return p;
}

static enum tp_http1_verdict begin_request(struct tp_side *side, const struct tp_head *head)
{
    struct tp_connection *c = side->conn;
    tp_side_catch_up(tp_side_other(side), side->mark.peer_offset);
    struct tp_pending *p = new_request(side, head);
    if (!p)
        return TP_HTTP1_REJECT;
    p->no_body = strcmp(head->http.method, "HEAD") == 0;
    p->connect = strcmp(head->http.method, "CONNECT") == 0;
    side->current = p;
    open_body(side, head);
    tp_connection_forget_upgrade(c);
    if (tp_head_has_token(tp_http_field(&head->http, "upgrade"), "websocket"))
        keep_upgrade(c, head);
    return TP_HTTP1_FRAMED;
}

/* Is a head coming in that had begun when answer bytes at `offset` were recorded with `peer`? */
static bool head_begun(const struct tp_side *requests, uint64_t peer, uint64_t offset)
{
    return tp_http1_in_head(&requests->http) && requests->mark.at < peer &&
           requests->mark.peer_offset <= offset;
}

bool tp_side_head_comes(const struct tp_side *requests, const struct tp_mark *at)
{
    const struct tp_connection *c = requests->conn;
    if (!is_requests(requests) || c->early || c->opaque || c->tunnel ||
        requests->told > requests->position || !head_begun(requests, at->peer_offset, at->offset))
        return false;
    return !tp_pending_live(c) || (c->dirty && !c->pipelined);
}

/* An answer always gets an exchange, if need be one without request: its usage must not be lost. */
static struct tp_pending *pair(struct tp_side *side, const struct tp_mark *at)
{
    struct tp_connection *c = side->conn;
    struct tp_pending *p = NULL;
    /* Who begins another request has had his answers: they were missed. */
    if (tp_side_head_comes(tp_side_other(side), at))
        tp_pending_lose_all(c);
    else
        p = tp_pending_select(c, at->offset, at->peer_offset);
    if (!p)
        p = tp_pending_early(c, at->peer_offset);
    if (!p) {
        p = tp_pending_orphan(c);
        c->orphan = *at;
    }
    if (!p)
        return NULL;
    p->answered = true;
    side->current = p;
    /* What is missing since its request began and fell to no one else is missing from this answer.
     */
    if (side->untold_bytes || p->shadowed)
        ops_of(side)->response_hole(p->x, tp_side_take_untold(side));
    return p;
}

/* RFC 9112, 6.3, rules 1 and 2: what has no body whatever its head says. 101 and a granted CONNECT
 * change the protocol; inside a tunnel HTTP may go on in clear, so it is tried. */
static enum tp_http1_verdict frame_answer(struct tp_side *side, const struct tp_pending *p,
                                          const struct tp_head *head)
{
    int status = head->http.status;
    struct tp_connection *c = side->conn;
    if (status == 101) {
        tp_pending_finish(c, side->current, TP_END_COMPLETE);
        if (tp_websocket_agreed(&head->http))
            tp_connection_upgrade(c, &head->http);
        if (!c->websocket)
            make_opaque(c, "upgraded");
        return TP_HTTP1_NO_BODY;
    }
    if (p->connect && status < 300) {
        c->tunnel = true;
        return TP_HTTP1_NO_BODY;
    }
    if (p->no_body || status == 204 || status == 304)
        return TP_HTTP1_NO_BODY;
    open_body(side, head);
    return p->orphan ? TP_HTTP1_DOUBTED : TP_HTTP1_FRAMED;
}

/* Catching up comes first: a request lost in a hole must be known as a gap before this answer looks
 * for its own. */
static enum tp_http1_verdict begin_response(struct tp_side *side, const struct tp_head *head)
{
    tp_side_catch_up(tp_side_other(side), side->mark.peer_offset);
    if (head->http.status < 200 && head->http.status != 101)
        return TP_HTTP1_INTERIM;
    tp_side_recheck(tp_side_other(side));
    struct tp_pending *p = pair(side, &side->mark);
    if (!p)
        return TP_HTTP1_REJECT;
    ops_of(side)->response_begin(p->x, &head->http, side->conn->now.time_ns);
    return frame_answer(side, p, head);
}

/* A head of the wrong kind is not HTTP going both ways; it is text, found in search. */
static enum tp_http1_verdict on_head(void *cx, const struct tp_head *head)
{
    struct tp_side *side = cx;
    struct tp_connection *c = side->conn;
    if (c->request_direction < 0)
        tp_connection_set_role(c, head->request ? side->direction : !side->direction);
    if (head->request != is_requests(side))
        return TP_HTTP1_REJECT;
    side->had_head = true;
    side->residue = false;
    return head->request ? begin_request(side, head) : begin_response(side, head);
}

/* An end that was guessed may be that of another message: what follows on this side is in doubt. */
static void on_end(void *cx, bool lost)
{
    struct tp_side *side = cx;
    struct tp_connection *c = side->conn;
    struct tp_pending *p = side->current;
    bool unsure = lost || side->http.guessed;
    if (unsure && is_requests(side))
        tp_pending_add_gap(c, side->http.lost_at, false);
    else if (unsure)
        c->dirty = true;
    if (!p)
        return;
    tp_side_close_body(side, lost);
    side->current = NULL;
    if (!is_requests(side)) {
        tp_pending_finish(c, p, lost ? TP_END_LOST : TP_END_COMPLETE);
        return;
    }
    p->request_done = true;
    ops_of(side)->request_end(p->x, c->now.time_ns);
    if (p->response_done)
        tp_pending_deliver(c, p);
    else if (p->forestalled && !p->answered)
        tp_pending_lose(c, p);
}

/* ---- what is no head ---- */

static void on_gap(void *cx, uint64_t bytes)
{
    struct tp_side *side = cx;
    struct tp_connection *c = side->conn;
    side->had_gap = true;
    if (c->request_direction < 0)
        return;
    if (!is_requests(side)) {
        c->dirty = true;
        return;
    }
    tp_pending_disown(c);
    tp_pending_add_gap(c, side->http.lost_at, bytes >= REQUEST_BYTES_MIN && !side->residue);
}

static bool begins_with(const uint8_t *data, size_t n, const char *s)
{
    size_t len = strlen(s);
    return n >= len && memcmp(data, s, len) == 0;
}

/* Recording may start in mid-stream, of an answer that is worth having: its usage comes last. Event
 * streams show what they are; JSON is only trusted where the role is known. */
static bool looks_like_json(const uint8_t *data, size_t n)
{
    return begins_with(data, n, "{\"") || begins_with(data, n, "[{") || memmem(data, n, "\":", 2);
}

/* An answer whose head was lost: to whom does it go? */
static bool begin_headless(struct tp_side *side)
{
    struct tp_connection *c = side->conn;
    tp_side_catch_up(tp_side_other(side), c->now.peer_offset);
    tp_side_recheck(tp_side_other(side));
    struct tp_pending *p = pair(side, &c->now);
    if (!p)
        return false;
    ops_of(side)->response_begin(p->x, NULL, c->now.time_ns);
    ops_of(side)->response_hole(p->x, 0);
    open_body(side, NULL);
    return true;
}

/* Only an answer is taken up without its head: a request without one has no path, and says nothing
 * that its answer does not say. */
static bool on_stray(void *cx, const uint8_t *data, size_t n, bool after_gap)
{
    struct tp_side *side = cx;
    struct tp_connection *c = side->conn;
    if (c->tunnel) {
        make_opaque(c, "tunnel");
        return false;
    }
    side->residue = true;
    if (c->request_direction < 0) {
        if (c->opaque || !tp_body_is_events(data, n))
            return false;
        tp_connection_set_role(c, !side->direction);
        return begin_headless(side);
    }
    if (is_requests(side)) {
        tp_pending_disown(c);
        return false;
    }
    if (after_gap)
        return begin_headless(side);
    if (side->had_head || !(tp_body_is_events(data, n) || looks_like_json(data, n)))
        return false;
    return begin_headless(side);
}

static void on_skipped(void *cx, uint64_t bytes)
{
    struct tp_side *side = cx;
    struct tp_connection *c = side->conn;
    if (c->opaque || c->request_direction < 0) {
        c->opaque_bytes += bytes;
        c->owner->stats.opaque_bytes += bytes;
    } else {
        side->skipped_bytes += bytes;
    }
}

void tp_side_give_up(struct tp_side *side)
{
    tp_http1_abandon(&side->http, false);
    side->residue = true;
}

/* Requests are not seen whole, and this one's answer is over or may have been missed: the next
 * request may have begun. */
static void recheck_requests(struct tp_side *side)
{
    struct tp_connection *c = side->conn;
    struct tp_side *answers = tp_side_other(side);
    bool missed = c->dirty || tp_http1_unsure(&answers->http) || answers->told > answers->position;
    bool answered = side->current && side->current->response_done;
    if (c->pipelined || missed || answered)
        tp_side_give_up(side);
}

/* The bytes at hand were recorded after a later request than the open answer's: where this answer's
 * end was not seen, it must have been before. */
static void recheck_answers(struct tp_side *side)
{
    struct tp_connection *c = side->conn;
    tp_side_catch_up(tp_side_other(side), c->now.peer_offset);
    struct tp_pending *open = side->current;
    struct tp_pending *owner = tp_pending_owner(c, side->http.at, c->now.peer_offset);
    bool next = head_begun(tp_side_other(side), c->now.peer_offset, side->http.at) && !c->early;
    if ((owner && owner != open) || next)
        tp_http1_abandon(&side->http, false);
}

void tp_side_recheck(struct tp_side *side)
{
    if (!tp_http1_unsure(&side->http))
        return;
    if (is_requests(side))
        recheck_requests(side);
    else
        recheck_answers(side);
}

static void on_rest(void *cx, const uint8_t *data, size_t n)
{
    struct tp_side *side = cx;
    if (side->conn->websocket)
        tp_websocket_feed(side->conn->websocket, side->direction, data, n);
    else
        on_skipped(cx, n);
}

const struct tp_http1_ops tp_side_http1_ops = {
    .mark = on_mark,
    .head = on_head,
    .body = on_body,
    .hole = on_hole,
    .end = on_end,
    .gap = on_gap,
    .stray = on_stray,
    .skipped = on_skipped,
    .rest = on_rest,
};
