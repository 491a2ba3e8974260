/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/callout.h"
#include "analyzer/command.h"
#include "analyzer/input.h"
#include "analyzer/report/sums.h"
#include "common/log.h"

/* The tree has to hold its calls to group them; past this it says so instead of growing. */
#define TREE_CALLS_MAX 1000000u

struct leaf {
    struct tp_row *row;
    uint64_t task_order, conversation_order; /* when the group's first call started */
};

struct tree {
    struct tp_analysis analysis;
    struct leaf *leaves;
    size_t count, cap;
    uint64_t dropped;
    bool out_of_memory;
};

static void on_call(void *cx, const struct tp_row *row)
{
    struct tree *t = cx;
    if (t->count == TREE_CALLS_MAX) {
        t->dropped++;
        return;
    }
    if (t->count == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 64;
        struct leaf *grown = realloc(t->leaves, cap * sizeof(*grown));
        if (!grown) {
            t->out_of_memory = true;
            return;
        }
        t->leaves = grown;
        t->cap = cap;
    }
    t->leaves[t->count++] = (struct leaf){.row = tp_row_ref((struct tp_row *)row)};
}

static int compare_u64(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b ? 1 : 0;
}

/* Groups what belongs together; the order of the groups comes after. */
static int by_conversation(const void *a, const void *b)
{
    const struct tp_row *x = ((const struct leaf *)a)->row, *y = ((const struct leaf *)b)->row;
    int c = compare_u64(x->string[TP_ROW_TASK], y->string[TP_ROW_TASK]);
    if (c == 0)
        c = memcmp(&x->conversation, &y->conversation, sizeof(x->conversation));
    if (c == 0)
        c = compare_u64(x->round, y->round);
    return c ? c : compare_u64(x->start_ns, y->start_ns);
}

/* By when each group began. Ties are broken by what the groups are, else two that began together
 * would interleave. */
static int by_order(const void *a, const void *b)
{
    const struct leaf *x = a, *y = b;
    int c = compare_u64(x->task_order, y->task_order);
    if (c == 0)
        c = compare_u64(x->row->string[TP_ROW_TASK], y->row->string[TP_ROW_TASK]);
    if (c == 0)
        c = compare_u64(x->conversation_order, y->conversation_order);
    return c ? c : by_conversation(a, b);
}

/* Each level is the same test as the level above and one more: a conversation that goes on in a
 * second task is shown in both. */
static bool same_task(const struct leaf *a, const struct leaf *b)
{
    return a->row->string[TP_ROW_TASK] == b->row->string[TP_ROW_TASK];
}

static bool same_conversation(const struct leaf *a, const struct leaf *b)
{
    return same_task(a, b) && tp_hash_equal(&a->row->conversation, &b->row->conversation);
}

static bool same_round(const struct leaf *a, const struct leaf *b)
{
    return same_conversation(a, b) && a->row->round == b->row->round;
}

typedef bool same_group(const struct leaf *, const struct leaf *);

/* End of the group that starts at i. */
static size_t group_end(const struct tree *t, size_t i, same_group *same)
{
    size_t end = i + 1;
    while (end < t->count && same(&t->leaves[i], &t->leaves[end]))
        end++;
    return end;
}

/* Tasks and conversations in the order of their first calls, rounds by number. */
static void sort_leaves(struct tree *t)
{
    if (t->count == 0)
        return;
    qsort(t->leaves, t->count, sizeof(*t->leaves), by_conversation);
    for (int level = 0; level < 2; level++)
        for (size_t i = 0, end; i < t->count; i = end) {
            uint64_t first = UINT64_MAX;
            end = group_end(t, i, level == 0 ? same_task : same_conversation);
            for (size_t k = i; k < end; k++)
                if (t->leaves[k].row->start_ns < first)
                    first = t->leaves[k].row->start_ns;
            for (size_t k = i; k < end; k++)
                *(level == 0 ? &t->leaves[k].task_order : &t->leaves[k].conversation_order) = first;
        }
    qsort(t->leaves, t->count, sizeof(*t->leaves), by_order);
}

