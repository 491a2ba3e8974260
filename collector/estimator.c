/* SPDX-License-Identifier: MIT */
#include "collector/estimator.h"

#include "collector/calls.h"

const char tp_estimator_name[] = "tp1";

enum kind { NOTHING, LOWER, UPPER, DIGIT, SPACE, NEWLINE, PUNCTUATION, HIGH };

/* First bytes of UTF-8 sequences, by the density that byte-pair vocabularies of 100K entries show
 * there; bytes that continue a sequence cost nothing. */
static uint32_t high_sixteenths(unsigned char c)
{
    if (c >= 0xf0)
        return 36; /* emoji, rare ideographs */
    if (c >= 0xe3 && c <= 0xed)
        return 17; /* CJK, Hangul */
    if (c >= 0xe0)
        return 16;
    return c >= 0xc0 ? 9 : 0; /* accented Latin, Greek, Cyrillic, Semitic */
}

#define KIND_ROW_16(k) k, k, k, k, k, k, k, k, k, k, k, k, k, k, k, k
#define P PUNCTUATION
static const uint8_t kind_of[128] = {
    P,
    P,
    P,
    P,
    P,
    P,
    P,
    P,
    P,
    SPACE,
    NEWLINE,
    P,
    P,
    NEWLINE,
    P,
    P, /* controls */
    KIND_ROW_16(P),
    SPACE,
    P,
    P,
    P,
    P,
    P,
    P,
    P,
    P,
    P,
    P,
    P,
    P,
    P,
    P,
    P, /* blank and ! to / */
    DIGIT,
    DIGIT,
    DIGIT,
    DIGIT,
    DIGIT,
    DIGIT,
    DIGIT,
    DIGIT,
    DIGIT,
    DIGIT,
    P,
    P,
    P,
    P,
    P,
    P,
    P,
    UPPER,
    UPPER,
    UPPER,
    UPPER,
    UPPER,
    UPPER,
    UPPER,
    UPPER,
    UPPER,
    UPPER,
    UPPER,
    UPPER,
    UPPER,
    UPPER,
    UPPER,
    UPPER,
    UPPER,
    UPPER,
    UPPER,
    UPPER,
    UPPER,
    UPPER,
    UPPER,
    UPPER,
    UPPER,
    UPPER,
    P,
    P,
    P,
    P,
    P,
    P,
    LOWER,
    LOWER,
    LOWER,
    LOWER,
    LOWER,
    LOWER,
    LOWER,
    LOWER,
    LOWER,
    LOWER,
    LOWER,
    LOWER,
    LOWER,
    LOWER,
    LOWER,
    LOWER,
    LOWER,
    LOWER,
    LOWER,
    LOWER,
    LOWER,
    LOWER,
    LOWER,
    LOWER,
    LOWER,
    LOWER,
    P,
    P,
    P,
    P,
    P,
};
#undef P

/* A word up to 8 letters is mostly one token and takes the space before it along; digits go by
 * three. */
static uint32_t run_sixteenths(uint8_t kind, uint32_t run)
{
    switch (kind) {
    case LOWER:
        return run <= 8 ? 17 : 17 + 3 * (run - 8);
    case UPPER:
        return run <= 3 ? 16 : 16 + 6 * (run - 3);
    case DIGIT:
        return 16 * ((run + 2) / 3);
    case SPACE:
        return run == 1 ? 0 : 12 + run / 8;
    case NEWLINE:
        return 14;
    case PUNCTUATION:
        return run <= 2 ? 14 : 14 + 4 * (run - 2);
    default:
        return 0;
    }
}

static uint64_t open_run(const struct tp_estimator *e)
{
    return e->run ? run_sixteenths(e->kind, e->run) : 0;
}

/* `n` more bytes of one kind. A capital begins the word that it stands in. */
static void run_add(struct tp_estimator *e, uint8_t kind, uint32_t n)
{
    if (kind == LOWER && e->kind == UPPER && e->run == 1)
        e->kind = LOWER;
    if (kind != e->kind) {
        e->sixteenths += open_run(e);
        e->kind = kind;
        e->run = 0;
    }
    e->run = n < UINT32_MAX - e->run ? e->run + n : UINT32_MAX;
}

void tp_estimator_add(struct tp_estimator *e, const char *text, size_t n)
{
    const unsigned char *p = (const unsigned char *)text, *end = p + n;
    while (p < end) {
        uint8_t kind = *p < 0x80 ? kind_of[*p] : HIGH;
        const unsigned char *from = p;
        if (kind != HIGH)
            while (p < end && *p < 0x80 && kind_of[*p] == kind)
                p++;
        else
            while (p < end && *p >= 0x80)
                e->sixteenths += high_sixteenths(*p++);
        run_add(e, kind, (uint32_t)(p - from > UINT32_MAX / 2 ? UINT32_MAX / 2 : p - from));
    }
}

uint64_t tp_estimator_tokens(const struct tp_estimator *e)
{
    return (e->sixteenths + open_run(e) + 15) / 16;
}
