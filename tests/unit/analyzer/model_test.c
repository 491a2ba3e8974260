/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/attribution/split.h"
#include "analyzer/model/model.h"
#include "analyzer/report/rows.h"
#include "tests/support/recording.h"

#define ROWS_MAX 512

struct world {
    struct tp_model *model;
    struct tp_prices *prices;
    const struct tp_row *row[ROWS_MAX];
    size_t count;
};

static void keep(void *cx, const struct tp_row *row)
{
    struct world *w = cx;
    w->row[w->count++] = tp_row_ref((struct tp_row *)row);
}

static const struct tp_model_ops ops = {.call = keep};

static struct world *world_new(void)
{
    struct world *w = calloc(1, sizeof(*w));
    cr_assert_eq(tp_prices_load(&w->prices, NULL), 0);
    w->model = tp_model_new(&ops, w, w->prices, NULL);
    return w;
}

static void world_free(struct world *w)
{
    for (size_t i = 0; i < w->count; i++)
        tp_row_unref((struct tp_row *)w->row[i]);
    tp_model_free(w->model);
    tp_prices_free(w->prices);
    free(w);
}

static void feed(struct world *w, struct tp_test_call call)
{
    struct tp_pack p;
    msgpack_unpacked u;
    size_t off = 0;
    tp_pack_init(&p);
    tp_test_call_pack(&p, &call);
    msgpack_unpacked_init(&u);
    cr_assert_eq(msgpack_unpack_next(&u, p.buf.data, p.buf.size, &off), MSGPACK_UNPACK_SUCCESS);
    cr_assert_eq(tp_model_event(w->model, &u.data), 0);
    msgpack_unpacked_destroy(&u);
    tp_pack_done(&p);
}

static int64_t sum_of(const struct tp_part *parts, size_t n)
{
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += parts[i].tokens;
    return sum;
}

static const struct tp_part *part(const struct tp_row *row, enum tp_part_kind kind)
{
    for (size_t i = 0; i < row->part_count; i++)
        if (row->parts[i].kind == kind)
            return &row->parts[i];
    cr_assert_fail("no such part");
    return NULL;
}

/* A call that asks for a tool, and the one that brings its result. */
static void two_rounds(struct world *w)
{
    feed(w, TP_TEST_CALL(.id = 1, .blocks = "system/-/s/30 user/-/u/10",
                         .output = "tool_call/read/a/5/c1", .input = 400, .output_tokens = 20));
    feed(w, TP_TEST_CALL(.id = 2, .parent = 1, .shared = 3, .start_ms = 350,
                         .blocks = "tool_result/-/r/90/c1", .output = "assistant/-/done/3",
                         .input = 500, .cache_read = 350, .output_tokens = 7));
    tp_model_finish(w->model);
}

Test(model, extension_is_the_next_round_of_the_conversation)
{
    struct world *w = world_new();
    two_rounds(w);
    cr_assert_eq(w->count, 2);
    cr_expect_eq(w->row[0]->round, 1);
    cr_expect_eq(w->row[1]->round, 2);
    cr_expect(tp_hash_equal(&w->row[0]->conversation, &w->row[1]->conversation));
    world_free(w);
}

Test(model, tool_runs_from_the_answer_to_the_request_with_its_result)
{
    struct world *w = world_new();
    two_rounds(w);
    const struct tp_row *asker = w->row[0];
    cr_assert_eq(asker->tool_count, 1);
    cr_expect_eq(asker->tools[0].duration_ns, 250000000);
    cr_expect_eq(asker->tools[0].result_tokens, 80);
    cr_expect_str_eq(asker->tools[0].call_id, "c1");
    world_free(w);
}