static struct tp_sum sum_of(const struct tree *t, size_t from, size_t to)
{
    struct tp_sum sum = {0};
    for (size_t i = from; i < to; i++)
        tp_sum_add_call(&sum, t->leaves[i].row, t->analysis.names);
    return sum;
}

/* ---- For people ---- */

static void print_sum(const struct tp_sum *s)
{
    char in[40], cached[40], out[40], cost[40];
    int64_t input = tp_sum_tokens(s, TP_USAGE_INPUT), output = tp_sum_tokens(s, TP_USAGE_OUTPUT);
    int64_t read = tp_sum_tokens(s, TP_USAGE_CACHE_READ);
    tp_format_count(input, in, sizeof(in));
    tp_format_count(read, cached, sizeof(cached));
    tp_format_count(output, out, sizeof(out));
    tp_format_dollars(s->cost_nano, cost, sizeof(cost));
    printf("  in %s", input < 0 ? "-" : in);
    if (read > 0)
        printf(" (%s cached)", cached);
    printf("  out %s", output < 0 ? "-" : out);
    if (s->cost_known > 0)
        printf("  %s", cost);
}

static void print_parts(const char *side, const struct tp_part *parts, size_t count,
                        const struct tp_row *row, const struct tp_names *names)
{
    for (size_t i = 0; i < count; i++) {
        const char *name = tp_names_text(names, parts[i].name);
        char tokens[40];
        tp_format_count(parts[i].tokens, tokens, sizeof(tokens));
        bool carried = !tp_hash_equal(&parts[i].first_call, &row->id);
        printf("        %-3s %10s  %s%s%s%s%s\n", side, parts[i].tokens < 0 ? "-" : tokens,
               tp_part_kind_names[parts[i].kind], name ? " " : "", name ? name : "",
               carried ? "  (carried)" : "",
               parts[i].tokens >= 0 && parts[i].source == TP_SOURCE_ESTIMATED ? "  ~" : "");
    }
}

static void print_call(const struct tp_row *row, const struct tp_names *names)
{
    char hex[TP_HEX_SIZE], time[40];
    struct tp_sum sum = {0};
    tp_sum_add_call(&sum, row, names);
    tp_hash_hex(&row->id, hex);
    const char *model = tp_names_text(names, row->string[TP_ROW_MODEL]);
    const char *outcome = tp_names_text(names, row->string[TP_ROW_OUTCOME]);
    printf("      call %.8s  %s  %s", hex, model ? model : "-", outcome ? outcome : "-");
    print_sum(&sum);
    if (row->end_ns >= 0) {
        tp_format_time(row->end_ns, time, sizeof(time));
        printf("  %s", time);
    }
    puts(row->complete == 0 ? "  incomplete" : "");
    print_parts("in", row->parts, row->part_count, row, names);
    print_parts("out", row->output_parts, row->output_part_count, row, names);
    for (size_t i = 0; i < row->tool_count; i++) {
        const char *name = tp_names_text(names, row->tools[i].name);
        tp_format_time(row->tools[i].duration_ns, time, sizeof(time));
        printf("        tool %s  %s\n", name ? name : "-",
               row->tools[i].duration_ns < 0 ? "no result seen" : time);
    }
}

static void print_table(const struct tree *t)
{
    const struct tp_names *names = t->analysis.names;
    for (size_t i = 0; i < t->count; i++) {
        const struct leaf *leaf = &t->leaves[i], *before = i > 0 ? leaf - 1 : NULL;
        char conversation[TP_CONVERSATION_SIZE];
        struct tp_sum sum;
        if (!before || !same_task(before, leaf)) {
            const char *task = tp_names_text(names, leaf->row->string[TP_ROW_TASK]);
            sum = sum_of(t, i, group_end(t, i, same_task));
            printf("task %s", task ? task : "(none)");
            print_sum(&sum);
            puts("");
        }
        if (!before || !same_conversation(before, leaf)) {
            tp_conversation_name(leaf->row, conversation);
            const char *agent = tp_names_text(names, tp_row_agent(leaf->row));
            sum = sum_of(t, i, group_end(t, i, same_conversation));
            printf("  conversation %s  %s", conversation, agent ? agent : "");
            print_sum(&sum);
            puts("");
        }
        if (!before || !same_round(before, leaf)) {
            sum = sum_of(t, i, group_end(t, i, same_round));
            printf("    round %" PRIu32, leaf->row->round);
            print_sum(&sum);
            puts("");
        }
        print_call(leaf->row, names);
    }
}

