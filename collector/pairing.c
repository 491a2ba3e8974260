/* SPDX-License-Identifier: MIT */
#include "collector/connection.h"

#include <stdlib.h>

/* The queue holds requests in the order of their offsets, and between them gaps: places where a
 * request may have been lost. While nothing is missing, an answer belongs to the first that lives
 * (RFC 9112, 9.3.2) and that is proof, pipelined or not. After a hole among answers the order alone
 * proves nothing, and offsets decide: the last one that had begun when the answer was recorded is
 * the owner, if each request waits for the answer before. Where requests are known not to wait, no
 * one is.
 *
 * Requests without an answer beyond this are a flood, or all of their answers were lost. */
#define PENDING_MAX 1024
#define ANSWER_BYTES_MIN 16 /* "HTTP/1.1 204\r\n\r\n" */

static bool is_live(const struct tp_pending *p)
{
    return !p->response_done;
}

bool tp_pending_live(const struct tp_connection *c)
{
    for (const struct tp_pending *p = c->first; p; p = p->next)
        if (is_live(p) && !p->gap)
            return true;
    return false;
}

bool tp_pending_shadows(const struct tp_connection *c)
{
    for (const struct tp_pending *p = c->first; p; p = p->next)
        if (is_live(p) && (p->gap || p->shadowed))
            return true;
    return false;
}

/* No answer fits between the two requests: the later one cannot have waited. Holds whatever was
 * lost in between, which is why it is asked of offsets. */
bool tp_pending_overlaps(const struct tp_connection *c, uint64_t peer)
{
    for (const struct tp_pending *p = c->first; p; p = p->next)
        if (is_live(p) && !p->gap && peer < p->answer_from + ANSWER_BYTES_MIN)
            return true;
    return false;
}

/* Requests that keep several under way never come to rest, so a lost count of answers is never
 * found again (connection.h, `rolling`). */
bool tp_pending_rolls(const struct tp_connection *c, uint64_t peer)
{
    for (const struct tp_pending *p = c->first; p; p = p->next)
        if (is_live(p) && !p->gap && p->answer_from < peer)
            return true;
    return false;
}

/* Frees. No side may keep a pointer to it. */
static void unlink_pending(struct tp_connection *c, struct tp_pending *p)
{
    struct tp_pending **at = &c->first;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    if (!p->next)
        c->last_next = at;
    c->pending_count--;
    for (int d = 0; d < 2; d++)
        if (c->side[d].current == p)
            c->side[d].current = NULL;
    if (c->early == p)
        c->early = NULL;
    free(p);
}

/* The body closes before the exchange ends: its decoder may have something left to count. */
void tp_pending_deliver(struct tp_connection *c, struct tp_pending *p)
{
    for (int d = 0; d < 2; d++)
        if (c->side[d].current == p)
            tp_side_close_body(&c->side[d], true);
    if (!p->gap)
        c->owner->ops->response_end(p->x, p->why, p->end_ns);
    unlink_pending(c, p);
}

void tp_pending_finish(struct tp_connection *c, struct tp_pending *p, enum tp_exchange_end why)
{
    p->response_done = true;
    p->why = why;
    p->end_ns = c->now.time_ns;
    struct tp_side *requests = &c->side[c->request_direction];
    /* Where the request's end was missed, what comes next is more likely the next request. */
    if (!p->request_done && requests->current == p && tp_http1_unsure(&requests->http)) {
        tp_side_give_up(requests);
        return;
    }
    if (p->request_done || (requests->current != p && !p->early))
        tp_pending_deliver(c, p);
}

/* Marked with all that is missing so far, so that the bytes are told once: to the first that is
 * lost with them. */
void tp_pending_lose(struct tp_connection *c, struct tp_pending *p)
{
    struct tp_side *answers = &c->side[!c->request_direction];
    if (!p->gap)
        c->owner->ops->response_hole(p->x, tp_side_take_untold(answers));
    p->response_done = true;
    p->why = TP_END_LOST;
    p->end_ns = c->now.time_ns;
    tp_pending_deliver(c, p);
}

/* Those before `end` (NULL: all) that wait for an answer. */
static void lose_until(struct tp_connection *c, const struct tp_pending *end)
{
    struct tp_pending *next;
    for (struct tp_pending *p = c->first; p && p != end; p = next) {
        next = p->next;
        if (is_live(p))
            tp_pending_lose(c, p);
    }
}

void tp_pending_lose_all(struct tp_connection *c)
{
    lose_until(c, NULL);
}

struct tp_pending *tp_pending_add(struct tp_connection *c)
{
    struct tp_pending *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    if (c->pending_count >= PENDING_MAX)
        tp_pending_lose(c, c->first);
    *c->last_next = p;
    c->last_next = &p->next;
    c->pending_count++;
    return p;
}