Test(model, difference_of_exact_counts_is_the_single_new_block)
{
    struct world *w = world_new();
    two_rounds(w);
    const struct tp_part *result = part(w->row[1], TP_PART_TOOL_RESULT);
    cr_expect_eq(result->tokens, 80);
    cr_expect_eq(result->source, TP_SOURCE_DERIVED);
    cr_expect_str_eq(tp_names_text(tp_model_names(w->model), result->name), "read");
    cr_expect_eq(part(w->row[1], TP_PART_SYSTEM)->tokens, 300);
    cr_expect_eq(part(w->row[1], TP_PART_TOOL_CALL)->tokens, 20);
    cr_expect_eq(part(w->row[0], TP_PART_SYSTEM)->source, TP_SOURCE_ESTIMATED);
    world_free(w);
}

Test(model, cached_tokens_fall_on_the_blocks_in_order)
{
    struct world *w = world_new();
    two_rounds(w);
    cr_expect_eq(part(w->row[1], TP_PART_SYSTEM)->cached_tokens, 300);
    cr_expect_eq(part(w->row[1], TP_PART_USER)->cached_tokens, 50);
    cr_expect_eq(part(w->row[1], TP_PART_TOOL_RESULT)->cached_tokens, 0);
    cr_expect_eq(part(w->row[0], TP_PART_SYSTEM)->cached_tokens, -1);
    world_free(w);
}

Test(model, hidden_reasoning_makes_a_difference_estimated)
{
    struct world *w = world_new();
    feed(w, TP_TEST_CALL(.id = 1, .blocks = "user/-/u/10",
                         .output = "reasoning/-/r/9 tool_call/read/a/5/c1", .input = 100,
                         .output_tokens = 50, .reasoning = 40));
    feed(w, TP_TEST_CALL(.id = 2, .parent = 1, .shared = 1, .start_ms = 500,
                         .blocks = "tool_call/read/a/5/c1 tool_result/-/x/9/c1", .input = 200,
                         .output_tokens = 1));
    tp_model_finish(w->model);
    cr_expect_eq(w->row[0]->output_parts[0].tokens, 40);
    cr_expect_eq(w->row[0]->output_parts[0].source, TP_SOURCE_EXACT);
    cr_expect_eq(part(w->row[1], TP_PART_TOOL_CALL)->tokens, 10);
    cr_expect_eq(part(w->row[1], TP_PART_TOOL_RESULT)->tokens, 90);
    cr_expect_eq(part(w->row[1], TP_PART_TOOL_RESULT)->source, TP_SOURCE_ESTIMATED);
    world_free(w);
}

Test(model, shorter_context_branches_off)
{
    struct world *w = world_new();
    two_rounds(w);
    feed(w, TP_TEST_CALL(.id = 3, .parent = 2, .shared = 1, .start_ms = 900,
                         .blocks = "user/-/other/10", .input = 310, .output_tokens = 1));
    tp_model_finish(w->model);
    cr_expect_eq(w->row[2]->round, 1);
    cr_expect_not(tp_hash_equal(&w->row[2]->conversation, &w->row[0]->conversation));
    cr_expect_eq(part(w->row[2], TP_PART_SYSTEM)->tokens, 300);
    world_free(w);
}

Test(model, retry_after_a_failure_is_the_same_round)
{
    struct world *w = world_new();
    feed(w, TP_TEST_CALL(.id = 1, .blocks = "user/-/u/10", .output = "tool_call/sh/a/5/c1",
                         .input = 100, .output_tokens = 10));
    feed(w, TP_TEST_CALL(.id = 2, .parent = 1, .shared = 2, .start_ms = 300, .outcome = "error",
                         .blocks = "tool_result/-/r/5/c1"));
    feed(w, TP_TEST_CALL(.id = 3, .parent = 2, .shared = 3, .start_ms = 600, .input = 150,
                         .output_tokens = 10));
    tp_model_finish(w->model);
    cr_expect_eq(w->row[1]->round, 2);
    cr_expect_eq(w->row[2]->round, 2);
    cr_expect_eq(w->row[0]->tools[0].duration_ns, 200000000);
    cr_expect_eq(w->row[0]->tools[0].result_tokens, 40);
    cr_expect_eq(w->row[1]->parts[0].tokens, -1);
    world_free(w);
}

Test(model, second_delivery_of_an_event_changes_nothing)
{
    struct world *w = world_new();
    two_rounds(w);
    two_rounds(w);
    cr_expect_eq(w->count, 2);
    world_free(w);
}

