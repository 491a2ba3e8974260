/* SPDX-License-Identifier: MIT */
#include "collector/connection.h"
#include "collector/http2.h"
#include "collector/websocket.h"
#include "collector/websocket_frames.h"

#include <stdlib.h>
#include <string.h>

/* A stream that never showed a head is searched for one this long. */
#define SEARCH_BYTES_MAX (16u * 1024u * 1024u)
/* Held pieces are filled up to this, so that an answer read byte by byte is not held at many times
 * its size. */
#define HELD_PIECE_BYTES 256

/* Two threads of a process may report out of turn: the reader of an answer before the writer of the
 * request, whose call has not returned yet. Offsets then say that the answer came first. Each piece
 * keeps its record's mark, so that times stay true. */
struct held_piece {
    struct tp_mark mark;
    size_t length;
};

struct tp_connection *tp_connection_new(struct tp_conns *owner, const struct tp_conn_origin *origin)
{
    struct tp_connection *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->owner = owner;
    c->origin = *origin;
    c->request_direction = -1;
    c->last_next = &c->first;
    tp_buf_init(&c->held, owner->limits.held_bytes_max);
    for (int d = 0; d < 2; d++) {
        struct tp_side *side = &c->side[d];
        side->conn = c;
        side->direction = (enum tp_direction)d;
        tp_http1_init(&side->http, &tp_side_http1_ops, side, owner->limits.head_bytes_max);
    }
    return c;
}

static void tell_loss(struct tp_connection *c, const char *where, const char *why, uint64_t bytes)
{
    if (bytes)
        c->owner->ops->loss(c->owner->cx, &c->origin, where, why, bytes);
}

static void frame(struct tp_side *side, const uint8_t *data, size_t n)
{
    if (side->conn->http2) {
        tp_http2_feed(side->conn->http2, side->direction, data, n);
        return;
    }
    if (side->conn->websocket) {
        tp_websocket_feed(side->conn->websocket, side->direction, data, n);
        return;
    }
    tp_side_recheck(side);
    tp_http1_feed(&side->http, data, n);
}

/* ---- answers that come before the record of their request ---- */

static void release_held(struct tp_connection *c)
{
    struct tp_buf held = c->held;
    struct tp_mark now = c->now;
    tp_buf_init(&c->held, held.max);
    struct tp_side *answers = &c->side[c->held_direction];
    bool paired = c->first && !c->first->gap;
    for (size_t at = 0; at < held.len;) {
        struct held_piece piece;
        memcpy(&piece, held.data + at, sizeof(piece));
        at += sizeof(piece);
        c->now = piece.mark;
        c->releasing = paired;
        frame(answers, held.data + at, piece.length);
        at += piece.length;
    }
    c->releasing = false;
    c->now = now;
    tp_buf_done(&held);
}

/* Before the role is known, only text that starts an answer is worth waiting for. */
static bool may_be_answer(const struct tp_side *side, const uint8_t *data, size_t n)
{
    int requests = side->conn->request_direction;
    if (requests >= 0)
        return requests != (int)side->direction;
    size_t len = n < 5 ? n : 5;
    return memcmp(data, "HTTP/", len) == 0;
}

/* Should this piece wait for a request that another thread is about to report? */
static bool must_hold(struct tp_side *side, const uint8_t *data, size_t n)
{
    struct tp_connection *c = side->conn;
    const struct tp_side *requests = tp_side_other(side);
    if (c->http2 || c->websocket)
        return false;
    if (c->held.len)
        return side->direction == c->held_direction;
    if (tp_side_head_comes(tp_side_other(side), &c->now) && tp_http1_between(&side->http))
        return true;
    return !c->opaque && !c->first && !c->dirty && !c->tunnel && tp_http1_idle(&side->http) &&
           requests->told <= requests->position && !requests->had_gap &&
           may_be_answer(side, data, n);
}

/* Adds to the last piece where that is small and of the same moment as offsets tell it. */
static bool hold_more(struct tp_connection *c, const uint8_t *data, size_t n)
{
    struct held_piece last;
    if (c->held.len == 0)
        return false;
    memcpy(&last, c->held.data + c->held_last, sizeof(last));
    if (last.length + n > HELD_PIECE_BYTES || last.mark.peer_offset != c->now.peer_offset ||
        tp_buf_add(&c->held, data, n))
        return false;
    last.length += n;
    memcpy(c->held.data + c->held_last, &last, sizeof(last));
    return true;
}

static bool hold(struct tp_side *side, const uint8_t *data, size_t n)
{
    struct tp_connection *c = side->conn;
    struct held_piece piece = {c->now, n};
    if (hold_more(c, data, n))
        return true;
    if (c->held.len + sizeof(piece) + n > c->held.max)
        return false;
    size_t before = c->held.len;
    c->held_direction = side->direction;
    if (tp_buf_add(&c->held, &piece, sizeof(piece)) == 0 && tp_buf_add(&c->held, data, n) == 0) {
        c->held_last = before;
        return true;
    }
    c->held.len = before;
    return false;
}

