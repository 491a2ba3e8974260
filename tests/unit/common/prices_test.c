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

/* ---- prices of the builtin table in CNY, and what is not for tokens ---- */

static struct tp_cost priced(struct tp_price_query q)
{
    struct tp_prices *prices;
    struct tp_cost cost = {0};
    cr_assert_eq(tp_prices_load(&prices, NULL), 0);
    tp_prices_cost(prices, &q, &cost);
    tp_prices_free(prices);
    return cost;
}

Test(prices, services_in_china_bill_in_yuan)
{
    static const struct {
        const char *provider, *server, *model;
        uint64_t nano; /* of 10,000 input and 1,000 output tokens */
    } cases[] = {
        {"volcengine", "ark.cn-beijing.volces.com", "doubao-seed-1-6-250615", 16000000},
        {"alibaba", "dashscope.aliyuncs.com", "qwen-plus-2025-09-11", 10000000},
        {"alibaba", "dashscope.aliyuncs.com:443", "qwen3-max", 35000000},
        {"zhipuai", "open.bigmodel.cn", "glm-4.7", 44000000},
        {"moonshotai", "api.moonshot.cn", "kimi-k2.5", 61000000},
        {"deepseek", "api.deepseek.com", "deepseek-chat", 23000000},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct tp_cost cost =
            priced(asked(cases[i].provider, cases[i].server, cases[i].model, 10000, 1000));
        cr_expect_str_eq(cost.currency, "CNY", "%s", cases[i].model);
        cr_expect_eq(cost.nano, cases[i].nano, "%s: %lu", cases[i].model, (unsigned long)cost.nano);
    }
}

Test(prices, the_same_companies_bill_in_dollars_abroad)
{
    cr_expect_str_eq(priced(asked("moonshotai", "api.moonshot.ai", "kimi-k2.5", 1, 1)).currency,
                     "USD");
    cr_expect_str_eq(
        priced(asked("alibaba", "dashscope-intl.aliyuncs.com", "qwen-plus", 1, 1)).currency, "USD");
    cr_expect_str_eq(priced(asked("zai", "api.z.ai", "glm-4.7", 1, 1)).currency, "USD");
}

Test(prices, long_answers_and_thought_may_cost_more)
{
    const char *table =
        table_file("{\"currency\": \"CNY\", \"prices\": [{\"match\": [\"m\"], \"input\": 1, "
                   "\"output\": 2, \"above\": ["
                   "{\"tokens\": 0, \"output_tokens\": 200, \"output\": 4}, "
                   "{\"tokens\": 0, \"reasoning\": true, \"output\": 8}]}]}");
    struct tp_price_query q = asked("x", "", "m", 1000000, 200);
    cr_expect_str_eq(cost_of(table, q), "1.0004");
    q.output_tokens = 201;
    cr_expect_str_eq(cost_of(table, q), "1.000804");
    q.reasoning_tokens = 1;
    cr_expect_str_eq(cost_of(table, q), "1.001608");
    unlink(table);
}

/* 2026-06-01 is a Monday. */
Test(prices, some_days_of_the_week_are_dearer)
{
    const char *table =
        table_file("{\"prices\": [{\"match\": [\"m\"], \"input\": 1, \"output\": 0}, "
                   "{\"match\": [\"m\"], \"input\": 2, \"output\": 0, \"days\": "
                   "[1, 5], \"between\": [\"01:00\", \"23:00\"]}]}");
    static const char *const week[] = {"2", "1", "1", "1", "2", "1", "1"};
    for (uint64_t day = 0; day < 7; day++) {
        struct tp_price_query q = asked("x", "", "m", 1000000, 0);
        q.time_unix_ns += (day * 86400 + 300) * UINT64_C(1000000000);
        cr_expect_str_eq(cost_of(table, q), week[day], "day %d", (int)day);
    }
    unlink(table);
}

Test(prices, uses_of_tools_have_fees_and_unknown_ones_are_counted)
{
    const struct tp_price_use uses[] = {{"web_search", 3}, {"oracle", 2}};
    const char *table =
        table_file("{\"prices\": [{\"match\": [\"m\"], \"input\": 1, \"output\": 1, \"fees\": "
                   "{\"web_search\": 10, \"request\": 5}}]}");
    struct tp_price_query q = asked("x", "", "m", 1000000, 0);
    struct tp_prices *prices;
    struct tp_cost cost;
    q.uses = uses;
    q.use_count = 2;
    cr_assert_eq(tp_prices_load(&prices, table), 0);
    cr_assert(tp_prices_cost(prices, &q, &cost));
    cr_expect_eq(cost.nano, UINT64_C(1035000000));
    cr_expect_eq(cost.fees_nano, UINT64_C(35000000));
    cr_expect_eq(cost.unpriced_uses, 2);
    tp_prices_free(prices);
    unlink(table);
}
