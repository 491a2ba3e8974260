/* SPDX-License-Identifier: MIT
 * Both ends of one connection can be watched: an agent and a model server in the same tree. Each
 * then gives an exchange, but it is one call. The client's end is kept, for its times are what the
 * user waits for; the server's end is recognised as its twin by the same request content, inside
 * the client's time.
 */
#ifndef TP_TWINS_H
#define TP_TWINS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/hash.h"

/* Requests of clients that are remembered; the oldest makes room. */
#define TP_TWINS_MAX 1024

struct tp_twins {
    struct {
        struct tp_hash key;
        uint64_t start_ns;
        uint64_t end_ns; /* 0 while open */
        bool taken;
    } client[TP_TWINS_MAX];
    uint64_t count; /* ever remembered; the number of one is its ticket */
};

/* A client's request: `key` stands for its target and content. Returns a ticket for the end. */
uint64_t tp_twins_client_begin(struct tp_twins *t, const struct tp_hash *key, uint64_t start_ns);
void tp_twins_client_end(struct tp_twins *t, uint64_t ticket, uint64_t end_ns);

/* A server's exchange has ended: true if a client's end of it was seen, which is then used up. */
bool tp_twins_take(struct tp_twins *t, const struct tp_hash *key, uint64_t start_ns);

#endif