/* The first held bytes turned out to be no answer ("HEAD ..." begins like one). */
static bool held_is_answer(const struct tp_connection *c)
{
    if (c->request_direction >= 0)
        return true;
    uint8_t first[5];
    size_t got = 0;
    for (size_t at = 0; at < c->held.len && got < sizeof(first);) {
        struct held_piece piece;
        memcpy(&piece, c->held.data + at, sizeof(piece));
        at += sizeof(piece);
        for (size_t i = 0; i < piece.length && got < sizeof(first); i++)
            first[got++] = c->held.data[at + i];
        at += piece.length;
    }
    return memcmp(first, "HTTP/", got) == 0;
}

/* ---- bytes and holes ---- */

/* Position moves after framing, so that a callback sees where the piece began. */
static void take_known(struct tp_side *side, const uint8_t *data, size_t n)
{
    struct tp_connection *c = side->conn;
    if (must_hold(side, data, n)) {
        bool held = hold(side, data, n);
        side->position += n;
        if (held && held_is_answer(c))
            return;
        release_held(c);
        if (!held) {
            frame(side, data, n);
            /* This answer's request may be on its way: the next answer is not its. */
            c->dirty |= !c->early;
        }
        return;
    }
    frame(side, data, n);
    side->position += n;
}

/* One side that speaks HTTP/2 tells for both. After a hole nothing is from its very beginning. */
static void decide(struct tp_side *side, enum tp_http2_sight sight)
{
    struct tp_connection *c = side->conn;
    side->known = true;
    if (sight != TP_HTTP2_ABSENT && !c->http2 && !c->opaque)
        c->http2 = tp_http2_new(c);
    if (sight == TP_HTTP2_SERVER && side->position > side->first_len)
        sight = TP_HTTP2_MIDDLE;
    if (c->http2)
        tp_http2_start(c->http2, side->direction, sight);
    if (side->first_len == 0)
        return;
    struct tp_mark now = c->now;
    c->now = side->first_mark;
    side->position -= side->first_len;
    take_known(side, side->first, side->first_len);
    c->now = now;
}

/* Joined in the middle: a frame that holds JSON. Clients mask what they send (RFC 6455, 5.3). */
static void look_for_websocket(struct tp_side *side, const uint8_t *data, size_t n)
{
    struct tp_connection *c = side->conn;
    struct tp_ws_frame frame;
    if (c->http2 || c->websocket || c->request_direction >= 0 || !tp_ws_is_json(data, n))
        return;
    tp_ws_frame_read(data, n, &frame);
    tp_connection_set_role(c, frame.masked ? side->direction : !side->direction);
    tp_connection_upgrade(c, NULL);
}

static size_t keep_first(struct tp_side *side, const uint8_t *data, size_t n)
{
    size_t room = sizeof(side->first) - side->first_len;
    if (n > room)
        n = room;
    if (side->first_len == 0)
        side->first_mark = side->conn->now;
    memcpy(side->first + side->first_len, data, n);
    side->first_len += n;
    side->position += n;
    return n;
}

/* By all that came of it so far: what is kept, or the first bytes of all. */
static void look(struct tp_side *side, const uint8_t *data, size_t n)
{
    enum tp_http2_sight sight = tp_http2_look(data, n);
    bool upgraded = side->conn->request_direction >= 0 || side->conn->http2;
    if (sight == TP_HTTP2_UNSURE ||
        (sight == TP_HTTP2_ABSENT && !upgraded && tp_ws_may_be_json(data, n)))
        return;
    if (sight == TP_HTTP2_ABSENT)
        look_for_websocket(side, data, n);
    decide(side, sight);
}

static void take(struct tp_side *side, const uint8_t *data, size_t n)
{
    side->conn->owner->stats.bytes[side->direction] += n;
    if (!side->known && side->first_len == 0)
        look(side, data, n);
    while (!side->known && n > 0) {
        size_t kept = keep_first(side, data, n);
        data += kept;
        n -= kept;
        look(side, side->first, side->first_len);
    }
    if (n > 0)
        take_known(side, data, n);
}

/* The one place where bytes go missing: they are `untold` until an exchange or a loss takes them,
 * and what no one has taken when the connection ends is told then. So none can go unseen. */
static void miss(struct tp_side *side, uint64_t bytes)
{
    struct tp_connection *c = side->conn;
    c->owner->stats.hole_bytes[side->direction] += bytes;
    side->untold_bytes += bytes;
    if (!side->known && side->first_len > 0)
        decide(side, TP_HTTP2_ABSENT);
    if (c->held.len)
        release_held(c);
    if (c->http2) {
        side->known = true;
        tp_http2_hole(c->http2, side->direction, tp_side_take_untold(side));
    } else if (c->websocket) {
        tp_websocket_hole(c->websocket, side->direction, tp_side_take_untold(side));
    } else if (c->opaque) {
        c->opaque_bytes += tp_side_take_untold(side);
    } else {
        tp_http1_hole(&side->http, bytes);
        /* Pipelined, another message may begin in any hole: what follows is nobody's for sure. */
        if (c->pipelined && tp_http1_unsure(&side->http))
            tp_http1_abandon(&side->http, false);
    }
    side->position += bytes;
}

