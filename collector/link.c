/* SPDX-License-Identifier: MIT */
#include "collector/link.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX
#define BUCKETS (2 * TP_LINK_NODES_MAX)

/* One prefix, in a hash table with chains and in a list by age of use. */
struct node {
    struct tp_hash prefix;
    uint64_t serial; /* of the call that last passed through */
    uint32_t chain, older, newer;
};

/* A call, at slot serial % TP_LINK_CALLS_MAX. */
struct slot {
    struct tp_hash id;
    struct tp_hash response; /* hash of its response id */
    uint64_t serial;
    uint32_t request_count;
    uint32_t chain; /* next slot with the same bucket of the response id */
    bool failed, has_response;
};

struct tp_link {
    const struct tp_hash_key *key;
    struct tp_memo *memo;
    uint32_t *buckets, *response_buckets;
    struct node *nodes;
    struct slot *slots;
    struct tp_hash *prefixes; /* scratch: of the call being added */
    struct tp_hash *blocks;   /* what `prefixes` is of, as far as blocks_count goes */
    size_t blocks_count;
    struct tp_hash *own; /* scratch: same, of its messages alone, without tools and system */
    size_t prefixes_cap;
    uint32_t own_request, own_count; /* messages of the request, and with the answer */
    uint32_t count, newest, oldest;
    uint64_t serial; /* of the newest call; 0: none yet */
};

struct tp_link *tp_link_new(const struct tp_hash_key *key, struct tp_memo *memo)
{
    struct tp_link *link = calloc(1, sizeof(*link));
    if (!link)
        return NULL;
    link->key = key;
    link->memo = memo;
    link->buckets = malloc(BUCKETS * sizeof(*link->buckets));
    link->response_buckets = malloc(TP_LINK_CALLS_MAX * sizeof(*link->response_buckets));
    link->nodes = malloc(TP_LINK_NODES_MAX * sizeof(*link->nodes));
    link->slots = calloc(TP_LINK_CALLS_MAX, sizeof(*link->slots));
    if (!link->buckets || !link->response_buckets || !link->nodes || !link->slots) {
        tp_link_free(link);
        return NULL;
    }
    memset(link->buckets, 0xff, BUCKETS * sizeof(*link->buckets));
    memset(link->response_buckets, 0xff, TP_LINK_CALLS_MAX * sizeof(*link->response_buckets));
    link->newest = link->oldest = NONE;
    return link;
}

void tp_link_free(struct tp_link *link)
{
    if (!link)
        return;
    free(link->buckets);
    free(link->response_buckets);
    free(link->nodes);
    free(link->slots);
    free(link->prefixes);
    free(link->own);
    free(link->blocks);
    free(link);
}

size_t tp_link_nodes(const struct tp_link *link)
{
    return link->count;
}

/* ---- table of prefixes ---- */

static uint32_t bucket_of(const struct tp_hash *h, uint32_t buckets)
{
    uint32_t v;
    memcpy(&v, h->b, sizeof(v));
    return v % buckets;
}

static uint32_t find_node(const struct tp_link *link, const struct tp_hash *prefix)
{
    uint32_t i = link->buckets[bucket_of(prefix, BUCKETS)];
    while (i != NONE && !tp_hash_equal(&link->nodes[i].prefix, prefix))
        i = link->nodes[i].chain;
    return i;
}

static void age_unlink(struct tp_link *link, uint32_t i)
{
    struct node *n = &link->nodes[i];
    if (n->older != NONE)
        link->nodes[n->older].newer = n->newer;
    else
        link->oldest = n->newer;
    if (n->newer != NONE)
        link->nodes[n->newer].older = n->older;
    else
        link->newest = n->older;
}

static void age_push(struct tp_link *link, uint32_t i)
{
    struct node *n = &link->nodes[i];
    n->older = link->newest;
    n->newer = NONE;
    if (link->newest != NONE)
        link->nodes[link->newest].newer = i;
    else
        link->oldest = i;
    link->newest = i;
}

static void bucket_unlink(struct tp_link *link, uint32_t i)
{
    uint32_t *at = &link->buckets[bucket_of(&link->nodes[i].prefix, BUCKETS)];
    while (*at != i)
        at = &link->nodes[*at].chain;
    *at = link->nodes[i].chain;
}

static uint32_t node_take(struct tp_link *link)
{
    if (link->count < TP_LINK_NODES_MAX)
        return link->count++;
    uint32_t i = link->oldest;
    age_unlink(link, i);
    bucket_unlink(link, i);
    return i;
}

static void pass_through(struct tp_link *link, const struct tp_hash *prefix, uint64_t serial)
{
    uint32_t i = find_node(link, prefix);
    if (i != NONE) {
        age_unlink(link, i);
    } else {
        i = node_take(link);
        uint32_t *bucket = &link->buckets[bucket_of(prefix, BUCKETS)];
        link->nodes[i].prefix = *prefix;
        link->nodes[i].chain = *bucket;
        *bucket = i;
    }
    link->nodes[i].serial = serial;
    age_push(link, i);
}

