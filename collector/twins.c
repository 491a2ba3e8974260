/* SPDX-License-Identifier: MIT */
#include "collector/twins.h"

/* Two CPUs' records of one moment: the server's read may be told a little before the client's
 * write. */
#define SLACK_NS 5000000u

uint64_t tp_twins_client_begin(struct tp_twins *t, const struct tp_hash *key, uint64_t start_ns)
{
    size_t at = t->count % TP_TWINS_MAX;
    t->client[at].key = *key;
    t->client[at].start_ns = start_ns;
    t->client[at].end_ns = 0;
    t->client[at].taken = false;
    return t->count++;
}

void tp_twins_client_end(struct tp_twins *t, uint64_t ticket, uint64_t end_ns)
{
    if (t->count - ticket <= TP_TWINS_MAX)
        t->client[ticket % TP_TWINS_MAX].end_ns = end_ns;
}

static bool fits(const struct tp_twins *t, size_t at, const struct tp_hash *key, uint64_t start_ns)
{
    return !t->client[at].taken && tp_hash_equal(&t->client[at].key, key) &&
           t->client[at].start_ns <= start_ns + SLACK_NS &&
           (!t->client[at].end_ns || t->client[at].end_ns + SLACK_NS >= start_ns);
}

/* The latest that fits: an earlier one fits what began earlier as well, so that of equal requests
 * each finds an end. */
bool tp_twins_take(struct tp_twins *t, const struct tp_hash *key, uint64_t start_ns)
{
    uint64_t first = t->count > TP_TWINS_MAX ? t->count - TP_TWINS_MAX : 0;
    size_t best = TP_TWINS_MAX;
    for (uint64_t i = first; i < t->count; i++) {
        size_t at = i % TP_TWINS_MAX;
        bool later = best == TP_TWINS_MAX || t->client[at].start_ns > t->client[best].start_ns;
        if (later && fits(t, at, key, start_ns))
            best = at;
    }
    if (best == TP_TWINS_MAX)
        return false;
    t->client[best].taken = true;
    return true;
}
