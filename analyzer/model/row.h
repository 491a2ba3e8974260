/* SPDX-License-Identifier: MIT
 * One call as the analyzer knows it: the call event decoded, its place among the others, its parts,
 * its cost. Strings are numbers of struct tp_names. Counts are negative where unknown.
 */
#ifndef TP_ROW_H
#define TP_ROW_H

#include <msgpack.h>
#include <stdbool.h>
#include <stdint.h>
#include <tokprof/plugin.h>

#include "analyzer/model/names.h"
#include "common/hash.h"
#include "common/prices.h"

/* Kinds of parts: those of blocks (the event format's words, in its order), then the analyzer's
 * own. */
enum tp_part_kind {
    TP_PART_SYSTEM,
    TP_PART_TOOL_SCHEMA,
    TP_PART_USER,
    TP_PART_ASSISTANT,
    TP_PART_REASONING,
    TP_PART_TOOL_CALL,
    TP_PART_TOOL_RESULT,
    TP_PART_IMAGE,
    TP_PART_DOCUMENT,
    TP_PART_AUDIO,
    TP_PART_VIDEO,
    TP_PART_OTHER,
    TP_PART_FRAMING, /* what the provider adds around the blocks, where it shows by itself */
    TP_PART_UNSEEN,  /* content that tokprof did not see */
    TP_PART_KINDS
};

/* The words that the command line prints, by kind. */
extern const char *const tp_part_kind_names[TP_PART_KINDS];

/* Ordered: a sum is as good as its worst part. */
enum tp_source { TP_SOURCE_EXACT, TP_SOURCE_DERIVED, TP_SOURCE_ESTIMATED };

/* By enum tp_source. */
extern const char *const tp_source_names[];

/* Some tokens of a call: all its blocks of one kind and name that were first sent by the same
 * call. Token counts are negative where unknown; those of the cache are parts of `tokens`. */
struct tp_part {
    enum tp_part_kind kind;
    enum tp_source source;
    uint32_t name;
    struct tp_hash first_call;
    int64_t tokens;
    int64_t cached_tokens;     /* input parts: at the price of cache reads */
    int64_t written_tokens;    /* input parts: written to the cache, both times to live */
    int64_t written_1h_tokens; /* of these, for an hour */
    int64_t written_5m_tokens; /* of these, for five minutes, where the provider says so */
    uint64_t cost_nano;        /* its share of the call's cost */
};

/* A tool call that this call's answer asked for. */
struct tp_row_tool {
    uint32_t name;
    char *call_id;    /* NULL: the provider gives none */
    uint64_t id_hash; /* of it as sent; 0: none */
    bool resolved;    /* its result came */
    bool failed;      /* and says that it failed */
    int64_t duration_ns;
    int64_t result_tokens;
};

/* What the provider said, inclusive: input contains cache reads and writes, output contains
 * reasoning. */
struct tp_usage {
    int64_t tokens[TP_USAGE_FIELDS];    /* by enum tp_usage_field */
    int64_t modality[2][TP_MODALITIES]; /* [0] input, [1] output */
};

/* Strings of a row, each a number of struct tp_names. */
enum tp_row_string {
    TP_ROW_MACHINE,
    TP_ROW_COMM,
    TP_ROW_PROGRAM,
    TP_ROW_TREE,
    TP_ROW_SESSION,
    TP_ROW_AGENT,
    TP_ROW_THREAD,
    TP_ROW_PARENT_THREAD,
    TP_ROW_SUBAGENT,
    TP_ROW_TURN,
    TP_ROW_PROJECT,
    TP_ROW_TASK,
    TP_ROW_SERVER,
    TP_ROW_PROVIDER,
    TP_ROW_API,
    TP_ROW_MODEL,
    TP_ROW_MODEL_ASKED,
    TP_ROW_PATH,
    TP_ROW_OUTCOME,
    TP_ROW_STOP_REASON,
    TP_ROW_TIER,
    TP_ROW_TLS,
    TP_ROW_HTTP,
    TP_ROW_ENCODING,
    TP_ROW_STRINGS
};

#define TP_ROW_SERVER_TOOLS_MAX 64

/* Uses of a tool that the provider runs itself. */
struct tp_row_server_tool {
    uint32_t name;
    int64_t count;
};

/* From --label: key and value. */
struct tp_row_label {
    uint32_t key, value;
};

/* Counted references: the model holds rows back, the tree keeps them all. Whoever got one with
 * an operation's call must take a reference to keep it. Not safe across threads. */
struct tp_row {
    unsigned refs;
    struct tp_hash id, parent;
    bool has_parent;
    uint32_t string[TP_ROW_STRINGS];
    int64_t pid, http_status, lost_bytes;
    int64_t stream, complete; /* 0, 1, or negative: unknown */
    uint64_t start_ns;        /* Unix time */
    int64_t request_end_ns, response_ns, first_token_ns, last_token_ns, end_ns; /* after start_ns */
    struct tp_usage usage;
    struct tp_row_label *labels;
    size_t label_count;
    struct tp_row_server_tool *server_tools;
    size_t server_tool_count;

    struct tp_hash conversation; /* id of its first call */
    uint32_t round;              /* from 1 */
    struct tp_part *parts, *output_parts;
    size_t part_count, output_part_count;
    struct tp_row_tool *tools;
    size_t tool_count, tools_open;
    bool has_cost;
    struct tp_cost cost;
};

/* Decodes a call event. NULL without memory, or where the event has no id. */
struct tp_row *tp_row_new(const msgpack_object *event, struct tp_names *names);
/* Takes a reference; returns the row. */
struct tp_row *tp_row_ref(struct tp_row *row);
/* Gives one back; the last frees. NULL is fine. */
void tp_row_unref(struct tp_row *row);

/* The session: the agent's own, else the process tree. */
uint32_t tp_row_session(const struct tp_row *row);
/* The agent by name, else the program. */
uint32_t tp_row_agent(const struct tp_row *row);
/* Whether its outcome is another than "ok": error or cancelled. False where it is not told. */
bool tp_row_failed(const struct tp_row *row, const struct tp_names *names);

#endif
