/* SPDX-License-Identifier: MIT */
#include "collector/canon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What closes each value in the hashed bytes; a length follows strings and numbers. */
enum tag { TAG_STRING = 's', TAG_NUMBER = 'n', TAG_OBJECT = 'o', TAG_ARRAY = 'a', TAG_KEY = 'k' };

struct level {
    struct tp_hasher hasher; /* the open member of an object, or all items of an array */
    uint64_t sum[2];         /* of members' hashes, as one 128-bit number */
    uint64_t count;
    bool object;
};

struct tp_canon {
    struct level levels[TP_CANON_DEPTH_MAX + 1]; /* [0] holds the value itself */
    const struct tp_hash_key *key;
    const char *const *without;
    struct tp_measure *measure;
    unsigned depth;
    unsigned first;    /* depth at which `without` applies */
    size_t deep;       /* open containers past the ceiling */
    size_t skip_depth; /* open containers of the member that is left out */
    bool skip, comma, whole, empty;
    uint64_t string_len;
};

void tp_measure_add(struct tp_measure *m, const char *text, size_t n)
{
    if (!m)
        return;
    m->bytes += n;
    tp_estimator_add(&m->estimator, text, n);
    if (m->text)
        (void)tp_buf_add(m->text, text, n);
}

static void level_begin(struct tp_canon *canon, bool object)
{
    struct level *l = &canon->levels[canon->depth];
    l->object = object;
    l->sum[0] = l->sum[1] = l->count = 0;
    tp_hasher_init(&l->hasher, canon->key);
}

struct tp_canon *tp_canon_new(const struct tp_hash_key *key, const char *const *without,
                              struct tp_measure *measure, bool object)
{
    size_t align = _Alignof(struct tp_canon);
    struct tp_canon *canon = aligned_alloc(align, (sizeof(*canon) + align - 1) / align * align);
    if (!canon)
        return NULL;
    memset((char *)canon + offsetof(struct tp_canon, key), 0,
           sizeof(*canon) - offsetof(struct tp_canon, key));
    canon->key = key;
    canon->without = without;
    canon->measure = measure;
    canon->first = 1;
    level_begin(canon, object);
    if (object) {
        canon->first = 0;
        tp_measure_add(measure, "{", 1);
    }
    return canon;
}

void tp_canon_free(struct tp_canon *canon)
{
    free(canon);
}

static void hash_length(struct tp_hasher *h, enum tag tag, uint64_t n)
{
    uint8_t bytes[9] = {(uint8_t)tag};
    for (int i = 0; i < 8; i++)
        bytes[1 + i] = (uint8_t)(n >> (8 * i));
    tp_hasher_add(h, bytes, sizeof(bytes));
}

static void sum_add(uint64_t sum[2], const struct tp_hash *h)
{
    uint64_t low, high;
    memcpy(&low, h->b, 8);
    memcpy(&high, h->b + 8, 8);
    sum[0] += low;
    sum[1] += high + (sum[0] < low);
}

/* A value has ended inside level `depth`. */
static void item_ended(struct tp_canon *canon)
{
    struct level *l = &canon->levels[canon->depth];
    canon->comma = true;
    if (canon->depth == 0)
        canon->whole = true;
    if (canon->deep)
        return;
    l->count++;
    if (!l->object)
        return;
    struct tp_hash h = tp_hasher_end(&l->hasher);
    sum_add(l->sum, &h);
}

static void comma(struct tp_canon *canon)
{
    if (canon->comma)
        tp_measure_add(canon->measure, ",", 1);
    canon->comma = false;
}

/* 1.0, 1e0 and 1 are one number; others keep the way they are written, as their exact value would
 * need more than a double. */
static size_t plain_number(const char *text, size_t n, char out[32])
{
    char copy[48];
    if (n >= sizeof(copy) ||
        (!memchr(text, '.', n) && !memchr(text, 'e', n) && !memchr(text, 'E', n)))
        return 0;
    memcpy(copy, text, n);
    copy[n] = '\0';
    double d = strtod(copy, NULL);
    if (!(d >= -9007199254740992.0 && d <= 9007199254740992.0) || (double)(int64_t)d != d)
        return 0;
    return (size_t)snprintf(out, 32, "%lld", (long long)d);
}

static void number(struct tp_canon *canon, const struct tp_json_event *e)
{
    char plain[32];
    const char *text = e->data;
    size_t n = plain_number(e->data, e->len, plain);
    if (n)
        text = plain;
    else
        n = e->len;
    tp_hasher_add(&canon->levels[canon->depth].hasher, text, n);
    hash_length(&canon->levels[canon->depth].hasher, TAG_NUMBER, n);
    tp_measure_add(canon->measure, text, n);
    item_ended(canon);
}

static void string(struct tp_canon *canon, const struct tp_json_event *e)
{
    struct tp_hasher *h = &canon->levels[canon->depth].hasher;
    if (e->first) {
        canon->string_len = 0;
        tp_measure_add(canon->measure, "\"", 1);
    }
    canon->string_len += e->len;
    tp_hasher_add(h, e->data, e->len);
    tp_measure_add(canon->measure, e->data, e->len);
    if (!e->last)
        return;
    hash_length(h, TAG_STRING, canon->string_len);
    tp_measure_add(canon->measure, "\"", 1);
    item_ended(canon);
}

static void word(struct tp_canon *canon, const char *text)
{
    tp_hasher_add(&canon->levels[canon->depth].hasher, text, 1);
    tp_measure_add(canon->measure, text, strlen(text));
    item_ended(canon);
}

