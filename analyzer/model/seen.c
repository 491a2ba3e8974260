/* SPDX-License-Identifier: MIT */
#include "analyzer/model/seen.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SET_MAX ((size_t)512 << 10)

/* Open addressing over the ids' first 8 bytes, which are hash enough; 0 is an empty slot. */
struct set {
    uint64_t *slots;
    size_t count, slot_count;
};

/* Two generations: when the newer is full, the older goes. */
struct tp_seen {
    struct set newer, older;
};

struct tp_seen *tp_seen_new(void)
{
    return calloc(1, sizeof(struct tp_seen));
}

void tp_seen_free(struct tp_seen *seen)
{
    if (!seen)
        return;
    free(seen->newer.slots);
    free(seen->older.slots);
    free(seen);
}

/* Ids are hashes or random, yet hostile ones may share low bits: Fibonacci hashing takes the
 * high ones. */
static size_t slot_of(const struct set *s, uint64_t value)
{
    size_t at = (value * UINT64_C(0x9e3779b97f4a7c15)) >> 20 & (s->slot_count - 1);
    while (s->slots[at] && s->slots[at] != value)
        at = (at + 1) & (s->slot_count - 1);
    return at;
}

static bool set_has(const struct set *s, uint64_t value)
{
    return s->slot_count > 0 && s->slots[slot_of(s, value)] == value;
}

static bool set_grow(struct set *s)
{
    struct set grown = {.slot_count = s->slot_count ? s->slot_count * 2 : 1024};
    grown.slots = calloc(grown.slot_count, sizeof(*grown.slots));
    if (!grown.slots)
        return false;
    for (size_t i = 0; i < s->slot_count; i++)
        if (s->slots[i])
            grown.slots[slot_of(&grown, s->slots[i])] = s->slots[i];
    grown.count = s->count;
    free(s->slots);
    *s = grown;
    return true;
}

/* A half million ids back at least: duplicates come close together (a resent batch, a merged
 * file), so memory need not grow with the stream. */
bool tp_seen_add(struct tp_seen *seen, const struct tp_hash *id)
{
    uint64_t value;
    memcpy(&value, id->b, sizeof(value));
    value |= value == 0;
    if (set_has(&seen->newer, value) || set_has(&seen->older, value))
        return false;
    if (seen->newer.count == SET_MAX) {
        free(seen->older.slots);
        seen->older = seen->newer;
        seen->newer = (struct set){0};
    }
    if (seen->newer.count * 2 >= seen->newer.slot_count && !set_grow(&seen->newer))
        return true;
    seen->newer.slots[slot_of(&seen->newer, value)] = value;
    seen->newer.count++;
    return true;
}
