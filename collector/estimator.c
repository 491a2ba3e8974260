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

static enum kind kind_of(unsigned char c)
{
    if (c >= 'a' && c <= 'z')
        return LOWER;
    if (c >= 'A' && c <= 'Z')
        return UPPER;
    if (c >= '0' && c <= '9')
        return DIGIT;
    if (c == ' ' || c == '\t')
        return SPACE;
    if (c == '\n' || c == '\r')
        return NEWLINE;
    return c >= 0x80 ? HIGH : PUNCTUATION;
}

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

void tp_estimator_add(struct tp_estimator *e, const char *text, size_t n)
{
    const unsigned char *p = (const unsigned char *)text;
    for (size_t i = 0; i < n; i++) {
        uint8_t kind = (uint8_t)kind_of(p[i]);
        if (kind == HIGH)
            e->sixteenths += high_sixteenths(p[i]);
        if (kind == e->kind && e->run < UINT32_MAX) {
            e->run++;
            continue;
        }
        if (e->kind == UPPER && e->run == 1 && kind == LOWER) {
            e->kind = LOWER; /* a capital begins the word that it stands in */
            e->run++;
            continue;
        }
        e->sixteenths += open_run(e);
        e->kind = kind;
        e->run = 1;
    }
}

uint64_t tp_estimator_tokens(const struct tp_estimator *e)
{
    return (e->sixteenths + open_run(e) + 15) / 16;
}