static void begin(struct tp_canon *canon, bool object)
{
    tp_measure_add(canon->measure, object ? "{" : "[", 1);
    if (canon->depth == TP_CANON_DEPTH_MAX || canon->deep) {
        tp_hasher_add(&canon->levels[canon->depth].hasher, object ? "{" : "[", 1);
        canon->deep++;
        return;
    }
    canon->depth++;
    level_begin(canon, object);
}

static struct tp_hash level_hash(struct tp_canon *canon)
{
    struct level *l = &canon->levels[canon->depth];
    if (!l->object)
        return tp_hasher_end(&l->hasher);
    struct tp_hasher h;
    tp_hasher_init(&h, canon->key);
    tp_hasher_add(&h, l->sum, sizeof(l->sum));
    hash_length(&h, TAG_OBJECT, l->count);
    return tp_hasher_end(&h);
}

static void end(struct tp_canon *canon, bool object)
{
    tp_measure_add(canon->measure, object ? "}" : "]", 1);
    if (canon->deep) {
        tp_hasher_add(&canon->levels[canon->depth].hasher, object ? "}" : "]", 1);
        canon->deep--;
        canon->comma = true;
        if (canon->deep == 0)
            item_ended(canon);
        return;
    }
    if (canon->depth == 0)
        return;
    if (canon->depth == 1)
        canon->empty = canon->levels[1].count == 0;
    struct tp_hash h = level_hash(canon);
    canon->depth--;
    tp_hasher_add(&canon->levels[canon->depth].hasher, h.b, sizeof(h.b));
    hash_length(&canon->levels[canon->depth].hasher, object ? TAG_OBJECT : TAG_ARRAY, 0);
    item_ended(canon);
}

/* Follows a member that is left out to its end. */
static void skip_value(struct tp_canon *canon, const struct tp_json_event *e)
{
    if (e->type == TP_JSON_OBJECT_BEGIN || e->type == TP_JSON_ARRAY_BEGIN)
        canon->skip_depth++;
    else if (e->type == TP_JSON_OBJECT_END || e->type == TP_JSON_ARRAY_END)
        canon->skip_depth--;
    if (canon->skip_depth == 0 && e->last)
        canon->skip = false;
}

void tp_canon_value(void *cx, const struct tp_json_event *e)
{
    struct tp_canon *canon = cx;
    bool ends = e->type == TP_JSON_OBJECT_END || e->type == TP_JSON_ARRAY_END;
    if (canon->skip) {
        skip_value(canon, e);
        return;
    }
    if (e->first && !ends)
        comma(canon);
    if (e->type == TP_JSON_OBJECT_BEGIN || e->type == TP_JSON_ARRAY_BEGIN)
        begin(canon, e->type == TP_JSON_OBJECT_BEGIN);
    else if (ends)
        end(canon, e->type == TP_JSON_OBJECT_END);
    else if (e->type == TP_JSON_STRING)
        string(canon, e);
    else if (e->type == TP_JSON_NUMBER)
        number(canon, e);
    else
        word(canon, e->type == TP_JSON_TRUE ? "true" : e->type == TP_JSON_FALSE ? "false" : "null");
    if (e->type == TP_JSON_OBJECT_BEGIN || e->type == TP_JSON_ARRAY_BEGIN)
        canon->comma = false;
}

static bool left_out(const struct tp_canon *canon, const char *key, size_t n)
{
    if (!canon->without || canon->depth != canon->first || canon->deep)
        return false;
    for (const char *const *w = canon->without; *w; w++)
        if (strlen(*w) == n && memcmp(*w, key, n) == 0)
            return true;
    return false;
}

void tp_canon_key(void *cx, const char *key, size_t n)
{
    struct tp_canon *canon = cx;
    if (canon->skip)
        return;
    if (left_out(canon, key, n)) {
        canon->skip = true;
        canon->skip_depth = 0;
        return;
    }
    struct level *l = &canon->levels[canon->depth];
    comma(canon);
    tp_measure_add(canon->measure, "\"", 1);
    tp_measure_add(canon->measure, key, n);
    tp_measure_add(canon->measure, "\":", 2);
    if (l->object && !canon->deep)
        tp_hasher_init(&l->hasher, canon->key);
    tp_hasher_add(&l->hasher, key, n);
    hash_length(&l->hasher, TAG_KEY, n);
}

bool tp_canon_whole(const struct tp_canon *canon)
{
    return canon->whole && canon->depth == 0 && canon->deep == 0;
}

bool tp_canon_empty(const struct tp_canon *canon)
{
    return canon->empty;
}

struct tp_hash tp_canon_end(struct tp_canon *canon)
{
    canon->depth = 0;
    if (canon->levels[0].object)
        tp_measure_add(canon->measure, "}", 1);
    return level_hash(canon);
}

struct tp_hash tp_canon_empty_object(const struct tp_hash_key *key)
{
    struct tp_canon *canon = tp_canon_new(key, NULL, NULL, false);
    if (!canon)
        return (struct tp_hash){{0}};
    struct tp_json_event e = {.type = TP_JSON_OBJECT_BEGIN, .first = true, .last = true};
    tp_canon_value(canon, &e);
    e.type = TP_JSON_OBJECT_END;
    tp_canon_value(canon, &e);
    struct tp_hash h = tp_canon_end(canon);
    tp_canon_free(canon);
    return h;
}
