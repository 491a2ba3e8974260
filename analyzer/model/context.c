/* SPDX-License-Identifier: MIT */
#include "analyzer/model/context.h"

#include <stdlib.h>
#include <string.h>
#include <tokprof/event.h>
#include <xxhash.h>

#include "common/unpack.h"

#define BUCKETS 16384u
#define BLOCKS_PER_CALL_MAX (1u << 20)

/* By hash for finding a call's parent, and in order of use for giving up the one that is least
 * likely to be extended again. The ceiling counts blocks, not contexts: a context is 10 or
 * 10,000 blocks. */
struct tp_contexts {
    struct tp_context *buckets[BUCKETS];
    struct tp_context *newest, *oldest;
    size_t blocks, blocks_max;
};

struct tp_contexts *tp_contexts_new(size_t blocks_max)
{
    struct tp_contexts *c = calloc(1, sizeof(*c));
    if (c)
        c->blocks_max = blocks_max;
    return c;
}

void tp_context_free(struct tp_context *context)
{
    if (!context)
        return;
    tp_row_unref(context->row);
    free(context->blocks);
    free(context);
}

static struct tp_context **bucket_of(struct tp_contexts *c, const struct tp_hash *id)
{
    return &c->buckets[XXH3_64bits(id->b, sizeof(id->b)) % BUCKETS];
}

/* The order of use is a doubly linked list, so that a find costs no search. */
static void unlink_use(struct tp_contexts *c, struct tp_context *x)
{
    if (x->newer)
        x->newer->older = x->older;
    else
        c->newest = x->older;
    if (x->older)
        x->older->newer = x->newer;
    else
        c->oldest = x->newer;
}

static void link_newest(struct tp_contexts *c, struct tp_context *x)
{
    x->newer = NULL;
    x->older = c->newest;
    if (c->newest)
        c->newest->newer = x;
    else
        c->oldest = x;
    c->newest = x;
}

/* Each context counts one block more than it has: empty ones must not be free. */
static void drop(struct tp_contexts *c, struct tp_context *x)
{
    struct tp_context **at = bucket_of(c, &x->id);
    while (*at != x)
        at = &(*at)->chain;
    *at = x->chain;
    unlink_use(c, x);
    c->blocks -= x->count + 1;
    tp_context_free(x);
}

void tp_contexts_free(struct tp_contexts *contexts)
{
    if (!contexts)
        return;
    while (contexts->oldest)
        drop(contexts, contexts->oldest);
    free(contexts);
}

/* A parent that was just extended is the likeliest to be extended again (a retry, a fork). */
struct tp_context *tp_contexts_find(struct tp_contexts *contexts, const struct tp_hash *id)
{
    struct tp_context *x = *bucket_of(contexts, id);
    while (x && !tp_hash_equal(&x->id, id))
        x = x->chain;
    if (x) {
        unlink_use(contexts, x);
        link_newest(contexts, x);
    }
    return x;
}

/* The context just added stays even where it alone is past the ceiling: its children come next. */
void tp_contexts_add(struct tp_contexts *contexts, struct tp_context *context)
{
    struct tp_context *same = tp_contexts_find(contexts, &context->id);
    struct tp_context **bucket = bucket_of(contexts, &context->id);
    if (same)
        drop(contexts, same);
    context->chain = *bucket;
    *bucket = context;
    link_newest(contexts, context);
    contexts->blocks += context->count + 1;
    while (contexts->blocks > contexts->blocks_max && contexts->oldest != context)
        drop(contexts, contexts->oldest);
}

/* Kinds of a later event format fall back to "other". Framing and unseen are the analyzer's own:
 * no recording may claim them. */
static enum tp_part_kind kind_of(const msgpack_object *o)
{
    for (int k = 0; k < TP_PART_FRAMING; k++)
        if (tp_unpack_is(o, tp_part_kind_names[k]))
            return (enum tp_part_kind)k;
    return TP_PART_OTHER;
}

static void decode_block(const msgpack_object *o, struct tp_names *names, struct tp_block_info *b)
{
    const msgpack_object *text = tp_unpack_get(o, TP_B_NAME);
    const msgpack_object *call_id = tp_unpack_get(o, TP_B_CALL_ID);
    uint64_t bytes = 0;
    memset(b, 0, sizeof(*b));
    b->kind = (uint8_t)kind_of(tp_unpack_get(o, TP_B_KIND));
    b->tokens = -1;
    tp_unpack_hash(tp_unpack_get(o, TP_B_HASH), &b->hash);
    tp_unpack_u64(tp_unpack_get(o, TP_B_BYTES), &bytes);
    /* Where the collector made no estimate: four bytes a token is what tokenizers give for
     * English text, near enough to share a known sum. */
    if (!tp_unpack_u64(tp_unpack_get(o, TP_B_TOKENS), &b->estimate))
        b->estimate = bytes / 4;
    if (b->estimate == 0)
        b->estimate = 1;
    if (b->estimate > UINT32_MAX)
        b->estimate = UINT32_MAX;
    if (text && text->type == MSGPACK_OBJECT_STR)
        b->name = tp_names_add(names, text->via.str.ptr, text->via.str.size);
    if (call_id && call_id->type == MSGPACK_OBJECT_STR)
        /* | 1: 0 says that there is none. */
        b->call_id = XXH3_64bits(call_id->via.str.ptr, call_id->via.str.size) | 1;
    tp_unpack_bool(tp_unpack_get(o, TP_B_ERROR), &b->failed);
}

/* Always at least one element, so that `blocks` is never NULL in a context that is in use. */
static bool reserve(struct tp_context *c, size_t more)
{
    if (c->blocks && more == 0)
        return true;
    struct tp_block_info *blocks =
        realloc(c->blocks, (c->count + more + (more == 0)) * sizeof(*blocks));
    if (!blocks)
        return false;
    c->blocks = blocks;
    return true;
}

bool tp_context_append(struct tp_context *context, const msgpack_object *blocks,
                       const struct tp_hash *first_call, struct tp_names *names)
{
    uint32_t n = blocks && blocks->type == MSGPACK_OBJECT_ARRAY ? blocks->via.array.size : 0;
    if (n > BLOCKS_PER_CALL_MAX - context->count)
        n = BLOCKS_PER_CALL_MAX - context->count;
    if (!reserve(context, n))
        return false;
    for (uint32_t i = 0; i < n; i++) {
        struct tp_block_info *b = &context->blocks[context->count++];
        decode_block(&blocks->via.array.ptr[i], names, b);
        b->first_call = *first_call;
    }
    return true;
}

bool tp_context_copy(struct tp_context *context, const struct tp_context *from, uint32_t n)
{
    if (!reserve(context, n))
        return false;
    if (n > 0)
        memcpy(context->blocks + context->count, from->blocks, n * sizeof(*from->blocks));
    context->count += n;
    return true;
}