/* ---- calls ---- */

static const struct slot *call_of(const struct tp_link *link, uint64_t serial)
{
    const struct slot *slot = &link->slots[serial % TP_LINK_CALLS_MAX];
    return serial && slot->serial == serial ? slot : NULL;
}

static struct tp_hash response_hash(const struct tp_link *link, const char *id)
{
    return tp_hash_of(link->key, id, strlen(id));
}

static const struct slot *find_response(const struct tp_link *link, const char *id)
{
    struct tp_hash h = response_hash(link, id);
    uint32_t i = link->response_buckets[bucket_of(&h, TP_LINK_CALLS_MAX)];
    while (i != NONE && !tp_hash_equal(&link->slots[i].response, &h))
        i = link->slots[i].chain;
    return i == NONE ? NULL : &link->slots[i];
}

static void forget_response(struct tp_link *link, uint32_t i)
{
    if (!link->slots[i].has_response)
        return;
    uint32_t *at = &link->response_buckets[bucket_of(&link->slots[i].response, TP_LINK_CALLS_MAX)];
    while (*at != i)
        at = &link->slots[*at].chain;
    *at = link->slots[i].chain;
}

static uint64_t slot_take(struct tp_link *link, const struct tp_link_call *call)
{
    uint64_t serial = ++link->serial;
    uint32_t i = (uint32_t)(serial % TP_LINK_CALLS_MAX);
    forget_response(link, i);
    struct slot *slot = &link->slots[i];
    *slot = (struct slot){.id = call->id,
                          .serial = serial,
                          .request_count = call->request_count,
                          .failed = call->failed};
    if (call->response_id) {
        slot->response = response_hash(link, call->response_id);
        slot->has_response = true;
        uint32_t *bucket = &link->response_buckets[bucket_of(&slot->response, TP_LINK_CALLS_MAX)];
        slot->chain = *bucket;
        *bucket = i;
    }
    return serial;
}

/* ---- linking ---- */

static int scratch(struct tp_link *link, size_t n)
{
    if (n <= link->prefixes_cap)
        return 0;
    struct tp_hash *prefixes = realloc(link->prefixes, n * sizeof(*prefixes));
    if (prefixes)
        link->prefixes = prefixes;
    struct tp_hash *own = realloc(link->own, n * sizeof(*own));
    if (own)
        link->own = own;
    struct tp_hash *blocks = realloc(link->blocks, n * sizeof(*blocks));
    if (blocks)
        link->blocks = blocks;
    if (!prefixes || !own || !blocks)
        return -1;
    link->prefixes_cap = n;
    return 0;
}

/* A pair of hashes has come before if its blocks have. */
static struct tp_hash extended(const struct tp_link *link, const struct tp_hash *prefix,
                               const struct tp_hash *block)
{
    struct tp_hash pair[2] = {*prefix, *block};
    struct tp_memo_result result = {0};
    struct tp_memo_key key = {0};
    if (link->memo) {
        key = tp_memo_key(link->memo, pair, sizeof(pair));
        if (tp_memo_find(link->memo, &key, &result))
            return result.hash;
    }
    result.hash = tp_hash_of(link->key, pair, sizeof(pair));
    if (link->memo)
        tp_memo_keep(link->memo, &key, &result);
    return result.hash;
}

/* The same for what no event tells: the fast hash will do. */
static struct tp_hash extended_own(const struct tp_link *link, const struct tp_hash *prefix,
                                   const struct tp_hash *block)
{
    struct tp_hash pair[2] = {*prefix, *block}, h;
    _Static_assert(sizeof(struct tp_memo_key) == sizeof(h), "both have 128 bits");
    if (!link->memo)
        return tp_hash_of(link->key, pair, sizeof(pair));
    struct tp_memo_key key = tp_memo_key(link->memo, pair, sizeof(pair));
    memcpy(&h, &key, sizeof(h));
    return h;
}

static bool is_setting(const struct tp_block_record *block)
{
    return block->kind == TP_BLOCK_TOOL_SCHEMA || block->kind == TP_BLOCK_SYSTEM;
}

/* How many blocks the call before this one began with as well: their prefixes are still there. */
static size_t known_prefixes(const struct tp_link *link, const struct tp_link_call *call, size_t n)
{
    size_t i = 0;
    while (i < n && i < link->blocks_count &&
           tp_hash_equal(&call->blocks[i].hash, &link->blocks[i]))
        i++;
    return i;
}

static void hash_own(struct tp_link *link, const struct tp_link_call *call, size_t n)
{
    memset(&link->own[0], 0xff, sizeof(link->own[0]));
    link->own_request = link->own_count = 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_setting(&call->blocks[i])) {
            link->own[link->own_count + 1] =
                extended_own(link, &link->own[link->own_count], &call->blocks[i].hash);
            link->own_count++;
        }
        if (i < call->request_count)
            link->own_request = link->own_count;
    }
}

