/* SPDX-License-Identifier: MIT
 * What the OpenAI plugin's APIs share.
 */
#ifndef PROVIDER_OPENAI_H
#define PROVIDER_OPENAI_H

#include <string.h>
#include <tokprof/plugin.h>

extern const struct tp_provider_api openai_chat, openai_responses, openai_completions,
    openai_embeddings, dashscope_generation;

static inline bool is_word(const struct tp_json_event *e, const char *word)
{
    return e->type == TP_JSON_STRING && e->len == strlen(word) &&
           memcmp(e->data, word, e->len) == 0;
}

static inline bool begins(const struct tp_json_event *e)
{
    return e->type == TP_JSON_OBJECT_BEGIN;
}

static inline bool ends(const struct tp_json_event *e)
{
    return e->type == TP_JSON_OBJECT_END;
}

/* Whether a value begins with this event, so that it may be captured. */
static inline bool value_begins(const struct tp_json_event *e)
{
    return e->first && !ends(e) && e->type != TP_JSON_ARRAY_END;
}

static inline size_t copy_string(char *out, size_t size, const struct tp_json_event *e)
{
    if (e->type != TP_JSON_STRING)
        return 0;
    size_t n = e->len < size ? e->len : size;
    memcpy(out, e->data, n);
    return n;
}

static inline void set_string(struct tp_call_cx *cx, enum tp_call_string which,
                              const struct tp_json_event *e)
{
    if (e->type == TP_JSON_STRING)
        cx->host->set_string(cx->call, which, e->data, e->len);
}

static inline bool path_ends(const char *path, const char *end)
{
    size_t n = strlen(path), m = strlen(end);
    return n >= m && strcmp(path + n - m, end) == 0;
}

#endif
