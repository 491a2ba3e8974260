/* SPDX-License-Identifier: MIT */
#include "usage.h"

static void set_modality(struct tp_call_cx *cx, struct openai_usage *u, int action, int64_t n)
{
    bool output = action >= USAGE_MODALITY_OUT;
    int which = action - (output ? USAGE_MODALITY_OUT : USAGE_MODALITY_IN);
    if (!output && which == TP_AUDIO)
        u->audio_input = n + 1;
    cx->host->set_modality(cx->call, output, (enum tp_modality)which, n);
}

/* One call of a bot is several of models: their sum. Later events say all anew. */
static void bot_json(struct openai_usage *u, int action, int64_t n, const struct tp_json_event *e)
{
    int64_t *counts = u->counts - USAGE_FIRST;
    if (action == USAGE_BOTS && e->type == TP_JSON_ARRAY_BEGIN)
        for (int i = USAGE_BOT_INPUT; i <= USAGE_BOT_REASONING; i++)
            counts[i] = 0;
    if (action == USAGE_BOTS || n < 0 || counts[action] > INT64_MAX - n - 1)
        return;
    counts[action] += n + (counts[action] == 0);
    u->seen = true;
}

/* Events of a stream may each say part of it, or all of it anew: field by field, the last is kept.
 */
void openai_usage_json(struct tp_call_cx *cx, struct openai_usage *u, int action,
                       const struct tp_json_event *e)
{
    int64_t n = cx->host->whole_number(e);
    if (action >= USAGE_BOTS && action < USAGE_COUNTS) {
        bot_json(u, action, n, e);
        return;
    }
    if (n < 0)
        return; /* null is not zero */
    if (action >= USAGE_COUNTS)
        set_modality(cx, u, action, n);
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

void openai_usage_input_only(struct openai_usage *u)
{
    if (count(u, USAGE_INPUT) < 0)
        u->counts[USAGE_INPUT - USAGE_FIRST] = u->counts[USAGE_TOTAL - USAGE_FIRST];
}

static void take_bots(struct openai_usage *u)
{
    static const int pairs[][2] = {{USAGE_INPUT, USAGE_BOT_INPUT},
                                   {USAGE_OUTPUT, USAGE_BOT_OUTPUT},
                                   {USAGE_CACHED, USAGE_BOT_CACHED},
                                   {USAGE_REASONING, USAGE_BOT_REASONING}};
    if (count(u, USAGE_INPUT) >= 0 || count(u, USAGE_OUTPUT) >= 0)
        return;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
        u->counts[pairs[i][0] - USAGE_FIRST] = u->counts[pairs[i][1] - USAGE_FIRST];
}

/* Some count reasoning apart from the completion (xAI; Perplexity and gateways before Gemini, whose
 * total leaves it out as well; Gemini's compatible form without saying how much), some the cache
 * apart from the prompt (gateways before Anthropic, Azure before Grok), Mistral audio. The total
 * tells: it is the sum of all, so what is over belongs to the side that it fits. A part that is
 * larger than its whole was not in it. */
static void include_all(const struct openai_usage *u, int64_t *input, int64_t *output)
{
    int64_t total = count(u, USAGE_TOTAL), reasoning = count(u, USAGE_REASONING);
    int64_t cache = known(count(u, USAGE_CACHED)) + known(count(u, USAGE_WRITTEN));
    int64_t over = *input >= 0 && *output >= 0 && total >= 0 ? total - *input - *output : 0;
    bool audio = over > 0 && (over == u->audio_input - 1 || count(u, USAGE_AUDIO_SECONDS) > 0);
    if ((over > 0 && over == reasoning) || (*output >= 0 && reasoning > *output))
        *output += reasoning;
    else if (audio)
        *input += over;
    else if ((over > 0 && over == cache) || (*input >= 0 && count(u, USAGE_CACHED) > *input))
        *input += cache;
    else if (over > 0 && reasoning < 0 && !cache)
        *output += over;
}

void openai_usage_end(struct tp_call_cx *cx, struct openai_usage *u, bool failed)
{
    take_bots(u);
    int64_t input = count(u, USAGE_INPUT), output = count(u, USAGE_OUTPUT);
    set_plain(cx, u);
    set_timed(cx, u);
    if (!failed)
        include_all(u, &input, &output);
    cx->host->set_usage(cx->call, TP_USAGE_INPUT, input);
    cx->host->set_usage(cx->call, TP_USAGE_OUTPUT, output);
}