Test(model, history_kept_by_an_unknown_call_is_unseen)
{
    struct world *w = world_new();
    feed(w, TP_TEST_CALL(.id = 1, .previous = "resp_0", .blocks = "user/-/u/10", .input = 1000,
                         .output_tokens = 1));
    tp_model_finish(w->model);
    cr_expect_eq(part(w->row[0], TP_PART_UNSEEN)->tokens, 990);
    cr_expect_eq(part(w->row[0], TP_PART_USER)->tokens, 10);
    world_free(w);
}

Test(model, stored_context_of_a_known_call_carries_over)
{
    struct world *w = world_new();
    feed(w, TP_TEST_CALL(.id = 1, .blocks = "user/-/u/10", .output = "assistant/-/a/5",
                         .input = 100, .output_tokens = 10));
    feed(w, TP_TEST_CALL(.id = 2, .parent = 1, .previous = "resp_1", .blocks = "user/-/v/10",
                         .start_ms = 500, .input = 130, .output_tokens = 1));
    tp_model_finish(w->model);
    cr_expect_eq(w->row[1]->round, 2);
    cr_expect_eq(part(w->row[1], TP_PART_USER)->tokens, 100);
    cr_expect_eq(sum_of(w->row[1]->parts, w->row[1]->part_count), 130);
    world_free(w);
}

/* ---- Sums
 * ---------------------------------------------------------------------------------------------- */

static unsigned seed = 1;

static int64_t dice(int64_t n)
{
    seed = seed * 1103515245u + 12345u;
    return (int64_t)(seed >> 8) % n;
}

static void random_blocks(char *text, size_t size, const char *const *kinds, size_t kind_count,
                          int64_t n)
{
    size_t at = 0;
    text[0] = '\0';
    for (int64_t i = 0; i < n && at + 64 < size; i++)
        at += (size_t)snprintf(text + at, size - at, "%s/t%ld/c%ld/%ld/id%ld ",
                               kinds[dice((int64_t)kind_count)], (long)dice(3), (long)dice(9),
                               (long)dice(50), (long)dice(6));
}

static void random_calls(struct world *w, unsigned calls)
{
    static const char *const in[] = {"system", "user",  "tool_result", "tool_schema",
                                     "image",  "later", "assistant"};
    static const char *const out[] = {"assistant", "reasoning", "tool_call"};
    static const char *const models[] = {"gpt-5", "claude-sonnet-4-6", "house"};
    for (unsigned i = 1; i <= calls; i++) {
        char blocks[1024], output[1024];
        random_blocks(blocks, sizeof(blocks), in, 7, dice(6));
        random_blocks(output, sizeof(output), out, 3, dice(4));
        feed(w,
             TP_TEST_CALL(.id = i, .parent = dice(4) ? (unsigned)dice(i) : 0, .shared = dice(12),
                          .start_ms = i * 200, .blocks = blocks, .output = output,
                          .model = models[dice(3)], .task = dice(2) ? "one" : NULL,
                          .outcome = dice(5) ? "ok" : "error", .input = dice(6) ? dice(100000) : -1,
                          .cache_read = dice(2) ? dice(50000) : -1,
                          .cache_write = dice(2) ? dice(20000) : -1,
                          .cache_write_1h = dice(3) ? -1 : dice(9000),
                          .output_tokens = dice(6) ? dice(3000) : -1,
                          .reasoning = dice(2) ? dice(2000) : -1,
                          .lost_bytes = dice(4) ? 0 : dice(5000)));
    }
    tp_model_finish(w->model);
}

