/* SPDX-License-Identifier: MIT */
#include "collector/unlinked.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CONTEXT_BYTES_MAX (1024u * 1024u)
#define ALL_BYTES_MAX (16u * 1024u * 1024u)

struct held {
    struct held *next;
    const char *tls;
    struct tp_data_record record;
    uint8_t payload[];
};

struct context {
    struct context *next;
    uint64_t conn, generation;
    uint32_t pid;
    size_t bytes;
    struct held *first, **last_next;
};

struct tp_unlinked {
    tp_unlinked_fn *data;
    void *cx;
    struct context *contexts;
    size_t bytes;
};

struct tp_unlinked *tp_unlinked_new(tp_unlinked_fn *data, void *cx)
{
    struct tp_unlinked *u = calloc(1, sizeof(*u));
    if (!u)
        return NULL;
    u->data = data;
    u->cx = cx;
    return u;
}

static struct held *take_first(struct tp_unlinked *u, struct context *c)
{
    struct held *h = c->first;
    size_t bytes = sizeof(*h) + (h->record.failed ? 0 : h->record.length);

    c->first = h->next;
    if (!c->first)
        c->last_next = &c->first;
    c->bytes -= bytes;
    u->bytes -= bytes;
    return h;
}

static void context_free(struct tp_unlinked *u, struct context **at)
{
    struct context *c = *at;

    while (c->first)
        free(take_first(u, c));
    *at = c->next;
    free(c);
}

void tp_unlinked_free(struct tp_unlinked *u)
{
    if (!u)
        return;
    while (u->contexts)
        context_free(u, &u->contexts);
    free(u);
}

static struct context **find(struct tp_unlinked *u, uint32_t pid, uint64_t conn)
{
    struct context **at = &u->contexts;
    while (*at && ((*at)->conn != conn || (*at)->pid != pid))
        at = &(*at)->next;
    return at;
}

/* As they came, or, with a link, as the socket's. */
static void hand_on(struct tp_unlinked *u, struct context *c, const struct tp_link_record *link)
{
    while (c->first) {
        struct held *h = take_first(u, c);
        struct tp_data_record *r = &h->record;
        if (link) {
            r->conn = link->conn;
            r->generation = link->generation;
            r->offset += link->offset;
            r->peer_offset = link->peer_offset;
        }
        r->unlinked = 0;
        u->data(u->cx, r, r->failed ? NULL : h->payload, h->tls);
        free(h);
    }
}

static struct context *context_of(struct tp_unlinked *u, const struct tp_data_record *record)
{
    struct context *c = *find(u, record->head.pid, record->conn);

    if (c && c->generation != record->generation) {
        hand_on(u, c, NULL);
        c->generation = record->generation;
    }
    if (c)
        return c;
    c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->conn = record->conn;
    c->generation = record->generation;
    c->pid = record->head.pid;
    c->last_next = &c->first;
    c->next = u->contexts;
    u->contexts = c;
    return c;
}

static bool keep(struct tp_unlinked *u, const struct tp_data_record *record, const uint8_t *payload,
                 const char *tls)
{
    struct context *c = context_of(u, record);
    size_t n = payload ? record->length : 0, bytes = sizeof(struct held) + n;

    if (!c)
        return false;
    if (c->bytes + bytes > CONTEXT_BYTES_MAX || u->bytes + bytes > ALL_BYTES_MAX) {
        hand_on(u, c, NULL);
        return false;
    }
    struct held *h = malloc(bytes);
    if (!h)
        return false;
    h->next = NULL;
    h->tls = tls;
    h->record = *record;
    h->record.failed = !payload;
    if (n)
        memcpy(h->payload, payload, n);
    *c->last_next = h;
    c->last_next = &h->next;
    c->bytes += bytes;
    u->bytes += bytes;
    return true;
}

void tp_unlinked_data(struct tp_unlinked *u, const struct tp_data_record *record,
                      const uint8_t *payload, const char *tls)
{
    if (!record->unlinked || !keep(u, record, payload, tls))
        u->data(u->cx, record, payload, tls);
}

void tp_unlinked_link(struct tp_unlinked *u, const struct tp_link_record *link)
{
    struct context **at = find(u, link->head.pid, link->from);

    if (!*at)
        return;
    hand_on(u, *at, (*at)->generation == link->from_generation ? link : NULL);
    context_free(u, at);
}

void tp_unlinked_release(struct tp_unlinked *u, uint32_t pid, uint64_t context)
{
    for (struct context **at = &u->contexts; *at;) {
        if ((pid && (*at)->pid != pid) || (context && (*at)->conn != context)) {
            at = &(*at)->next;
            continue;
        }
        hand_on(u, *at, NULL);
        context_free(u, at);
    }
}
