/* SPDX-License-Identifier: MIT
 * What was worked out of content before. An agent sends its whole context with each call, so nearly
 * all that comes has come before: it is then looked up by a fast hash instead of being hashed with
 * BLAKE2b, counted and parsed again. Results are the same with and without.
 *
 * The fast hash is XXH3 (128 bits) under a random secret of this process. It is no cryptographic
 * one: who could make two texts collide without knowing the secret would get the one taken for the
 * other, in a recording of what they sent themselves. Nothing but hashes and counts is kept.
 */
#ifndef TP_MEMO_H
#define TP_MEMO_H

#include <stdbool.h>

#include "collector/estimator.h"
#include "common/hash.h"

/* Some 2 MB each: long texts of 16 MB, and some 16,000 blocks. */
#define TP_MEMO_STATES 4096
#define TP_MEMO_RESULTS 32768

struct tp_memo;

/* Names content and what was done with it. All zero: nothing yet. */
struct tp_memo_key {
    uint64_t low, high;
};

/* In mid-text. */
struct tp_memo_state {
    struct tp_hasher hasher;
    struct tp_estimator estimator;
};

struct tp_memo_result {
    struct tp_hash hash;
    uint64_t bytes, tokens;
    bool json;
};

/* NULL without memory. */
struct tp_memo *tp_memo_new(void);
/* NULL is fine. */
void tp_memo_free(struct tp_memo *memo);

/* Key of n bytes. */
struct tp_memo_key tp_memo_key(const struct tp_memo *memo, const void *data, size_t n);

/* False if it is not known (any more). */
bool tp_memo_find(struct tp_memo *memo, const struct tp_memo_key *key,
                  struct tp_memo_result *ret_result);
void tp_memo_keep(struct tp_memo *memo, const struct tp_memo_key *key,
                  const struct tp_memo_result *result);

/* States are borrowed, not copied: NULL if not known, else it stays until it is given back. */
const struct tp_memo_state *tp_memo_borrow(struct tp_memo *memo, const struct tp_memo_key *key);
void tp_memo_give_back(struct tp_memo *memo, const struct tp_memo_state *state);
void tp_memo_keep_state(struct tp_memo *memo, const struct tp_memo_key *key,
                        const struct tp_memo_state *state);

#endif
