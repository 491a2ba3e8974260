/* SPDX-License-Identifier: MIT */
#include "common/json_run.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define STEP 16
#define BLOCK 64

const char tp_json_escapes[256] = {['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                   ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};

#ifdef __SSE2__
struct run {
    const char *p;
    char *out;
};

/* A bit for each byte that a string does not simply contain: quote, backslash, control. */
static inline uint64_t specials(const char *p)
{
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i hit =
        _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(hit, control));
}

static inline uint64_t specials_of_block(const char *p)
{
    return specials(p) | specials(p + STEP) << STEP | specials(p + 2 * STEP) << 2 * STEP |
           specials(p + 3 * STEP) << 3 * STEP;
}

/* The escape at s, or 0 if none stands there that is short. */
static inline char escape_at(const char *s)
{
    return *s == '\\' ? tp_json_escapes[(unsigned char)s[1]] : '\0';
}

/* One block: finds all its special bytes at once, since a branch at each would be guessed wrong
 * about as often as not. Copies by whole blocks, whatever the length, for the same reason: so 2 *
 * BLOCK + 1 bytes must be readable. False: stopped before the block's end. */
static inline bool run_block(struct run *r)
{
    const char *next = r->p + BLOCK, *from = r->p;
    uint64_t mask = specials_of_block(r->p);
    while (mask) {
        unsigned i = (unsigned)__builtin_ctzll(mask);
        const char *s = r->p + i;
        char plain = escape_at(s);
        memcpy(r->out, from, BLOCK);
        r->out += s - from;
        from = s;
        if (!plain)
            break;
        *r->out++ = plain;
        from += 2;
        mask &= ~(3ull << i); /* the escaped byte is no other beginning */
    }
    if (!mask && from < next) {
        memcpy(r->out, from, BLOCK);
        r->out += next - from;
        from = next;
    }
    r->p = from;
    return mask == 0;
}

/* The same by smaller steps, for what is short or near the end. */
static inline bool run_step(struct run *r)
{
    uint64_t mask = specials(r->p);
    unsigned n = mask ? (unsigned)__builtin_ctzll(mask) : STEP;
    char plain = '\0';
    memcpy(r->out, r->p, STEP);
    r->p += n;
    r->out += n;
    if (!mask)
        return true;
    plain = escape_at(r->p);
    if (!plain)
        return false;
    *r->out++ = plain;
    r->p += 2;
    return true;
}

size_t tp_json_run(const char **at, const char *end, char *out, size_t room)
{
    struct run r = {*at, out};
    const char *last = out + room - TP_JSON_RUN_ROOM;
    bool going = room >= TP_JSON_RUN_ROOM;
    while (going && end - r.p > 2 * BLOCK + 1 && r.out <= last)
        going = run_block(&r);
    while (going && end - r.p > STEP && r.out <= last)
        going = run_step(&r);
    *at = r.p;
    return (size_t)(r.out - out);
}
#else
size_t tp_json_run(const char **at, const char *end, char *out, size_t room)
{
    const char *p = *at;
    size_t n = 0;
    for (; p < end && n + TP_JSON_RUN_ROOM <= room; p++) {
        if (*p == '"' || *p == '\\' || (unsigned char)*p <= 0x1f)
            break;
        out[n++] = *p;
    }
    *at = p;
    return n;
}
#endif
