/* SPDX-License-Identifier: MIT */
#include "analyzer/report/rows.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "analyzer/callout.h"

enum dimension {
    BY_TASK,
    BY_SESSION,
    BY_CONVERSATION,
    BY_ROUND,
    BY_TOOL,
    BY_PART,
    BY_MODEL,
    BY_PROVIDER,
    BY_AGENT,
    BY_PROCESS,
    BY_DAY,
    BY_LABEL,
};

static const char *const words[] = {"task",  "session",  "conversation", "round",   "tool", "part",
                                    "model", "provider", "agent",        "process", "day"};

/* Keys are interned, and their numbers index the rows: adding a call costs one hash of its key. */
struct tp_rows {
    enum dimension by;
    char *label;
    struct tp_names *keys;
    uint32_t *row_of_key; /* index + 1 */
    size_t key_cap;
    struct tp_report_row *rows;
    size_t count, cap;
    size_t keyless; /* index + 1 */
};

int tp_rows_new(struct tp_rows **ret_rows, const char *by)
{
    struct tp_rows *r = calloc(1, sizeof(*r));
    if (!r)
        return -ENOMEM;
    r->by = BY_LABEL;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(by, words[i]) == 0)
            r->by = (enum dimension)i;
    if (r->by == BY_LABEL && (strncmp(by, "label:", 6) != 0 || !by[6])) {
        free(r);
        return -EINVAL;
    }
    r->label = r->by == BY_LABEL ? strdup(by + 6) : NULL;
    r->keys = tp_names_new();
    if (!r->keys || (r->by == BY_LABEL && !r->label)) {
        tp_rows_free(r);
        return -ENOMEM;
    }
    *ret_rows = r;
    return 0;
}

void tp_rows_free(struct tp_rows *rows)
{
    if (!rows)
        return;
    tp_names_free(rows->keys);
    free(rows->label);
    free(rows->row_of_key);
    free(rows->rows);
    free(rows);
}

bool tp_rows_of_pieces(const struct tp_rows *rows)
{
    return rows->by == BY_TOOL || rows->by == BY_PART;
}

/* Grows by doubling; what is not yet a row is 0. */
static bool key_slot(struct tp_rows *r, uint32_t key)
{
    if (key < r->key_cap)
        return true;
    size_t cap = r->key_cap ? r->key_cap * 2 : 64;
    while (cap <= key)
        cap *= 2;
    uint32_t *grown = realloc(r->row_of_key, cap * sizeof(*grown));
    if (!grown)
        return false;
    memset(grown + r->key_cap, 0, (cap - r->key_cap) * sizeof(*grown));
    r->row_of_key = grown;
    r->key_cap = cap;
    return true;
}

/* The sum of the row with this key (NULL or "": none), made if need be. NULL without memory. */
static struct tp_sum *row_of(struct tp_rows *r, const char *key)
{
    uint32_t name = key ? tp_names_add(r->keys, key, strlen(key)) : TP_NAME_NONE;
    if (!key_slot(r, name))
        return NULL;
    if (r->row_of_key[name])
        return &r->rows[r->row_of_key[name] - 1].sum;
    if (r->count == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 64;
        struct tp_report_row *grown = realloc(r->rows, cap * sizeof(*grown));
        if (!grown)
            return NULL;
        r->rows = grown;
        r->cap = cap;
    }
    r->rows[r->count] = (struct tp_report_row){.key = tp_names_text(r->keys, name)};
    r->row_of_key[name] = (uint32_t)++r->count;
    return &r->rows[r->count - 1].sum;
}

static const char *label_of(const struct tp_row *row, const char *label,
                            const struct tp_names *names)
{
    for (size_t i = 0; i < row->label_count; i++)
        if (strcmp(tp_names_text(names, row->labels[i].key), label) == 0)
            return tp_names_text(names, row->labels[i].value);
    return NULL;
}

static const char *process_key(const struct tp_row *row, const struct tp_names *names, char *text,
                               size_t size)
{
    const char *comm = tp_names_text(names, row->string[TP_ROW_COMM]);
    const char *machine = tp_names_text(names, row->string[TP_ROW_MACHINE]);
    if (row->pid < 0)
        return comm;
    snprintf(text, size, "%s[%" PRId64 "]%s%s", comm ? comm : "", row->pid, machine ? "@" : "",
             machine ? machine : "");
    return text;
}

/* UTC, so that the same recording gives the same report everywhere. */
static const char *day_key(const struct tp_row *row, char *text, size_t size)
{
    time_t s = (time_t)(row->start_ns / 1000000000);
    struct tm tm;
    if (row->start_ns == 0 || !gmtime_r(&s, &tm))
        return NULL;
    return strftime(text, size, "%Y-%m-%d", &tm) ? text : NULL;
}

static const char *key_of(const struct tp_rows *r, const struct tp_row *row,
                          const struct tp_names *names, char *text, size_t size)
{
    char conversation[TP_CONVERSATION_SIZE];
    tp_conversation_name(row, conversation);
    switch (r->by) {
    case BY_TASK:
        return tp_names_text(names, row->string[TP_ROW_TASK]);
    case BY_SESSION:
        return tp_names_text(names, tp_row_session(row));
    case BY_CONVERSATION:
        snprintf(text, size, "%s", conversation);
        return text;
    case BY_ROUND:
        snprintf(text, size, "%s/%" PRIu32, conversation, row->round);
        return text;
    case BY_MODEL:
        return tp_names_text(names, row->string[TP_ROW_MODEL]);
    case BY_PROVIDER:
        return tp_names_text(names, row->string[TP_ROW_PROVIDER]);
    case BY_AGENT:
        return tp_names_text(names, tp_row_agent(row));
    case BY_PROCESS:
        return process_key(row, names, text, size);
    case BY_DAY:
        return day_key(row, text, size);
    default:
        return label_of(row, r->label, names);
    }
}

