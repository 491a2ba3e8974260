/* SPDX-License-Identifier: MIT
 * Token counts in the shape of chat completions, in the spellings of those who speak it:
 *   OpenAI      prompt_tokens, completion_tokens, *_tokens_details
 *   DeepSeek    prompt_cache_hit_tokens              (https://api-docs.deepseek.com)
 *   Kimi        cached_tokens, and choices[0].usage  (https://platform.moonshot.ai/docs)
 *   Groq        x_groq.usage                         (https://console.groq.com/docs)
 *   Qwen        input_tokens, output_tokens, cache_creation in the details
 *               (https://help.aliyun.com/zh/model-studio)
 *   Mistral     prompt_audio_seconds; audio tokens are in the total alone
 *   OpenRouter, LiteLLM   cache_write_tokens, cache_read_input_tokens; what it cost is not read
 *   llama-server          timings, which stand in for usage that was not asked for
 */
#ifndef PROVIDER_OPENAI_USAGE_H
#define PROVIDER_OPENAI_USAGE_H

#include "openai.h"

/* Above the actions of any API that uses these rules. */
enum {
    USAGE_FIRST = 1000,
    USAGE_INPUT = USAGE_FIRST,
    USAGE_OUTPUT,
    USAGE_TOTAL,
    USAGE_CACHED,
    USAGE_WRITTEN,
    USAGE_WRITTEN_5M,
    USAGE_WRITTEN_1H,
    USAGE_REASONING,
    USAGE_TIMED_CACHED,
    USAGE_TIMED_PROMPT,
    USAGE_TIMED_OUTPUT,
    USAGE_AUDIO_SECONDS,
    USAGE_BOTS, /* how much each model used that an Ark bot called */
    USAGE_BOT_INPUT,
    USAGE_BOT_OUTPUT,
    USAGE_BOT_CACHED,
    USAGE_BOT_REASONING,
    USAGE_COUNTS, /* by modality from here on: input, then output */
    USAGE_MODALITY_IN = USAGE_COUNTS,
    USAGE_MODALITY_OUT = USAGE_MODALITY_IN + TP_MODALITIES,
};

#define USAGE_INPUT_RULES(at)                                                                      \
    {at ".cached_tokens", USAGE_CACHED}, {at ".cache_write_tokens", USAGE_WRITTEN},                \
        {at ".cache_creation_tokens", USAGE_WRITTEN},                                              \
        {at ".cache_creation_input_tokens", USAGE_WRITTEN},                                        \
        {at ".cache_creation.ephemeral_5m_input_tokens", USAGE_WRITTEN_5M},                        \
        {at ".cache_creation.ephemeral_1h_input_tokens", USAGE_WRITTEN_1H},                        \
        {at ".text_tokens", USAGE_MODALITY_IN + TP_TEXT},                                          \
        {at ".image_tokens", USAGE_MODALITY_IN + TP_IMAGE},                                        \
        {at ".audio_tokens", USAGE_MODALITY_IN + TP_AUDIO},                                        \
    {                                                                                              \
        at ".video_tokens", USAGE_MODALITY_IN + TP_VIDEO                                           \
    }

#define USAGE_OUTPUT_RULES(at)                                                                     \
    {at ".reasoning_tokens", USAGE_REASONING}, {at ".text_tokens", USAGE_MODALITY_OUT + TP_TEXT},  \
        {at ".image_tokens", USAGE_MODALITY_OUT + TP_IMAGE},                                       \
        {at ".audio_tokens", USAGE_MODALITY_OUT + TP_AUDIO},                                       \
    {                                                                                              \
        at ".video_tokens", USAGE_MODALITY_OUT + TP_VIDEO                                          \
    }

#define USAGE_RULES(at)                                                                            \
    {at ".prompt_tokens", USAGE_INPUT}, {at ".input_tokens", USAGE_INPUT},                         \
        {at ".completion_tokens", USAGE_OUTPUT}, {at ".output_tokens", USAGE_OUTPUT},              \
        {at ".total_tokens", USAGE_TOTAL}, {at ".cached_tokens", USAGE_CACHED},                    \
        {at ".num_cached_tokens", USAGE_CACHED}, {at ".prompt_cache_hit_tokens", USAGE_CACHED},    \
        {at ".cache_read_input_tokens", USAGE_CACHED},                                             \
        {at ".cache_creation_input_tokens", USAGE_WRITTEN},                                        \
        {at ".reasoning_tokens", USAGE_REASONING},                                                 \
        {at ".prompt_audio_seconds", USAGE_AUDIO_SECONDS},                                         \
        USAGE_INPUT_RULES(at ".prompt_tokens_details"),                                            \
        USAGE_INPUT_RULES(at ".prompt_token_details"),                                             \
        USAGE_INPUT_RULES(at ".input_tokens_details"),                                             \
        USAGE_OUTPUT_RULES(at ".completion_token_details"),                                        \
        USAGE_OUTPUT_RULES(at ".completion_tokens_details"),                                       \
        USAGE_OUTPUT_RULES(at ".output_tokens_details")

/* Beside `usage`, in an answer's document. */
#define TIMINGS_RULES                                                                              \
    {"timings.cache_n", USAGE_TIMED_CACHED}, {"timings.prompt_n", USAGE_TIMED_PROMPT},             \
    {                                                                                              \
        "timings.predicted_n", USAGE_TIMED_OUTPUT                                                  \
    }

/* https://www.volcengine.com/docs/82379/1285207; in place of `usage` where that is missing. */
#define BOT_USAGE_RULES(at)                                                                        \
    {at, USAGE_BOTS}, {at "[].prompt_tokens", USAGE_BOT_INPUT},                                    \
        {at "[].completion_tokens", USAGE_BOT_OUTPUT},                                             \
        {at "[].prompt_tokens_details.cached_tokens", USAGE_BOT_CACHED},                           \
    {                                                                                              \
        at "[].completion_tokens_details.reasoning_tokens", USAGE_BOT_REASONING                    \
    }

/* Counts one more than they are, so that zeroed memory says "unknown". Later ones replace earlier
 * ones, field by field. */
struct openai_usage {
    int64_t counts[USAGE_COUNTS - USAGE_FIRST];
    int64_t audio_input; /* as `counts` */
    bool seen;           /* any that is no timing */
};

/* An event of a USAGE_* action. */
void openai_usage_json(struct tp_call_cx *cx, struct openai_usage *u, int action,
                       const struct tp_json_event *e);
/* There is no output: a total alone is the input. */
void openai_usage_input_only(struct openai_usage *u);
/* All is read: tells the host. Of an answer that failed on its way counts may be of several
 * moments, so that nothing is read from their differences. */
void openai_usage_end(struct tp_call_cx *cx, struct openai_usage *u, bool failed);

#endif
