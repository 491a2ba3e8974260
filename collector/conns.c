/* SPDX-License-Identifier: MIT */
#include "collector/connection.h"

#include <errno.h>
#include <stdlib.h>

/* An idle connection takes under 1 KiB, so the ceiling is some 200 MiB; past it, connections are
 * counted as lost, not half remembered. */
#define BUCKETS_MIN 64
#define CONNECTIONS_MAX (1u << 18)

/* Heads: node takes 16 KiB, nginx 32 KiB as they come. Held bytes: an answer overtakes its request
 * by microseconds only. Ratio: deflate reaches 1032 at best; what packs better is blank, or a bomb.
 */
static const struct tp_conn_limits default_limits = {
    .head_bytes_max = 256u * 1024u,
    .held_bytes_max = 256u * 1024u,
    .decoded_ratio_max = 2000,
    .decoded_bytes_max = 1024u * 1024u * 1024u,
};

struct tp_conns *tp_conns_new(const struct tp_exchange_ops *ops, void *cx,
                              const struct tp_conn_limits *limits)
{
    struct tp_conns *conns = calloc(1, sizeof(*conns));
    if (!conns)
        return NULL;
    conns->ops = ops;
    conns->cx = cx;
    conns->limits = limits ? *limits : default_limits;
    conns->bucket_count = BUCKETS_MIN;
    conns->buckets = calloc(BUCKETS_MIN, sizeof(struct tp_connection *));
    if (!conns->buckets) {
        free(conns);
        return NULL;
    }
    return conns;
}

/* splitmix64's finisher: pointers differ in their middle bits. */
static size_t bucket_of(const struct tp_conns *conns, uint32_t pid, uint64_t conn)
{
    uint64_t h = conn + ((uint64_t)pid << 32);
    h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
    h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
    return (size_t)(h ^ (h >> 31)) & (conns->bucket_count - 1);
}

static void insert(struct tp_conns *conns, struct tp_connection *c)
{
    struct tp_connection **at = &conns->buckets[bucket_of(conns, c->origin.pid, c->origin.conn)];
    c->next = *at;
    *at = c;
}

/* Twice the buckets; without memory the chains just get longer. */
static void grow(struct tp_conns *conns)
{
    struct tp_connection **old = conns->buckets;
    size_t old_count = conns->bucket_count;
    struct tp_connection **buckets = calloc(old_count * 2, sizeof(struct tp_connection *));
    if (!buckets)
        return;
    conns->buckets = buckets;
    conns->bucket_count = old_count * 2;
    for (size_t i = 0; i < old_count; i++) {
        struct tp_connection *next;
        for (struct tp_connection *c = old[i]; c; c = next) {
            next = c->next;
            insert(conns, c);
        }
    }
    free(old);
}

/* Without the generation: an object that was freed and used again must be found, to be ended. The
 * close record may be lost; the next generation tells the same. */
/* The link that leads to the connection of this pid and object, whatever its generation. */
static struct tp_connection **find(const struct tp_conns *conns, uint32_t pid, uint64_t conn)
{
    struct tp_connection **at = &conns->buckets[bucket_of(conns, pid, conn)];
    while (*at && ((*at)->origin.pid != pid || (*at)->origin.conn != conn))
        at = &(*at)->next;
    return at;
}

/* Out of the table first: nothing that the consumer does may find a connection that is dying. */
static void end_at(struct tp_conns *conns, struct tp_connection **at, enum tp_exchange_end why,
                   bool eof, uint64_t time_ns)
{
    struct tp_connection *c = *at;
    *at = c->next;
    conns->stats.open--;
    tp_connection_end(c, why, eof, time_ns);
}

void tp_conns_free(struct tp_conns *conns, uint64_t time_ns)
{
    if (!conns)
        return;
    for (size_t i = 0; i < conns->bucket_count; i++)
        while (conns->buckets[i])
            end_at(conns, &conns->buckets[i], TP_END_SHUTDOWN, false, time_ns);
    free(conns->buckets);
    free(conns);
}

static struct tp_connection *add(struct tp_conns *conns, const struct tp_data_record *record,
                                 const char *tls)
{
    if (conns->stats.open >= CONNECTIONS_MAX)
        return NULL;
    struct tp_conn_origin origin = {
        .pid = record->head.pid,
        .conn = record->conn,
        .generation = record->generation,
        .tls = tls,
    };
    struct tp_connection *c = tp_connection_new(conns, &origin);
    if (!c)
        return NULL;
    if (++conns->stats.open > conns->bucket_count)
        grow(conns);
    insert(conns, c);
    return c;
}

/* Not taken is not unseen: these bytes are missing like any others. */
static void count_untaken(struct tp_conns *conns, const struct tp_data_record *record,
                          const char *tls, const char *why)
{
    struct tp_conn_origin origin = {record->head.pid, record->conn, record->generation, tls, false};
    conns->stats.hole_bytes[record->direction == TP_DIR_WRITE] += record->length;
    conns->ops->loss(conns->cx, &origin, "stream", why, record->length);
}

int tp_conns_data(struct tp_conns *conns, const struct tp_data_record *record,
                  const uint8_t *payload, const char *tls)
{
    struct tp_connection **at = find(conns, record->head.pid, record->conn);
    struct tp_connection *c = *at;
    if (c && c->origin.generation > record->generation) {
        count_untaken(conns, record, tls, "of a connection that is gone");
        return 0;
    }
    /* Its close record is missing, and with it how far it had got: what is open may lack its end. */
    if (c && c->origin.generation < record->generation) {
        end_at(conns, at, TP_END_LOST, false, record->entry_ns);
        c = NULL;
    }
    if (!c)
        c = add(conns, record, tls);
    if (!c) {
        count_untaken(conns, record, tls, "no memory");
        return -ENOMEM;
    }
    tp_connection_data(c, record, payload);
    return 0;
}

/* The final offsets are taken as heard, not as read, so that the end finds the hole before it. */
void tp_conns_close(struct tp_conns *conns, const struct tp_close_record *record)
{
    struct tp_connection **at = find(conns, record->head.pid, record->conn);
    struct tp_connection *c = *at;
    if (!c || c->origin.generation != record->generation)
        return;
    for (int d = 0; d < 2; d++)
        if (record->offset[d] > c->side[d].told)
            c->side[d].told = record->offset[d];
    end_at(conns, at, TP_END_CLOSED, true, record->head.time_ns);
}

/* Not an end of file: a process that dies leaves its bodies unfinished, whatever their framing. */
void tp_conns_process_exit(struct tp_conns *conns, uint32_t pid, uint64_t time_ns)
{
    for (size_t i = 0; i < conns->bucket_count; i++) {
        struct tp_connection **at = &conns->buckets[i];
        while (*at) {
            if ((*at)->origin.pid == pid)
                end_at(conns, at, TP_END_CLOSED, false, time_ns);
            else
                at = &(*at)->next;
        }
    }
}

void tp_conns_reconcile(struct tp_conns *conns, const struct tp_stream_key *key,
                        const struct tp_stream_state *state)
{
    struct tp_connection *c = *find(conns, key->pid, key->conn);
    if (!c || c->origin.generation != state->generation)
        return;
    for (int d = 0; d < 2; d++)
        if (state->offset[d] > c->side[d].told)
            c->side[d].told = state->offset[d];
}

void tp_conns_stats(const struct tp_conns *conns, struct tp_conn_stats *ret_stats)
{
    *ret_stats = conns->stats;
}