Test(sums, parts_of_every_call_sum_to_the_providers_counts)
{
    for (unsigned start = 1; start < 40; start += 3) {
        seed = start;
        struct world *w = world_new();
        random_calls(w, 60);
        cr_assert_eq(w->count, 60);
        for (size_t i = 0; i < w->count; i++) {
            const struct tp_row *row = w->row[i];
            uint64_t cost = 0;
            if (row->usage.tokens[TP_USAGE_INPUT] >= 0)
                cr_expect_eq(sum_of(row->parts, row->part_count),
                             row->usage.tokens[TP_USAGE_INPUT]);
            if (row->usage.tokens[TP_USAGE_OUTPUT] >= 0)
                cr_expect_eq(sum_of(row->output_parts, row->output_part_count),
                             row->usage.tokens[TP_USAGE_OUTPUT]);
            for (size_t k = 0; k < row->part_count; k++)
                cost += row->parts[k].cost_nano;
            for (size_t k = 0; k < row->output_part_count; k++)
                cost += row->output_parts[k].cost_nano;
            if (row->has_cost && row->part_count + row->output_part_count > 0)
                cr_expect_eq(cost, row->cost.nano);
        }
        world_free(w);
    }
}

static void check_rows(struct world *w, const char *by)
{
    struct tp_rows *rows;
    struct tp_sum whole = {0}, sum = {0};
    size_t n;
    const struct tp_names *names = tp_model_names(w->model);
    cr_assert_eq(tp_rows_new(&rows, by), 0);
    for (size_t i = 0; i < w->count; i++) {
        tp_sum_add_call(&whole, w->row[i], names);
        cr_assert_eq(tp_rows_add(rows, w->row[i], names), 0);
    }
    const struct tp_report_row *list = tp_rows_sorted(rows, &n);
    for (size_t i = 0; i < n; i++) {
        for (int f = 0; f < TP_USAGE_FIELDS; f++)
            sum.tokens[f] += list[i].sum.tokens[f];
        sum.calls += list[i].sum.calls;
        sum.cost_nano += list[i].sum.cost_nano;
        sum.lost_bytes += list[i].sum.lost_bytes;
        sum.incomplete_calls += list[i].sum.incomplete_calls;
        sum.unattributed_tokens += list[i].sum.unattributed_tokens;
    }
    for (int f = 0; f < TP_USAGE_FIELDS; f++)
        cr_expect_eq(sum.tokens[f], whole.tokens[f], "%s, field %d: %lu of %lu", by, f,
                     sum.tokens[f], whole.tokens[f]);
    cr_expect_eq(sum.calls, whole.calls, "%s", by);
    cr_expect_eq(sum.cost_nano, whole.cost_nano, "%s", by);
    cr_expect_eq(sum.lost_bytes, whole.lost_bytes, "%s", by);
    cr_expect_eq(sum.incomplete_calls, whole.incomplete_calls, "%s", by);
    cr_expect_eq(sum.unattributed_tokens, whole.unattributed_tokens, "%s", by);
    tp_rows_free(rows);
}

Test(sums, rows_sum_to_the_totals_whatever_they_are_by)
{
    static const char *const dimensions[] = {"task",  "session", "conversation", "round",
                                             "tool",  "part",    "model",        "provider",
                                             "agent", "process", "day",          "label:team"};
    seed = 99;
    struct world *w = world_new();
    random_calls(w, 300);
    for (size_t i = 0; i < sizeof(dimensions) / sizeof(dimensions[0]); i++)
        check_rows(w, dimensions[i]);
    world_free(w);
}

Test(split, gives_the_larger_remainders_first_and_sums_exactly)
{
    uint64_t shares[3];
    cr_assert(tp_split(10, (uint64_t[]){1, 1, 1}, 3, shares));
    cr_expect(shares[0] == 4 && shares[1] == 3 && shares[2] == 3);
    cr_assert(tp_split(100, (uint64_t[]){333, 333, 334}, 3, shares));
    cr_expect(shares[0] == 33 && shares[1] == 33 && shares[2] == 34);
    cr_assert(tp_split(5, (uint64_t[]){0, 0, 0}, 3, shares));
    cr_expect(shares[0] == 2 && shares[1] == 2 && shares[2] == 1);
    cr_assert(tp_split(UINT64_MAX, (uint64_t[]){UINT64_MAX, 1, UINT64_MAX}, 3, shares));
    cr_expect_eq(shares[0] + shares[1] + shares[2], UINT64_MAX);
}
