/* SPDX-License-Identifier: MIT */
#include "collector/memo.h"

#include <stdlib.h>
#include <string.h>

#include "collector/fasthash.h"

#define WAYS 4 /* places that one key may stand in */
#define LINE 64
#define SECRET_BYTES 192

/* Which of the places was used when; the oldest makes room. */
struct place {
    struct tp_memo_key key;
    uint32_t used, borrowed;
};

/* One cache line: a look-up should cost no more than one that is not there. */
struct result {
    _Alignas(LINE) struct place place;
    uint32_t bytes, tokens;
    struct tp_hash hash;
    bool json;
};

_Static_assert(sizeof(struct result) == LINE, "a result is one cache line");

struct tp_memo {
    struct result results[TP_MEMO_RESULTS];
    struct place places[TP_MEMO_STATES]; /* of states */
    uint8_t secret[SECRET_BYTES];
    uint32_t clock;
    struct tp_memo_state states[TP_MEMO_STATES];
};

/* States are fresh pages: those that are never used take no memory. */
struct tp_memo *tp_memo_new(void)
{
    size_t align = _Alignof(struct tp_memo);
    struct tp_memo *memo = aligned_alloc(align, (sizeof(*memo) + align - 1) / align * align);
    if (!memo)
        return NULL;
    memset(memo, 0, offsetof(struct tp_memo, states));
    randombytes_buf(memo->secret, sizeof(memo->secret));
    return memo;
}

void tp_memo_free(struct tp_memo *memo)
{
    free(memo);
}

struct tp_memo_key tp_memo_key(const struct tp_memo *memo, const void *data, size_t n)
{
    XXH128_hash_t h = XXH3_128bits_withSecret(data, n, memo->secret, sizeof(memo->secret));
    return (struct tp_memo_key){h.low64, h.high64};
}

static bool same(const struct tp_memo_key *a, const struct tp_memo_key *b)
{
    return a->low == b->low && a->high == b->high;
}

static bool is_free(const struct tp_memo_key *key)
{
    return (key->low | key->high) == 0;
}

/* The place of a key among WAYS of them, which stand `stride` bytes apart; NULL if not there. */
static struct place *find(struct tp_memo *memo, struct place *first, size_t stride,
                          const struct tp_memo_key *key)
{
    for (size_t i = 0; i < WAYS && !is_free(key); i++) {
        struct place *place = (void *)((char *)first + i * stride);
        if (!same(&place->key, key))
            continue;
        place->used = ++memo->clock;
        return place;
    }
    return NULL;
}

/* A free place, else the one that was not used for the longest; NULL if the key is there already,
 * or all are borrowed. */
static struct place *make_place(struct tp_memo *memo, struct place *first, size_t stride,
                                const struct tp_memo_key *key)
{
    struct place *best = NULL;
    uint32_t best_age = 0;
    if (is_free(key) || find(memo, first, stride, key))
        return NULL;
    for (size_t i = 0; i < WAYS; i++) {
        struct place *place = (void *)((char *)first + i * stride);
        uint32_t age = is_free(&place->key) ? UINT32_MAX : memo->clock - place->used;
        if (!place->borrowed && (!best || age > best_age)) {
            best = place;
            best_age = age;
        }
    }
    if (!best)
        return NULL;
    best->key = *key;
    best->used = ++memo->clock;
    return best;
}

static struct place *results_of(struct tp_memo *memo, const struct tp_memo_key *key)
{
    return &memo->results[key->low % (TP_MEMO_RESULTS / WAYS) * WAYS].place;
}

static struct place *states_of(struct tp_memo *memo, const struct tp_memo_key *key)
{
    return &memo->places[key->low % (TP_MEMO_STATES / WAYS) * WAYS];
}

bool tp_memo_find(struct tp_memo *memo, const struct tp_memo_key *key,
                  struct tp_memo_result *ret_result)
{
    struct place *place = find(memo, results_of(memo, key), sizeof(struct result), key);
    if (!place)
        return false;
    const struct result *r = (const void *)place;
    *ret_result = (struct tp_memo_result){
        .hash = r->hash, .bytes = r->bytes, .tokens = r->tokens, .json = r->json};
    return true;
}

/* What does not fit the line is not kept: blocks of 4 GiB. */
void tp_memo_keep(struct tp_memo *memo, const struct tp_memo_key *key,
                  const struct tp_memo_result *result)
{
    if (result->bytes > UINT32_MAX || result->tokens > UINT32_MAX)
        return;
    struct place *place = make_place(memo, results_of(memo, key), sizeof(struct result), key);
    if (!place)
        return;
    struct result *r = (void *)place;
    r->hash = result->hash;
    r->bytes = (uint32_t)result->bytes;
    r->tokens = (uint32_t)result->tokens;
    r->json = result->json;
}

const struct tp_memo_state *tp_memo_borrow(struct tp_memo *memo, const struct tp_memo_key *key)
{
    struct place *place = find(memo, states_of(memo, key), sizeof(struct place), key);
    if (!place)
        return NULL;
    place->borrowed++;
    return &memo->states[place - memo->places];
}

void tp_memo_give_back(struct tp_memo *memo, const struct tp_memo_state *state)
{
    memo->places[state - memo->states].borrowed--;
}

void tp_memo_keep_state(struct tp_memo *memo, const struct tp_memo_key *key,
                        const struct tp_memo_state *state)
{
    struct place *place = make_place(memo, states_of(memo, key), sizeof(struct place), key);
    if (place)
        memo->states[place - memo->places] = *state;
}