static int hash_prefixes(struct tp_link *link, const struct tp_link_call *call)
{
    size_t n = (size_t)call->request_count + call->output_count;
    if (scratch(link, n + 1))
        return -1;
    memset(&link->prefixes[0], 0, sizeof(link->prefixes[0]));
    for (size_t i = known_prefixes(link, call, n); i < n; i++) {
        link->blocks[i] = call->blocks[i].hash;
        link->prefixes[i + 1] = extended(link, &link->prefixes[i], &link->blocks[i]);
    }
    link->blocks_count = n;
    hash_own(link, call, n);
    return 0;
}

/* Index of the first block that is neither a tool nor the system's: shared ones below prove
 * nothing. */
static uint32_t first_own(const struct tp_link_call *call)
{
    uint32_t i = 0;
    while (i < call->request_count && is_setting(&call->blocks[i]))
        i++;
    return i;
}

/* A request that stands whole in what was there before extends nothing. Where the same one failed,
 * it is its retry; else it is another conversation that begins alike, or a second answer asked for,
 * and what it extends lies further up. */
static bool is_repeat(const struct tp_link_call *call, const struct slot *slot, uint32_t shared)
{
    return shared == call->request_count && !(slot->failed && slot->request_count == shared);
}

static void find_parent(const struct tp_link *link, const struct tp_link_call *call,
                        struct tp_link_result *r)
{
    for (uint32_t n = call->request_count, own = first_own(call); n > own; n--) {
        uint32_t i = find_node(link, &link->prefixes[n]);
        const struct slot *slot = i == NONE ? NULL : call_of(link, link->nodes[i].serial);
        if (!slot || is_repeat(call, slot, n))
            continue;
        r->has_parent = true;
        r->parent = slot->id;
        r->shared = n;
        return;
    }
}

/* Blocks that the call certainly shares with `slot`: where that call was the last to pass. */
static uint32_t shared_with(const struct tp_link *link, const struct tp_link_call *call,
                            const struct slot *slot)
{
    for (uint32_t n = call->request_count; n > 0; n--) {
        uint32_t i = find_node(link, &link->prefixes[n]);
        if (i != NONE && link->nodes[i].serial == slot->serial)
            return n;
    }
    return 0;
}

/* Tools and system text may change in mid-conversation (a date, a tool that is switched on): then
 * the messages alone tell, if they share more than an opening line. */
static void find_parent_by_messages(const struct tp_link *link, const struct tp_link_call *call,
                                    struct tp_link_result *r)
{
    for (uint32_t n = link->own_request; n > 1; n--) {
        uint32_t i = find_node(link, &link->own[n]);
        const struct slot *slot = i == NONE ? NULL : call_of(link, link->nodes[i].serial);
        if (!slot || (n == link->own_request && !slot->failed))
            continue;
        r->has_parent = true;
        r->parent = slot->id;
        r->shared = shared_with(link, call, slot);
        return;
    }
}

static void chain_hashes(const struct tp_link *link, const struct tp_link_call *call,
                         struct tp_link_result *r)
{
    r->has_chain = true;
    r->chain = link->prefixes[call->request_count];
    for (uint32_t i = 0; i < call->request_count && !r->has_chain_key; i++) {
        if (call->blocks[i].kind != TP_BLOCK_USER)
            continue;
        r->has_chain_key = true;
        r->chain_key = link->prefixes[i + 1];
    }
    if (!call->answer_whole)
        return;
    r->has_chain_out = true;
    r->chain_out = link->prefixes[call->request_count + call->output_count];
}

/* The latest call holds each prefix. */
static void take_in(struct tp_link *link, const struct tp_link_call *call, uint64_t serial,
                    bool prefixes)
{
    if (!prefixes)
        return;
    size_t n = call->request_count;
    if (call->answer_whole)
        n += call->output_count;
    for (size_t i = 1; i <= n; i++)
        pass_through(link, &link->prefixes[i], serial);
    n = call->answer_whole ? link->own_count : link->own_request;
    for (size_t i = 2; i <= n; i++)
        pass_through(link, &link->own[i], serial);
}

void tp_link_add(struct tp_link *link, const struct tp_link_call *call,
                 struct tp_link_result *ret_result)
{
    memset(ret_result, 0, sizeof(*ret_result));
    bool prefixes = call->request_whole && hash_prefixes(link, call) == 0;
    if (call->previous_id) {
        const struct slot *slot = find_response(link, call->previous_id);
        if (slot) {
            ret_result->has_parent = true;
            ret_result->parent = slot->id;
        }
    } else if (prefixes) {
        find_parent(link, call, ret_result);
        if (!ret_result->has_parent)
            find_parent_by_messages(link, call, ret_result);
    }
    if (prefixes)
        chain_hashes(link, call, ret_result);
    uint64_t serial = slot_take(link, call);
    /* What stands before an unseen history is no prefix of it. */
    take_in(link, call, serial, prefixes && !call->previous_id);
}