/* ---- For programs ---- */

static void json_head(struct tp_json *j, const struct tree *t, size_t from, size_t to,
                      const char *children)
{
    struct tp_sum sum = sum_of(t, from, to);
    tp_json_key(j, "totals");
    tp_json_map(j);
    tp_json_sum(j, &sum);
    tp_json_map_end(j);
    tp_json_key(j, children);
    tp_json_array(j);
}

static void json_foot(struct tp_json *j)
{
    tp_json_array_end(j);
    tp_json_map_end(j);
}

static void json_rounds(struct tp_json *j, const struct tree *t, size_t from, size_t to)
{
    for (size_t i = from, end; i < to; i = end) {
        end = group_end(t, i, same_round);
        tp_json_map(j);
        tp_json_kv_u64(j, "round", t->leaves[i].row->round);
        json_head(j, t, i, end, "calls");
        for (size_t k = i; k < end; k++)
            tp_json_call(j, t->leaves[k].row, t->analysis.names);
        json_foot(j);
    }
}

static void json_conversations(struct tp_json *j, const struct tree *t, size_t from, size_t to)
{
    for (size_t i = from, end; i < to; i = end) {
        char conversation[TP_CONVERSATION_SIZE];
        const struct tp_row *row = t->leaves[i].row;
        end = group_end(t, i, same_conversation);
        tp_conversation_name(row, conversation);
        tp_json_map(j);
        tp_json_kv_text(j, "conversation", conversation);
        tp_json_kv_text(j, "session", tp_names_text(t->analysis.names, tp_row_session(row)));
        tp_json_kv_text(j, "agent", tp_names_text(t->analysis.names, tp_row_agent(row)));
        json_head(j, t, i, end, "rounds");
        json_rounds(j, t, i, end);
        json_foot(j);
    }
}

static bool print_json(const struct tree *t)
{
    struct tp_json j;
    if (!tp_json_init(&j, stdout, true))
        return false;
    tp_json_map(&j);
    json_head(&j, t, 0, t->count, "tasks");
    for (size_t i = 0, end; i < t->count; i = end) {
        end = group_end(t, i, same_task);
        tp_json_map(&j);
        tp_json_kv_text(&j, "task",
                        tp_names_text(t->analysis.names, t->leaves[i].row->string[TP_ROW_TASK]));
        json_head(&j, t, i, end, "conversations");
        json_conversations(&j, t, i, end);
        json_foot(&j);
    }
    json_foot(&j);
    tp_json_flush(&j);
    tp_json_done(&j);
    return true;
}

int tp_tree_run(const struct tp_arguments *arguments)
{
    static const struct tp_model_ops ops = {.call = on_call};
    struct tree t = {0};
    int status = tp_analysis_init(&t.analysis, &ops, &t);
    if (status)
        return status;
    status = tp_input_run(t.analysis.model, arguments->files, arguments->file_count);
    if (status == 0) {
        sort_leaves(&t);
        if (arguments->format == TP_FORMAT_TABLE)
            print_table(&t);
        else
            t.out_of_memory |= !print_json(&t);
        if (t.dropped > 0)
            tp_warn("tree: only the first %u calls are shown; give fewer recordings at once",
                    TREE_CALLS_MAX);
        if (t.out_of_memory) {
            tp_error("out of memory; give fewer recordings at once");
            status = TP_EXIT_BAD;
        }
    }
    for (size_t i = 0; i < t.count; i++)
        tp_row_unref(t.leaves[i].row);
    free(t.leaves);
    tp_analysis_done(&t.analysis);
    return status;
}