static const char *piece_key(const struct tp_rows *r, const struct tp_part *p,
                             const struct tp_names *names)
{
    bool of_tool = p->kind == TP_PART_TOOL_SCHEMA || p->kind == TP_PART_TOOL_CALL ||
                   p->kind == TP_PART_TOOL_RESULT;
    if (r->by == BY_PART)
        return tp_part_kind_names[p->kind];
    return of_tool ? tp_names_text(names, p->name) : NULL;
}

/* Whether an earlier part of this side went to the same row, so that calls count once. */
static bool seen_before(const struct tp_rows *r, const struct tp_part *parts, size_t i,
                        const char *key, const struct tp_names *names)
{
    for (size_t k = 0; k < i; k++) {
        const char *other = piece_key(r, &parts[k], names);
        if (other == key)
            return true;
    }
    return false;
}

static int add_side(struct tp_rows *r, const struct tp_row *row, const struct tp_names *names,
                    bool output, struct tp_sum *placed)
{
    const struct tp_part *parts = output ? row->output_parts : row->parts;
    size_t n = output ? row->output_part_count : row->part_count;
    for (size_t i = 0; i < n; i++) {
        const char *key = piece_key(r, &parts[i], names);
        struct tp_sum *sum = key ? row_of(r, key) : NULL;
        if (!key)
            continue;
        if (!sum)
            return -ENOMEM;
        tp_sum_add_part(sum, row, &parts[i], output);
        tp_sum_add_part(placed, row, &parts[i], output);
        sum->in_calls += !output && !seen_before(r, parts, i, key, names);
    }
    return 0;
}

/* What no piece took stands in the row without key, so that the rows still sum to the totals. */
static int add_pieces(struct tp_rows *r, const struct tp_row *row, const struct tp_names *names)
{
    struct tp_sum placed = {0};
    int e = add_side(r, row, names, false, &placed);
    if (e == 0)
        e = add_side(r, row, names, true, &placed);
    for (size_t i = 0; e == 0 && r->by == BY_TOOL && i < row->tool_count; i++) {
        struct tp_sum *sum = row_of(r, tp_names_text(names, row->tools[i].name));
        if (!sum)
            return -ENOMEM;
        tp_sum_add_tool(sum, &row->tools[i]);
    }
    struct tp_sum *rest = e == 0 ? row_of(r, NULL) : NULL;
    if (!rest)
        return -ENOMEM;
    tp_sum_add_call(rest, row, names);
    tp_sum_subtract(rest, &placed);
    return 0;
}

int tp_rows_add(struct tp_rows *rows, const struct tp_row *row, const struct tp_names *names)
{
    char text[640];
    if (tp_rows_of_pieces(rows))
        return add_pieces(rows, row, names);
    struct tp_sum *sum = row_of(rows, key_of(rows, row, names, text, sizeof(text)));
    if (!sum)
        return -ENOMEM;
    tp_sum_add_call(sum, row, names);
    return 0;
}

int tp_rows_add_lost(struct tp_rows *rows, uint64_t bytes)
{
    struct tp_sum *sum = row_of(rows, NULL);
    if (!sum)
        return -ENOMEM;
    if (__builtin_add_overflow(sum->lost_bytes, bytes, &sum->lost_bytes))
        sum->lost_bytes = UINT64_MAX;
    return 0;
}

static int compare_numbers(uint64_t a, uint64_t b)
{
    return a < b ? 1 : a > b ? -1 : 0;
}

/* By cost, then by tokens: where no price is known, the row that carries most still comes first.
 * The key settles the rest, so that equal reports are equal byte by byte. */
static int dearest_first(const void *a, const void *b)
{
    const struct tp_report_row *x = a, *y = b;
    if (!x->key != !y->key)
        return x->key ? -1 : 1;
    int c = compare_numbers(x->sum.cost_nano, y->sum.cost_nano);
    if (c == 0)
        c = compare_numbers(x->sum.tokens[TP_USAGE_INPUT], y->sum.tokens[TP_USAGE_INPUT]);
    if (c == 0)
        c = compare_numbers(x->sum.tokens[TP_USAGE_OUTPUT], y->sum.tokens[TP_USAGE_OUTPUT]);
    return c || !x->key ? c : strcmp(x->key, y->key);
}

static int in_order(const void *a, const void *b)
{
    const struct tp_report_row *x = a, *y = b;
    if (!x->key || !y->key)
        return !x->key - !y->key;
    return strverscmp(x->key, y->key);
}

const struct tp_report_row *tp_rows_sorted(struct tp_rows *rows, size_t *ret_count)
{
    bool ordered = rows->by == BY_DAY || rows->by == BY_ROUND;
    if (rows->count > 0)
        qsort(rows->rows, rows->count, sizeof(*rows->rows), ordered ? in_order : dearest_first);
    for (size_t i = 0; i < rows->count; i++) {
        uint32_t name = rows->rows[i].key
                            ? tp_names_add(rows->keys, rows->rows[i].key, strlen(rows->rows[i].key))
                            : TP_NAME_NONE;
        rows->row_of_key[name] = (uint32_t)i + 1;
    }
    *ret_count = rows->count;
    return rows->rows;
}