void tp_side_catch_up(struct tp_side *side, uint64_t offset)
{
    if (offset > side->position)
        miss(side, offset - side->position);
}

/* A held answer had come before this request was even sent: it is not its answer. */
static bool held_is_older(const struct tp_side *requests, const struct tp_data_record *record)
{
    const struct tp_connection *c = requests->conn;
    struct held_piece piece;
    if (c->held.len == 0 || !tp_http1_idle(&requests->http))
        return false;
    memcpy(&piece, c->held.data, sizeof(piece));
    return record->entry_ns > piece.mark.time_ns;
}

static void settle_held(struct tp_connection *c)
{
    struct held_piece piece;
    if (c->held.len == 0 || !c->first)
        return;
    memcpy(&piece, c->held.data, sizeof(piece));
    if (tp_side_head_comes(&c->side[!c->held_direction], &piece.mark))
        return;
    /* Reported late, the request seems to follow what answers it. */
    if (c->first->answer_from > piece.mark.offset)
        c->first->answer_from = piece.mark.offset;
    release_held(c);
}

/* No head in all this time: no HTTP. */
static void check_opaque(struct tp_connection *c)
{
    if (c->opaque || c->request_direction >= 0 || c->opaque_bytes < SEARCH_BYTES_MAX)
        return;
    c->opaque = "not HTTP";
    tp_http1_stop(&c->side[0].http);
    tp_http1_stop(&c->side[1].http);
}

/* A record tells of both directions: of its own by its bytes, of the other by its peer offset. That
 * other one is only noted here and caught up with when it matters, since its record may be on its
 * way from another processor. */
void tp_connection_data(struct tp_connection *c, const struct tp_data_record *record,
                        const uint8_t *payload)
{
    struct tp_side *side = &c->side[record->direction == TP_DIR_WRITE];
    struct tp_side *other = tp_side_other(side);
    c->now = (struct tp_mark){.entry_ns = record->entry_ns,
                              .time_ns = record->head.time_ns,
                              .offset = record->offset,
                              .peer_offset = record->peer_offset};
    if (record->peer_offset > other->told)
        other->told = record->peer_offset;
    if (side->direction != c->held_direction && held_is_older(side, record))
        release_held(c);
    tp_side_catch_up(side, record->offset);
    uint64_t late = side->position - record->offset;
    if (late) {
        late = late < record->length ? late : record->length;
        tell_loss(c, "stream", "late", late);
    }
    size_t n = (size_t)(record->length - late);
    if (n && (record->failed || !payload))
        miss(side, n);
    else if (n)
        take(side, payload + late, n);
    if (side->direction != c->held_direction)
        settle_held(c);
    side->last_offset = record->offset;
    side->last_peer = record->peer_offset;
    check_opaque(c);
}

/* ---- the end ---- */

/* An unanswered request is the client's or the server's doing, unless an answer may have been
 * missed: then it is ours. */
static void end_pending(struct tp_connection *c, struct tp_pending *p, enum tp_exchange_end why)
{
    if (!p->response_done) {
        p->why = c->dirty && !p->answered ? TP_END_LOST : why;
        p->end_ns = c->now.time_ns;
        if (p->why == TP_END_LOST && !p->gap)
            c->owner->ops->response_hole(p->x,
                                         tp_side_take_untold(&c->side[!c->request_direction]));
    }
    tp_pending_deliver(c, p);
}

/* Holes first, then the end of file: a body that ends with the connection must hear of its hole. */
void tp_connection_end(struct tp_connection *c, enum tp_exchange_end why, bool eof,
                       uint64_t time_ns)
{
    c->now.time_ns = time_ns;
    for (int d = 0; d < 2; d++)
        if (!c->side[d].known && c->side[d].first_len > 0)
            decide(&c->side[d], TP_HTTP2_ABSENT);
    if (c->held.len)
        release_held(c);
    for (int d = 0; d < 2; d++) {
        tp_side_catch_up(&c->side[d], c->side[d].told);
        if (eof)
            tp_http1_eof(&c->side[d].http);
    }
    tp_http2_end(c->http2, why);
    c->http2 = NULL;
    tp_websocket_end(c->websocket, why);
    c->websocket = NULL;
    tp_connection_forget_upgrade(c);
    while (c->first)
        end_pending(c, c->first, why);
    for (int d = 0; d < 2; d++) {
        tell_loss(c, "http", "hole between messages", tp_side_take_untold(&c->side[d]));
        tell_loss(c, "http", "no head found", c->side[d].skipped_bytes);
        tp_http1_done(&c->side[d].http);
    }
    tell_loss(c, "stream", c->opaque ? c->opaque : "not HTTP", c->opaque_bytes);
    tp_buf_done(&c->held);
    free(c);
}
