/* SPDX-License-Identifier: MIT */
#include "analyzer/model/names.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define TEXT_BYTES_MAX 512
#define NAMES_MAX 1000000u

/* Compared by hash alone: 64 bits over at most a million names make a false match less likely
 * than a bad disk. */
struct name {
    uint64_t hash;
    char *text;
};

struct tp_names {
    struct name *list; /* list[0] is TP_NAME_NONE */
    uint32_t count, cap;
    uint32_t *slots; /* a power of two, at least twice `count`; 0: empty */
    uint32_t slot_count;
};

static bool resize(struct tp_names *names)
{
    uint32_t slot_count = names->slot_count ? names->slot_count * 2 : 256;
    struct name *list = realloc(names->list, slot_count / 2 * sizeof(*list));
    uint32_t *slots = calloc(slot_count, sizeof(*slots));
    if (list)
        names->list = list;
    if (!list || !slots) {
        free(slots);
        return false;
    }
    free(names->slots);
    names->slots = slots;
    names->slot_count = slot_count;
    names->cap = slot_count / 2;
    for (uint32_t i = 1; i < names->count; i++) {
        uint32_t at = (uint32_t)names->list[i].hash & (slot_count - 1);
        while (slots[at])
            at = (at + 1) & (slot_count - 1);
        slots[at] = i;
    }
    return true;
}

struct tp_names *tp_names_new(void)
{
    struct tp_names *names = calloc(1, sizeof(*names));
    if (!names || !resize(names)) {
        tp_names_free(names);
        return NULL;
    }
    names->list[0] = (struct name){0};
    names->count = 1;
    return names;
}

void tp_names_free(struct tp_names *names)
{
    if (!names)
        return;
    for (uint32_t i = 1; i < names->count; i++)
        free(names->list[i].text);
    free(names->list);
    free(names->slots);
    free(names);
}

/* Length of the UTF-8 sequence at s (RFC 3629), or 0. */
static size_t utf8_length(const unsigned char *s, size_t n)
{
    size_t length = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (s[0] > 0xf4 || length == 0 || length > n)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return length;
}

char *tp_text_clean(const char *s, size_t n)
{
    char *copy = malloc(n + 1);
    if (!copy)
        return NULL;
    for (size_t i = 0; i < n;) {
        size_t length = utf8_length((const unsigned char *)s + i, n - i);
        bool control = length == 1 && ((unsigned char)s[i] < 0x20 || s[i] == 0x7f);
        memcpy(copy + i, s + i, length ? length : 1);
        if (length == 0 || control)
            copy[i] = '?';
        i += length ? length : 1;
    }
    copy[n] = '\0';
    return copy;
}

/* Strings are cleaned once, when they come in, so that no printer has to: names come from the
 * wire. */
uint32_t tp_names_add(struct tp_names *names, const char *s, size_t n)
{
    if (n == 0)
        return TP_NAME_NONE;
    if (n > TEXT_BYTES_MAX)
        n = TEXT_BYTES_MAX;
    uint64_t hash = XXH3_64bits(s, n);
    uint32_t at = (uint32_t)hash & (names->slot_count - 1);
    for (; names->slots[at]; at = (at + 1) & (names->slot_count - 1))
        if (names->list[names->slots[at]].hash == hash)
            return names->slots[at];
    if (names->count >= NAMES_MAX || (names->count == names->cap && !resize(names)))
        return TP_NAME_NONE;
    char *text = tp_text_clean(s, n);
    if (!text)
        return TP_NAME_NONE;
    for (at = (uint32_t)hash & (names->slot_count - 1); names->slots[at];)
        at = (at + 1) & (names->slot_count - 1);
    names->list[names->count] = (struct name){hash, text};
    names->slots[at] = names->count;
    return names->count++;
}

const char *tp_names_text(const struct tp_names *names, uint32_t name)
{
    return name < names->count ? names->list[name].text : NULL;
}
