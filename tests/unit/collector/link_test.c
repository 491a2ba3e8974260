/* SPDX-License-Identifier: MIT */
#include "collector/link.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "collector/estimator.h"

static struct tp_hash_key key;

static struct tp_hash hash_of(uint64_t n)
{
    return tp_hash_of(&key, &n, sizeof(n));
}

/* A call of `count` blocks that no other has. */
static void add_call(struct tp_link *link, uint64_t number, uint32_t count,
                     struct tp_link_result *result)
{
    struct tp_block_record *blocks = calloc(count, sizeof(*blocks));
    for (uint32_t i = 0; i < count; i++) {
        blocks[i].kind = TP_BLOCK_USER;
        blocks[i].hash = hash_of(number << 32 | i);
    }
    struct tp_link_call call = {.id = hash_of(~number),
                                .blocks = blocks,
                                .request_count = count,
                                .request_whole = true,
                                .answer_whole = true,
                                .failed = true};
    tp_link_add(link, &call, result);
    free(blocks);
}

Test(link, holds_no_more_than_its_ceiling_and_forgets_the_oldest)
{
    struct tp_link_result result;
    struct tp_link *link = tp_link_new(&key, NULL);
    for (uint64_t i = 0; i < 1000; i++)
        add_call(link, i, 200, &result);
    cr_expect_leq(tp_link_nodes(link), TP_LINK_NODES_MAX);
    add_call(link, 999, 200, &result);
    cr_expect(result.has_parent);
    cr_expect_eq(result.shared, 200);
    add_call(link, 0, 200, &result);
    cr_expect_not(result.has_parent);
    tp_link_free(link);
}

Test(link, forgets_calls_past_its_ceiling)
{
    struct tp_link_result result;
    struct tp_link *link = tp_link_new(&key, NULL);
    for (uint64_t i = 0; i < TP_LINK_CALLS_MAX + 10; i++)
        add_call(link, i, 1, &result);
    add_call(link, 2, 1, &result);
    cr_expect_not(result.has_parent);
    tp_link_free(link);
}

Test(estimator, does_not_depend_on_cuts)
{
    static const char text[] =
        "static int Value_42 = camelCase(x);\n\t\xe4\xbd\xa0\xe5\xa5\xbd 123456 ...";
    struct tp_estimator whole = {0};
    tp_estimator_add(&whole, text, sizeof(text) - 1);
    for (size_t step = 1; step < 9; step++) {
        struct tp_estimator cut = {0};
        for (size_t i = 0; i < sizeof(text) - 1; i += step)
            tp_estimator_add(&cut, text + i,
                             sizeof(text) - 1 - i < step ? sizeof(text) - 1 - i : step);
        cr_expect_eq(tp_estimator_tokens(&cut), tp_estimator_tokens(&whole));
    }
    cr_expect_gt(tp_estimator_tokens(&whole), 15);
    cr_expect_lt(tp_estimator_tokens(&whole), 40);
}
