/* SPDX-License-Identifier: MIT
 * What Bedrock's two APIs share.
 */
#ifndef PROVIDER_BEDROCK_H
#define PROVIDER_BEDROCK_H

#include <string.h>
#include <strings.h>
#include <tokprof/plugin.h>

extern const struct tp_provider_api bedrock_converse, bedrock_invoke;

/* The model stands in the path, /model/ID/..., where ':' and '/' of an ID come percent-encoded. */
void bedrock_set_model(struct tp_call_cx *cx, const struct tp_http_view *head);

/* InvokeModel names the tier in a header, of the request and of the answer. */
void bedrock_set_tier(struct tp_call_cx *cx, const struct tp_http_view *head);

static inline bool path_ends(const char *path, const char *end)
{
    size_t n = strlen(path), m = strlen(end);
    return n >= m && strcmp(path + n - m, end) == 0;
}

static inline bool is_word(const struct tp_json_event *e, const char *word)
{
    return e->type == TP_JSON_STRING && e->len == strlen(word) &&
           memcmp(e->data, word, e->len) == 0;
}

static inline void set_string(struct tp_call_cx *cx, enum tp_call_string which,
                              const struct tp_json_event *e)
{
    if (e->type == TP_JSON_STRING)
        cx->host->set_string(cx->call, which, e->data, e->len);
}

#endif
