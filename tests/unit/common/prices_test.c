/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/prices.h"

#define JUNE_2026_NS UINT64_C(1780315200000000000)

static const struct tp_price_query unknown = {
    .time_unix_ns = JUNE_2026_NS,
    .input_tokens = -1,
    .cache_read_tokens = -1,
    .cache_write_tokens = -1,
    .cache_write_5m_tokens = -1,
    .cache_write_1h_tokens = -1,
    .output_tokens = -1,
};

/* The cost as text; "unknown" where there is none. */
static const char *cost_of(const char *table, struct tp_price_query q)
{
    static char text[64];
    struct tp_prices *prices;
    struct tp_cost cost;
    cr_assert_eq(tp_prices_load(&prices, table), 0);
    if (tp_prices_cost(prices, &q, &cost))
        tp_prices_format(cost.nano, text, sizeof(text));
    else
        snprintf(text, sizeof(text), "unknown");
    tp_prices_free(prices);
    return text;
}

static struct tp_price_query asked(const char *provider, const char *server, const char *model,
                                   int64_t input, int64_t output)
{
    struct tp_price_query q = unknown;
    q.provider = provider;
    q.server = server;
    q.model = model;
    q.input_tokens = input;
    q.output_tokens = output;
    return q;
}

static char *table_file(const char *json)
{
    static char path[] = "/tmp/prices-test-XXXXXX";
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, json, strlen(json)), (ssize_t)strlen(json));
    close(fd);
    return path;
}

Test(prices, cache_classes_each_have_their_price)
{
    struct tp_price_query q = asked("anthropic", "localhost", "claude-sonnet-4-6", 1000000, 1000);
    q.cache_read_tokens = 800000;
    q.cache_write_tokens = 150000;
    q.cache_write_5m_tokens = 100000;
    q.cache_write_1h_tokens = 50000;
    /* 50000 * 3 + 800000 * 0.3 + 100000 * 3.75 + 50000 * 6 + 1000 * 15, per million */
    cr_expect_str_eq(cost_of(NULL, q), "1.08");
}

Test(prices, long_context_reprices_the_whole_request)
{
    cr_expect_str_eq(cost_of(NULL, asked("google", "", "gemini-2.5-pro", 200000, 100)), "0.251");
    cr_expect_str_eq(cost_of(NULL, asked("google", "", "gemini-2.5-pro", 200001, 100)),
                     "0.5015025");
}

Test(prices, change_on_a_date)
{
    struct tp_price_query q = asked("anthropic", "", "claude-sonnet-4-6", 300000, 0);
    cr_expect_str_eq(cost_of(NULL, q), "0.9");
    q.time_unix_ns = UINT64_C(1770000000000000000); /* February 2026 */
    cr_expect_str_eq(cost_of(NULL, q), "1.8");
}

Test(prices, host_says_whose_price_it_is)
{
    struct tp_price_query q =
        asked("openai", "api.groq.com:443", "openai/gpt-oss-120b", 1000000, 0);
    cr_expect_str_neq(cost_of(NULL, q), "unknown");
}

Test(prices, name_may_have_a_router_prefix_or_a_date)
{
    cr_expect_str_eq(cost_of(NULL, asked("", "", "models/gemini-2.5-pro", 1000000, 0)), "2.5");
    cr_expect_str_eq(cost_of(NULL, asked("openai", "", "gpt-5-2031-01-01", 1000000, 0)), "1.25");
}

Test(prices, unknown_stays_unknown)
{
    cr_expect_str_eq(cost_of(NULL, asked("openai", "", "house-model", 10, 10)), "unknown");
    cr_expect_str_eq(cost_of(NULL, asked("openai", "", "gpt-5", -1, 10)), "unknown");
    cr_expect_str_eq(cost_of(NULL, asked("openai", "", "gpt-5", 10, -1)), "unknown");
    cr_expect_str_eq(cost_of(NULL, asked(NULL, NULL, NULL, 10, 10)), "unknown");
}

Test(prices, users_own_file_goes_first)
{
    char *path = table_file("{\"currency\":\"EUR\",\"prices\":[{\"match\":[\"house-*\",\"gpt-5\"],"
                            "\"input\":0.000001,\"output\":1e1}]}");
    cr_expect_str_eq(cost_of(path, asked("x", "", "house-model", 1000000, 1)), "0.000011");
    cr_expect_str_eq(cost_of(path, asked("openai", "", "gpt-5", 1000000, 0)), "0.000001");
    cr_expect_str_eq(cost_of(path, asked("openai", "", "gpt-5-mini", 1000000, 0)), "0.25");
    unlink(path);
}

Test(prices, bad_file_is_refused)
{
    struct tp_prices *prices;
    char *path = table_file("{\"prices\": 3}");
    cr_expect_eq(tp_prices_load(&prices, path), -EBADMSG);
    unlink(path);
    cr_expect_eq(tp_prices_load(&prices, path), -ENOENT);
}

Test(prices, huge_counts_do_not_overflow)
{
    struct tp_price_query q = asked("openai", "", "gpt-5", INT64_MAX, INT64_MAX);
    cr_expect_str_eq(cost_of(NULL, q), "9223372036.854775807");
}
