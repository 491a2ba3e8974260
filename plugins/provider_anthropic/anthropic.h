/* SPDX-License-Identifier: MIT
 * What reading Anthropic's messages and reading their parts share.
 */
#ifndef PROVIDER_ANTHROPIC_H
#define PROVIDER_ANTHROPIC_H

#include <string.h>
#include <strings.h>
#include <tokprof/plugin.h>

enum action {
    MODEL,
    STREAM,
    SYSTEM,
    SYSTEM_PART,
    SYSTEM_TEXT,
    TOOL,
    TOOL_NAME,
    MESSAGE,
    ROLE,
    TIER,
    /* a part of content, in requests and answers */
    STRING_CONTENT,
    PART,
    PART_TYPE,
    PART_TEXT,
    PART_THINKING,
    PART_DATA,
    PART_ID,
    PART_NAME,
    PART_INPUT,
    PART_RESULT_ID,
    PART_RESULT_TEXT,
    PART_RESULT,
    PART_RESULT_TYPE,
    PART_RESULT_PART_TEXT,
    PART_RESULT_SOURCE,
    PART_FAILED,
    PART_SOURCE,
    PART_IGNORED,
    PART_OTHER,
    /* answer */
    TYPE,
    RESPONSE_ID,
    STOP_REASON,
    ERROR_OBJECT,
    INDEX,
    STARTED,
    DELTA_TEXT,
    DELTA_JSON,
    DELTA_THINKING,
    USAGE_INPUT,
    USAGE_READ,
    USAGE_WRITE,
    USAGE_WRITE_5M,
    USAGE_WRITE_1H,
    USAGE_OUTPUT,
    USAGE_THINKING,
    USAGE_TOTAL,
    USED_SEARCH,
    USED_FETCH,
    USED_CODE,
    USED_TOOL_SEARCH,
    ITERATIONS,
    ITERATION,
    ITERATION_TYPE,
    ITERATION_INPUT, /* from here on in the order of USAGE_INPUT ... */
    ITERATION_READ,
    ITERATION_WRITE,
    ITERATION_WRITE_5M,
    ITERATION_WRITE_1H,
    ITERATION_OUTPUT,
};

#define STREAMED_MAX 64 /* content blocks open at once in a stream */

enum part_type {
    UNTOLD,
    TEXT,
    REASONING,
    TOOL_USE,
    TOOL_RESULT,
    IMAGE,
    DOCUMENT,
    UNKNOWN,
};

struct part {
    struct tp_block *block; /* its content */
    struct tp_block *other; /* members that no rule knows */
    enum part_type type;
    char type_name[64], call_id[128], result_id[128];
    size_t type_len, call_id_len, result_id_len;
    bool failed;
    uint32_t group; /* of a result's content */
    struct tp_block *inner;
    bool inner_document;
};

/* -1: not told. In the order of USAGE_INPUT ... */
struct counts {
    int64_t input, read, write, write_5m, write_1h, output, thinking, total;
};

struct state {
    struct tp_block *system, *tool;
    struct part part;
    uint32_t message;
    char role;
    bool in_answer, messages_seen;
    struct tp_block *streamed[STREAMED_MAX];
    int64_t index;  /* that this event names, or -1 */
    int64_t latest; /* that was started last */
    enum { EVENT_OTHER, EVENT_START, EVENT_STOP } event;
    uint32_t answer; /* group of the answer's blocks */
    bool answer_begun, message_seen;
    struct counts usage, reading; /* said so far; by this document */
    struct counts iteration, compaction;
    enum { MESSAGE_ITERATION, COMPACTION, ADVISOR } iteration_type;
    int64_t advised;
    bool usage_seen;
};

static inline bool is(const struct tp_json_event *e, const char *word)
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

/* A part of content begins, goes on and ends; all between are events of PART_* actions. */
void anthropic_part_begin(struct tp_call_cx *cx);
void anthropic_part_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e);
void anthropic_part_end(struct tp_call_cx *cx);

/* The part that a stream opens: returns the block that its deltas go on filling, or NULL. */
struct tp_block *anthropic_part_streamed(struct tp_call_cx *cx);

/* Before the first; an event of an action from USAGE_INPUT on; after each document; at the end. */
void anthropic_usage_begin(struct state *s);
void anthropic_usage_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e);
void anthropic_usage_merge(struct state *s);
void anthropic_usage_end(struct tp_call_cx *cx);

/* *at, opened if it was not. */
struct tp_block *anthropic_open_once(struct tp_call_cx *cx, struct tp_block **at,
                                     enum tp_block_kind kind);

#endif
