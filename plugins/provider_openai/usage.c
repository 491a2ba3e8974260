/* SPDX-License-Identifier: MIT */
#include "usage.h"

/* Events of a stream may each say part of it, or all of it anew: field by field, the last is kept.
 */
void openai_usage_json(struct tp_call_cx *cx, struct openai_usage *u, int action,
                       const struct tp_json_event *e)
{
    int64_t n = cx->host->whole_number(e);
    if (n < 0)
        return; /* null is not zero */
    if (action >= USAGE_MODALITY_OUT)
        cx->host->set_modality(cx->call, true, (enum tp_modality)(action - USAGE_MODALITY_OUT), n);
    else if (action >= USAGE_MODALITY_IN)
        cx->host->set_modality(cx->call, false, (enum tp_modality)(action - USAGE_MODALITY_IN), n);
    else
        u->counts[action - USAGE_FIRST] = n + 1;
    u->seen |= action < USAGE_TIMED_CACHED || action >= USAGE_COUNTS;
}

static int64_t count(const struct openai_usage *u, int which)
{
    return u->counts[which - USAGE_FIRST] - 1;
}

static int64_t known(int64_t n)
{
    return n > 0 ? n : 0;
}

static void set_plain(struct tp_call_cx *cx, const struct openai_usage *u)
{
    static const struct {
        int count;
        enum tp_usage_field field;
    } plain[] = {
        {USAGE_CACHED, TP_USAGE_CACHE_READ},         {USAGE_WRITTEN, TP_USAGE_CACHE_WRITE},
        {USAGE_WRITTEN_5M, TP_USAGE_CACHE_WRITE_5M}, {USAGE_WRITTEN_1H, TP_USAGE_CACHE_WRITE_1H},
        {USAGE_REASONING, TP_USAGE_REASONING},
    };
    for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
        cx->host->set_usage(cx->call, plain[i].field, count(u, plain[i].count));
}

/* What llama-server measured, where no usage says the same. */
static void set_timed(struct tp_call_cx *cx, const struct openai_usage *u)
{
    int64_t cached = count(u, USAGE_TIMED_CACHED), prompt = count(u, USAGE_TIMED_PROMPT);
    if (count(u, USAGE_CACHED) < 0)
        cx->host->set_usage(cx->call, TP_USAGE_CACHE_READ, cached);
    if (count(u, USAGE_INPUT) < 0 && cached >= 0 && prompt >= 0)
        cx->host->set_usage(cx->call, TP_USAGE_INPUT, cached + prompt);
    if (count(u, USAGE_OUTPUT) < 0)
        cx->host->set_usage(cx->call, TP_USAGE_OUTPUT, count(u, USAGE_TIMED_OUTPUT));
}

/* Some count reasoning apart from the completion (xAI; Gemini's compatible form without saying how
 * much) or the cache apart from the prompt (gateways before Anthropic). The total tells: it is the
 * sum of all, so what is over belongs to the side that it fits. */
void openai_usage_end(struct tp_call_cx *cx, const struct openai_usage *u)
{
    int64_t input = count(u, USAGE_INPUT), output = count(u, USAGE_OUTPUT);
    int64_t total = count(u, USAGE_TOTAL), reasoning = count(u, USAGE_REASONING);
    int64_t cache = known(count(u, USAGE_CACHED)) + known(count(u, USAGE_WRITTEN));
    int64_t over = input >= 0 && output >= 0 && total >= 0 ? total - input - output : 0;
    set_plain(cx, u);
    set_timed(cx, u);
    if (over > 0 && over == reasoning)
        output += reasoning;
    else if ((over > 0 && over == cache) || (input >= 0 && count(u, USAGE_CACHED) > input))
        input += cache;
    else if (over > 0 && reasoning < 0 && !cache)
        output += over;
    cx->host->set_usage(cx->call, TP_USAGE_INPUT, input);
    cx->host->set_usage(cx->call, TP_USAGE_OUTPUT, output);
}
