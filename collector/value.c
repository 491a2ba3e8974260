/* SPDX-License-Identifier: MIT */
#include "collector/value.h"

#include <stdlib.h>
#include <string.h>

/* A note: a byte that says what, and for what has text its length and the text. */
#define NOTE_KEY 0x40u
#define NOTE_CUT 0x80u /* of a number: there was more */
#define LENGTH_BYTES sizeof(uint32_t)

struct tp_value {
    const struct tp_blocks_options *options;
    const char *const *without;
    struct tp_buf notes, *text;
    size_t string_at; /* where the length of the string that is open will stand; 0: none is */
    size_t begin;     /* of the notes: before it stands how the value is read */
    bool object, failed;
    struct tp_canon *canon; /* at work; NULL: still noting */
    struct tp_measure measure;
};

static bool note_text(struct tp_buf *notes, uint8_t what, const char *s, uint32_t n)
{
    return tp_buf_add(notes, &what, 1) == 0 && tp_buf_add(notes, &n, LENGTH_BYTES) == 0 &&
           tp_buf_add(notes, s, n) == 0;
}

/* A string's length is filled in when it ends. */
static bool note_string(struct tp_value *value, const struct tp_json_event *e)
{
    struct tp_buf *notes = &value->notes;
    if (e->first) {
        if (!note_text(notes, TP_JSON_STRING, e->data, (uint32_t)e->len))
            return false;
        value->string_at = notes->len - e->len - LENGTH_BYTES;
    } else if (tp_buf_add(notes, e->data, e->len)) {
        return false;
    }
    uint32_t n = (uint32_t)(notes->len - value->string_at - LENGTH_BYTES);
    memcpy(notes->data + value->string_at, &n, LENGTH_BYTES);
    if (e->last)
        value->string_at = 0;
    return true;
}

static bool note(struct tp_value *value, const struct tp_json_event *e)
{
    uint8_t what = (uint8_t)e->type;
    if (e->type == TP_JSON_STRING)
        return note_string(value, e);
    if (e->type != TP_JSON_NUMBER)
        return tp_buf_add(&value->notes, &what, 1) == 0;
    return note_text(&value->notes, (uint8_t)(what | (e->last ? 0 : NOTE_CUT)), e->data,
                     (uint32_t)e->len);
}

/* Tells the canon what a note says; returns where the next one stands. */
static const uint8_t *read_note(struct tp_value *value, const uint8_t *p)
{
    struct tp_json_event e = {.first = true, .last = true};
    uint8_t what = *p++;
    uint32_t n = 0;
    e.type = (enum tp_json_type)(what & ~(NOTE_KEY | NOTE_CUT));
    if (what == NOTE_KEY || e.type == TP_JSON_STRING || e.type == TP_JSON_NUMBER) {
        memcpy(&n, p, LENGTH_BYTES);
        e.last = !(what & NOTE_CUT) && (size_t)(p - value->notes.data) != value->string_at;
        p += LENGTH_BYTES;
        e.data = (const char *)p;
        e.len = n;
    }
    if (what == NOTE_KEY)
        tp_canon_key(value->canon, e.data, n);
    else
        tp_canon_value(value->canon, &e);
    return p + n;
}

/* From here on the value is worked out: what was noted first. */
static void work(struct tp_value *value)
{
    value->canon =
        tp_canon_new(value->options->key, value->without, &value->measure, value->object);
    value->failed = !value->canon;
    if (value->failed || !value->notes.len)
        return;
    const uint8_t *p = value->notes.data + value->begin;
    const uint8_t *end = value->notes.data + value->notes.len;
    while (p < end)
        p = read_note(value, p);
}

/* How the value is read belongs to what is looked up. */
static bool note_how(struct tp_value *value)
{
    static const char how[2][2] = {"v", "o"};
    bool fine = tp_buf_add(&value->notes, how[value->object], 2) == 0;
    for (const char *const *w = value->without; fine && w && *w; w++)
        fine = tp_buf_add(&value->notes, *w, strlen(*w) + 1) == 0;
    value->begin = value->notes.len;
    return fine;
}

struct tp_value *tp_value_new(const struct tp_blocks_options *options, const char *const *without,
                              bool object, struct tp_buf *text)
{
    struct tp_value *value = calloc(1, sizeof(*value));
    if (!value)
        return NULL;
    value->options = options;
    value->without = without;
    value->object = object;
    value->measure.text = options->content ? text : NULL;
    tp_buf_init(&value->notes, TP_VALUE_NOTED_MAX);
    if (!options->memo || options->content)
        work(value);
    else
        value->failed = !note_how(value);
    if (!value->failed)
        return value;
    tp_value_free(value);
    return NULL;
}

void tp_value_free(struct tp_value *value)
{
    if (!value)
        return;
    tp_canon_free(value->canon);
    tp_buf_done(&value->notes);
    free(value);
}

/* What found no room leaves no half note behind. */
static void overflow(struct tp_value *value, size_t len)
{
    value->notes.len = len;
    work(value);
    tp_buf_done(&value->notes);
}

void tp_value_event(void *cx, const struct tp_json_event *event)
{
    struct tp_value *value = cx;
    size_t len = value->notes.len;
    if (!value->canon && !value->failed && !note(value, event))
        overflow(value, len);
    else if (!value->canon)
        return;
    if (value->canon)
        tp_canon_value(value->canon, event);
}

void tp_value_key(void *cx, const char *key, size_t n)
{
    struct tp_value *value = cx;
    size_t len = value->notes.len;
    if (!value->canon && !value->failed && !note_text(&value->notes, NOTE_KEY, key, (uint32_t)n))
        overflow(value, len);
    else if (!value->canon)
        return;
    if (value->canon)
        tp_canon_key(value->canon, key, n);
}

bool tp_value_end(struct tp_value *value, struct tp_memo_result *ret_result)
{
    struct tp_memo_key key = {0};
    struct tp_memo *memo = value->canon ? NULL : value->options->memo;
    if (memo && !value->failed) {
        key = tp_memo_key(memo, value->notes.data, value->notes.len);
        if (tp_memo_find(memo, &key, ret_result))
            return true;
        work(value);
    }
    if (value->failed || !tp_canon_whole(value->canon))
        return false;
    *ret_result = (struct tp_memo_result){.hash = tp_canon_end(value->canon), .json = true};
    ret_result->bytes = value->measure.bytes;
    ret_result->tokens = tp_estimator_tokens(&value->measure.estimator);
    if (memo)
        tp_memo_keep(memo, &key, ret_result);
    return true;
}