static struct tp_pending *last_pending(const struct tp_connection *c)
{
    struct tp_pending *last = c->first;
    while (last && last->next)
        last = last->next;
    return last;
}

/* Gaps in a row are one: how many requests it hides, nobody knows. The earliest offset stays, since
 * a request may have begun there. */
void tp_pending_add_gap(struct tp_connection *c, uint64_t offset, bool certain)
{
    struct tp_pending *last = last_pending(c);
    if (last && last->gap) {
        last->certain |= certain;
        return;
    }
    struct tp_pending *p = tp_pending_add(c);
    if (!p)
        return;
    p->certain = certain;
    p->gap = p->request_done = true;
    p->start = offset;
}

/* Strictly before: a request that begins at `peer` had not been sent. */
struct tp_pending *tp_pending_owner(const struct tp_connection *c, uint64_t from, uint64_t peer)
{
    struct tp_pending *owner = NULL;
    for (struct tp_pending *p = c->first; p; p = p->next)
        if (is_live(p) && p->start < peer && p->answer_from <= from)
            owner = p;
    return owner;
}

static struct tp_pending *first_live(const struct tp_connection *c)
{
    struct tp_pending *p = c->first;
    while (p && !is_live(p))
        p = p->next;
    return p;
}

/* Pipelined, and an answer may have been missed: nobody can tell whose this one is. */
static void lose_ambiguous(struct tp_connection *c, uint64_t peer)
{
    struct tp_pending *next;
    for (struct tp_pending *p = c->first; p; p = next) {
        next = p->next;
        if (is_live(p) && p->start < peer)
            tp_pending_lose(c, p);
    }
}

/* An answer that a gap owns belongs to a request never seen: NULL makes it an orphan. */
struct tp_pending *tp_pending_select(struct tp_connection *c, uint64_t from, uint64_t peer)
{
    struct tp_pending *first = first_live(c);
    if (!c->dirty && (!first || !first->gap)) {
        bool fits = first && first->start < peer && first->answer_from <= from;
        return fits || c->releasing ? first : NULL;
    }
    struct tp_pending *owner = tp_pending_owner(c, from, peer);
    /* No answer was missed, and the lost request has had none: the next one did not wait for it. */
    c->pipelined |= !c->dirty && first->certain && owner && owner != first;
    if (c->pipelined) {
        c->dirty = true;
        lose_ambiguous(c, peer);
        return NULL;
    }
    if (!owner)
        return NULL;
    lose_until(c, owner);
    c->dirty = false;
    if (!owner->gap)
        return owner;
    tp_pending_lose(c, owner);
    return NULL;
}

static void begin_headless_request(struct tp_connection *c, struct tp_pending *p, uint64_t missing)
{
    p->x = c->owner->ops->request_begin(c->owner->cx, &c->origin, NULL, c->now.time_ns);
    c->owner->stats.exchanges++;
    c->owner->ops->request_hole(p->x, missing);
}

struct tp_pending *tp_pending_orphan(struct tp_connection *c)
{
    struct tp_side *requests = &c->side[c->request_direction];
    struct tp_pending *p = tp_pending_add(c);
    if (!p)
        return NULL;
    p->orphan = p->request_done = true;
    begin_headless_request(c, p, tp_side_take_untold(requests));
    c->owner->ops->request_end(p->x, c->now.time_ns);
    return p;
}

/* The consumer needs the request now, without what its head would say; begin_request() finds it
 * again by the offset. */
struct tp_pending *tp_pending_early(struct tp_connection *c, uint64_t peer)
{
    const struct tp_side *requests = &c->side[c->request_direction];
    if (c->early || !tp_http1_in_head(&requests->http) || requests->mark.at >= peer)
        return NULL;
    struct tp_pending *p = tp_pending_add(c);
    if (!p)
        return NULL;
    p->early = true;
    p->start = requests->mark.at;
    p->answer_from = requests->mark.peer_offset;
    c->early = p;
    begin_headless_request(c, p, 0);
    return p;
}

struct tp_pending *tp_pending_adopt(struct tp_connection *c, uint64_t start)
{
    struct tp_pending *p = c->early;
    if (!p || p->start != start)
        return NULL;
    c->early = NULL;
    p->early = false;
    return p;
}

/* Its request is lost, and may not be waited for. */
void tp_pending_disown(struct tp_connection *c)
{
    struct tp_pending *p = c->early;
    if (!p)
        return;
    c->early = NULL;
    p->early = false;
    p->request_done = true;
    c->owner->ops->request_end(p->x, c->now.time_ns);
    if (p->response_done)
        tp_pending_deliver(c, p);
}
