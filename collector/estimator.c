/* SPDX-License-Identifier: MIT */
#include "collector/estimator.h"

#include <string.h>

#include "collector/calls.h"

const char tp_estimator_name[] = "tp1";

#define BLOCK TP_ESTIMATOR_BLOCK

/* Weights in sixty-fourths of a token: of each byte of a class, and of each place where one begins.
 */
enum weight {
    LETTER = 5,
    WORD_BEGIN = 44,
    CAMEL_BEGIN = 22, /* a capital after a small letter */
    DIGIT = 21,
    NUMBER_BEGIN = 105,
    MARK = 10, /* punctuation and controls */
    MARKS_BEGIN = 30,
    BLANK_AGAIN = 3, /* the first blank goes with the word after it */
    LINE_BEGIN = 66,
    UTF8_LEAD_2 = 24, /* Latin with accents, Greek, Cyrillic, Semitic */
    UTF8_LEAD_3 = 44, /* CJK, Hangul, Indic */
    UTF8_LEAD_4 = 160,
};

struct counts {
    uint8_t letters, words, camels, digits, numbers, marks, mark_runs, blanks, lines, lead2, lead3,
        lead4;
};

static inline uint8_t is_small(uint8_t c)
{
    return (uint8_t)(c - 'a') < 26;
}

static inline uint8_t is_capital(uint8_t c)
{
    return (uint8_t)(c - 'A') < 26;
}

static inline uint8_t is_letter(uint8_t c)
{
    return (uint8_t)((c | 0x20) - 'a') < 26;
}

static inline uint8_t is_digit(uint8_t c)
{
    return (uint8_t)(c - '0') < 10;
}

static inline uint8_t is_blank(uint8_t c)
{
    return (c == ' ') | (c == '\t');
}

static inline uint8_t is_line_end(uint8_t c)
{
    return (c == '\n') | (c == '\r');
}

static inline uint8_t is_mark(uint8_t c)
{
    return (c < 0x80) & !(is_letter(c) | is_digit(c) | is_blank(c) | is_line_end(c));
}

/* p[-1] is the byte before the block. */
static inline void count_block(struct counts *t, const uint8_t *p, size_t n)
{
    struct counts k = {0};
    for (size_t i = 0; i < n; i++) {
        uint8_t c = p[i], before = (p - 1)[i];
        k.letters += is_letter(c);
        k.words += is_letter(c) & !is_letter(before);
        k.camels += is_capital(c) & is_small(before);
        k.digits += is_digit(c);
        k.numbers += is_digit(c) & !is_digit(before);
        k.marks += is_mark(c);
        k.mark_runs += is_mark(c) & !is_mark(before);
        k.blanks += is_blank(c) & is_blank(before);
        k.lines += is_line_end(c) & !is_line_end(before);
        k.lead2 += (c >= 0xc0) & (c < 0xe0);
        k.lead3 += (c >= 0xe0) & (c < 0xf0);
        k.lead4 += c >= 0xf0;
    }
    *t = k;
}

static uint64_t parts_of(const struct counts *k)
{
    return (uint64_t)k->letters * LETTER + k->words * WORD_BEGIN + k->camels * CAMEL_BEGIN +
           k->digits * DIGIT + k->numbers * NUMBER_BEGIN + k->marks * MARK +
           k->mark_runs * MARKS_BEGIN + k->blanks * BLANK_AGAIN + k->lines * LINE_BEGIN +
           k->lead2 * UTF8_LEAD_2 + k->lead3 * UTF8_LEAD_3 + k->lead4 * UTF8_LEAD_4;
}

void tp_estimator_add(struct tp_estimator *e, const char *text, size_t n)
{
    const uint8_t *p = (const uint8_t *)text, *end = p + n;
    struct counts k;
    size_t head = n < (size_t)(BLOCK - e->used) ? n : (size_t)(BLOCK - e->used);
    if (n == 0)
        return;
    memcpy(e->room + 1 + e->used, p, head);
    e->used = (uint8_t)(e->used + head);
    if (e->used < BLOCK)
        return;
    count_block(&k, e->room + 1, BLOCK);
    e->parts += parts_of(&k);
    for (p += head; end - p >= BLOCK; p += BLOCK) {
        count_block(&k, p, BLOCK);
        e->parts += parts_of(&k);
    }
    e->used = (uint8_t)(end - p);
    e->room[0] = p[-1];
    memcpy(e->room + 1, p, e->used);
}

uint64_t tp_estimator_tokens(const struct tp_estimator *e)
{
    struct counts k;
    count_block(&k, e->room + 1, e->used);
    return (e->parts + parts_of(&k) + 63) / 64;
}
