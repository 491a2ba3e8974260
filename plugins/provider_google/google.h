/* SPDX-License-Identifier: MIT
 * What the files that read Google's API share: an action per rule, the state of one call, and the
 * reading of parts and of usage.
 */
#ifndef PROVIDER_GOOGLE_H
#define PROVIDER_GOOGLE_H

#include <string.h>
#include <tokprof/plugin.h>

enum action {
    IGNORED,
    MODEL,
    SYSTEM,
    TOOL,
    TOOL_OTHER,
    TOOL_NAME,
    CONTENT,
    ROLE,
    PART,
    TEXT,
    THOUGHT,
    MEDIA_TYPE,
    MEDIA,
    CALL,
    CALL_NAME,
    CALL_ID,
    CALL_ARGS,
    RESULT,
    RESULT_NAME,
    RESULT_ID,
    RESULT_VALUE,
    PART_OTHER,
    RESPONSE_ID,
    CANDIDATE,
    FINISH,
    QUERY,
    MAPS,
    FETCHED,
    CODE,
    BLOCKED,
    ERROR_OBJECT,
    USAGE_TIER,
    USAGE,
    USAGE_PROMPT,
    USAGE_CACHED,
    USAGE_CANDIDATES,
    USAGE_THOUGHTS,
    USAGE_TOOLS,
    USAGE_TOTAL,
    DETAIL,
    DETAIL_IN,
    DETAIL_OUT,
    DETAIL_COUNT,
};

extern const struct tp_provider_api google_interactions;

struct usage {
    int64_t prompt, cached, candidates, thoughts, tools, total;
    int64_t modality[2][TP_MODALITIES];
};

struct part {
    struct tp_block *call, *result, *media, *other;
    bool text_seen;
    bool text_begun; /* this part opened the running text itself */
    bool thought, thought_known;
    char type[32];
    size_t type_len;
};

struct state {
    bool in_answer, contents_seen, candidates_seen, usage_seen;
    bool finish_seen, usage_here; /* in the answer; in this document */
    struct tp_block *system, *tool;
    struct part part;
    uint32_t content, answer;
    bool answer_begun;
    char role[16];
    size_t role_len;
    struct tp_block *text; /* runs on over the parts of a stream */
    bool text_is_thought;
    unsigned parts_in_document;
    struct usage latest, reading;
    int detail_side, detail_modality; /* -1: not known */
    int64_t detail_count;
    /* uses of the provider's own tools: in this document, in all */
    int64_t queries_here, queries, fetched_here, fetched, code;
    bool maps;
};

static inline bool begins(const struct tp_json_event *e)
{
    return e->type == TP_JSON_OBJECT_BEGIN;
}

static inline bool ends(const struct tp_json_event *e)
{
    return e->type == TP_JSON_OBJECT_END;
}

static inline bool value_begins(const struct tp_json_event *e)
{
    return e->first && !ends(e) && e->type != TP_JSON_ARRAY_END;
}

static inline bool is(const struct tp_json_event *e, const char *word)
{
    return e->type == TP_JSON_STRING && e->len == strlen(word) &&
           memcmp(e->data, word, e->len) == 0;
}

static inline size_t copy(char *out, size_t size, const struct tp_json_event *e)
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

static inline struct tp_block *open_once(struct tp_call_cx *cx, struct tp_block **at,
                                         enum tp_block_kind kind)
{
    const struct state *s = cx->state;
    if (!*at)
        *at = cx->host->block_open(cx->call, s->in_answer ? TP_SECTION_OUTPUT : TP_SECTION_MESSAGES,
                                   kind);
    return *at;
}

/* An event of an action from PART to PART_OTHER. */
void google_part_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e);
/* The running text, of parts that follow one another in a stream, ends. */
void google_close_text(struct tp_call_cx *cx);

/* An event of an action from USAGE on (USAGE_TIER excepted); begin() before the first. */
void google_usage_begin(struct state *s);
void google_usage_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e);
/* All is read: tells the host. */
void google_usage_end(struct tp_call_cx *cx);

#endif
