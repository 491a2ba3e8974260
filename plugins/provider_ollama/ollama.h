/* SPDX-License-Identifier: MIT
 * What the APIs of local servers share: reading a request that is a prompt or messages.
 */
#ifndef PROVIDER_OLLAMA_H
#define PROVIDER_OLLAMA_H

#include <string.h>
#include <tokprof/plugin.h>

extern const struct tp_provider_api llama_completion;

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

static inline bool value_begins(const struct tp_json_event *e)
{
    return e->first && e->type != TP_JSON_OBJECT_END && e->type != TP_JSON_ARRAY_END;
}

/* A string that is a block by itself. */
static inline void text_block(struct tp_call_cx *cx, struct tp_block **at, enum tp_section section,
                              enum tp_block_kind kind, const struct tp_json_event *e)
{
    if (e->type != TP_JSON_STRING)
        return;
    if (!*at)
        *at = cx->host->block_open(cx->call, section, kind);
    cx->host->block_text(*at, e->data, e->len);
    if (!e->last)
        return;
    cx->host->block_close(*at);
    *at = NULL;
}

#endif
