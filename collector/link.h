/* SPDX-License-Identifier: MIT
 * Linking: finds the earlier call that a call's context extends. Each prefix of (request ++ answer)
 * has a rolling hash; a table says which call last passed through it. Bounded: old prefixes and
 * calls fall out, and a call whose parent fell out carries its whole list again.
 */
#ifndef TP_LINK_H
#define TP_LINK_H

#include "collector/blocks.h"

#define TP_LINK_NODES_MAX (1u << 17)
#define TP_LINK_CALLS_MAX (1u << 14)

struct tp_link;

/* A call as the table sees it. */
struct tp_link_call {
    struct tp_hash id;
    const struct tp_block_record *blocks; /* request, then answer */
    uint32_t request_count, output_count;
    bool request_whole; /* no hole: its prefixes are true */
    bool answer_whole;
    bool failed;             /* error or cancelled */
    const char *response_id; /* NULL: none */
    const char *previous_id; /* NULL: none */
};

struct tp_link_result {
    bool has_parent;
    struct tp_hash parent;
    uint32_t shared;      /* leading blocks shared with (parent's request ++ parent's output) */
    bool has_chain;       /* chain and chain_key hold */
    struct tp_hash chain; /* of the request's blocks */
    bool has_chain_out;
    struct tp_hash chain_out; /* of request, then answer */
    bool has_chain_key;
    struct tp_hash chain_key; /* up to the first user block */
};

/* NULL without memory. Both outlive it; `memo` may be NULL. */
struct tp_link *tp_link_new(const struct tp_hash_key *key, struct tp_memo *memo);
void tp_link_free(struct tp_link *link);

/* Links a call that has ended, and takes it into the table. */
void tp_link_add(struct tp_link *link, const struct tp_link_call *call,
                 struct tp_link_result *ret_result);

/* Prefixes held now. */
size_t tp_link_nodes(const struct tp_link *link);

#endif
