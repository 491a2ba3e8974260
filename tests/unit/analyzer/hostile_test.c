/* SPDX-License-Identifier: MIT
 * Events that no collector wrote: links in circles, counts beyond all measure, children before
 * their parents. Whatever they say, parts sum to counts and memory stays small.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "analyzer/model/model.h"
#include "tests/support/recording.h"

struct seen {
    size_t calls;
    uint64_t last_input;
};

/* Parts sum to the provider's count, to the token. */
static void count(void *cx, const struct tp_row *row)
{
    struct seen *seen = cx;
    int64_t input = row->usage.tokens[TP_USAGE_INPUT];
    uint64_t sum = 0;
    seen->calls++;
    seen->last_input = (uint64_t)input;
    for (size_t i = 0; i < row->part_count && input >= 0; i++)
        sum += (uint64_t)row->parts[i].tokens;
    if (input >= 0)
        cr_expect_eq(sum, (uint64_t)input);
}

static const struct tp_model_ops ops = {.call = count};
static const struct tp_model_limits limits = {.context_blocks_max = 10000, .held_rows_max = 16};
static struct seen seen;
static struct tp_prices *prices;
static struct tp_model *model;

static void setup(void)
{
    cr_assert_eq(tp_prices_load(&prices, NULL), 0);
    model = tp_model_new(&ops, &seen, prices, &limits);
}

static void teardown(void)
{
    tp_model_free(model);
    tp_prices_free(prices);
}

TestSuite(hostile_events, .init = setup, .fini = teardown);

static void feed(struct tp_test_call call)
{
    struct tp_pack p;
    msgpack_unpacked u;
    size_t off = 0;
    tp_pack_init(&p);
    tp_test_call_pack(&p, &call);
    msgpack_unpacked_init(&u);
    cr_assert_eq(msgpack_unpack_next(&u, p.buf.data, p.buf.size, &off), MSGPACK_UNPACK_SUCCESS);
    cr_assert_eq(tp_model_event(model, &u.data), 0);
    msgpack_unpacked_destroy(&u);
    tp_pack_done(&p);
}

Test(hostile_events, that_are_their_own_parents_are_told_once_each)
{
    feed(TP_TEST_CALL(.id = 1, .parent = 1, .shared = 5, .blocks = "user/-/u/10", .input = 10));
    feed(TP_TEST_CALL(.id = 2, .parent = 3, .shared = 2, .blocks = "user/-/v/10", .input = 20));
    feed(TP_TEST_CALL(.id = 3, .parent = 2, .shared = 2, .blocks = "user/-/w/10", .input = 30));
    tp_model_finish(model);
    cr_expect_eq(seen.calls, 3);
}

Test(hostile_events, whose_parents_come_later_are_told)
{
    feed(TP_TEST_CALL(.id = 2, .parent = 1, .shared = 2, .start_ms = 200,
                      .blocks = "tool_result/-/r/9/c1", .input = 70, .cache_read = 60));
    feed(TP_TEST_CALL(.id = 1, .blocks = "user/-/u/10", .output = "tool_call/read/a/5/c1",
                      .input = 50, .output_tokens = 5));
    feed(TP_TEST_CALL(.id = 2, .parent = 1, .shared = 2, .start_ms = 200,
                      .blocks = "tool_result/-/r/9/c1", .input = 70, .cache_read = 60));
    tp_model_finish(model);
    cr_expect_eq(seen.calls, 2);
}

Test(hostile_events, with_counts_at_the_limit_still_sum)
{
    for (unsigned id = 1; id < 9; id++)
        feed(TP_TEST_CALL(.id = id, .parent = id - 1, .shared = (int64_t)id,
                          .blocks = "user/-/u/9223372036854775807 image/-/i/9223372036854775807",
                          .input = INT64_MAX, .cache_read = INT64_MAX, .cache_write = INT64_MAX,
                          .cache_write_1h = INT64_MAX, .output_tokens = INT64_MAX,
                          .reasoning = INT64_MAX, .lost_bytes = INT64_MAX));
    tp_model_finish(model);
    cr_expect_eq(seen.calls, 8);
    cr_expect_eq(seen.last_input, (uint64_t)INT64_MAX);
}

Test(hostile_events, that_share_more_than_there_is_cost_no_memory)
{
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    for (unsigned id = 1; id < 2000; id++)
        feed(TP_TEST_CALL(.id = id, .parent = id - 1, .shared = INT64_MAX, .blocks = "user/-/u/10",
                          .input = 10));
    tp_model_finish(model);
    getrusage(RUSAGE_SELF, &after);
    cr_expect_eq(seen.calls, 1999);
#ifndef __SANITIZE_ADDRESS__ /* which keeps what was freed */
    cr_expect_lt(after.ru_maxrss - before.ru_maxrss, 32 * 1024);
#endif
}
