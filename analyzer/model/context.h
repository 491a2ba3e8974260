/* SPDX-License-Identifier: MIT
 * The contexts of recent calls, from which those that extend them are put together. Bounded: past
 * the ceiling on blocks, the context that was used longest ago goes.
 */
#ifndef TP_CONTEXT_H
#define TP_CONTEXT_H

#include "analyzer/model/row.h"

/* One block as the analyzer needs it. `tokens` is negative until the block is attributed; what
 * it has then stays with it in all the calls that share it. */
struct tp_block_info {
    struct tp_hash hash; /* of the content */
    struct tp_hash first_call;
    uint64_t call_id;  /* hash of the provider's id of a tool call or result; 0: none */
    uint64_t estimate; /* tokens, by the collector's estimator; at least 1 where it has content */
    int64_t tokens;
    uint32_t name;
    uint8_t kind, source; /* enum tp_part_kind, enum tp_source */
    bool failed;
};

/* What one call sent and got, in the order in which the provider reads it. */
struct tp_context {
    struct tp_hash id;
    struct tp_row *row;           /* holds a reference */
    struct tp_block_info *blocks; /* the request's, then the answer's */
    uint32_t request_count, count;
    uint32_t sent_from; /* blocks from here on had not come with a call that succeeded */
    bool hidden; /* the answer had reasoning: what the provider makes of it later is not known */
    bool failed;
    struct tp_context *chain, *newer, *older; /* hash bucket; use order */
};

/* The set of them, by call id. */
struct tp_contexts;

/* NULL without memory. */
struct tp_contexts *tp_contexts_new(size_t blocks_max);
/* Frees the contexts as well; their rows live on while others hold references. NULL is fine. */
void tp_contexts_free(struct tp_contexts *contexts);

/* The call's context, or NULL; counts as a use. */
struct tp_context *tp_contexts_find(struct tp_contexts *contexts, const struct tp_hash *id);
/* Takes the context over, one of the same id being replaced; others may go. */
void tp_contexts_add(struct tp_contexts *contexts, struct tp_context *context);
/* One that was not handed over. NULL is fine. */
void tp_context_free(struct tp_context *context);

/* Appends the blocks of an event's array, to a ceiling of 1 M blocks. False without memory.
 * `first_call` is set in each; tokens are unknown. */
bool tp_context_append(struct tp_context *context, const msgpack_object *blocks,
                       const struct tp_hash *first_call, struct tp_names *names);
/* Appends the first n blocks of another context. False without memory. */
bool tp_context_copy(struct tp_context *context, const struct tp_context *from, uint32_t n);

#endif
