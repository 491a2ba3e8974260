/* SPDX-License-Identifier: MIT */
#include "analyzer/model/row.h"

#include <stdlib.h>
#include <string.h>
#include <tokprof/event.h>

#include "common/unpack.h"

#define LABELS_MAX 256

const char *const tp_part_kind_names[TP_PART_KINDS] = {
    [TP_PART_SYSTEM] = "system",
    [TP_PART_TOOL_SCHEMA] = "tool_schema",
    [TP_PART_USER] = "user",
    [TP_PART_ASSISTANT] = "assistant",
    [TP_PART_REASONING] = "reasoning",
    [TP_PART_TOOL_CALL] = "tool_call",
    [TP_PART_TOOL_RESULT] = "tool_result",
    [TP_PART_IMAGE] = "image",
    [TP_PART_DOCUMENT] = "document",
    [TP_PART_AUDIO] = "audio",
    [TP_PART_VIDEO] = "video",
    [TP_PART_OTHER] = "other",
    [TP_PART_FRAMING] = "framing",
    [TP_PART_UNSEEN] = "unseen",
};

const char *const tp_source_names[] = {
    [TP_SOURCE_EXACT] = "exact",
    [TP_SOURCE_DERIVED] = "derived",
    [TP_SOURCE_ESTIMATED] = "estimated",
};

/* Event keys and their fields; a new key of the event format is a new line. */
static const struct {
    const char *key;
    enum tp_row_string field;
} string_keys[] = {
    {TP_K_MACHINE, TP_ROW_MACHINE},
    {TP_K_COMM, TP_ROW_COMM},
    {TP_K_PROGRAM, TP_ROW_PROGRAM},
    {TP_K_TREE, TP_ROW_TREE},
    {TP_K_SESSION, TP_ROW_SESSION},
    {TP_K_AGENT, TP_ROW_AGENT},
    {TP_K_THREAD, TP_ROW_THREAD},
    {TP_K_PARENT_THREAD, TP_ROW_PARENT_THREAD},
    {TP_K_SUBAGENT, TP_ROW_SUBAGENT},
    {TP_K_TURN, TP_ROW_TURN},
    {TP_K_PROJECT, TP_ROW_PROJECT},
    {TP_K_TASK, TP_ROW_TASK},
    {TP_K_SERVER, TP_ROW_SERVER},
    {TP_K_PROVIDER, TP_ROW_PROVIDER},
    {TP_K_API, TP_ROW_API},
    {TP_K_MODEL, TP_ROW_MODEL},
    {TP_K_MODEL_REQ, TP_ROW_MODEL_ASKED},
    {TP_K_PATH, TP_ROW_PATH},
    {TP_K_OUTCOME, TP_ROW_OUTCOME},
    {TP_K_STOP_REASON, TP_ROW_STOP_REASON},
    {TP_K_TIER, TP_ROW_TIER},
};

static const char *const usage_keys[TP_USAGE_FIELDS] = {
    [TP_USAGE_INPUT] = TP_U_INPUT,
    [TP_USAGE_CACHE_READ] = TP_U_CACHE_READ,
    [TP_USAGE_CACHE_WRITE] = TP_U_CACHE_WRITE,
    [TP_USAGE_CACHE_WRITE_5M] = TP_U_CACHE_WRITE_5M,
    [TP_USAGE_CACHE_WRITE_1H] = TP_U_CACHE_WRITE_1H,
    [TP_USAGE_OUTPUT] = TP_U_OUTPUT,
    [TP_USAGE_REASONING] = TP_U_REASONING,
};

static const char *const modality_keys[TP_MODALITIES] = {
    [TP_TEXT] = "text", [TP_IMAGE] = "image", [TP_AUDIO] = "audio", [TP_VIDEO] = "video"};

/* Numbers past the signed range are no counts of anything: unknown. */
static int64_t number(const msgpack_object *map, const char *key)
{
    uint64_t value;
    bool known = tp_unpack_u64(tp_unpack_get(map, key), &value);
    return known && value <= INT64_MAX ? (int64_t)value : -1;
}

/* Three values: what an older recorder did not say is not false. */
static int64_t truth(const msgpack_object *map, const char *key)
{
    bool value;
    return tp_unpack_bool(tp_unpack_get(map, key), &value) ? value : -1;
}

static uint32_t name(struct tp_names *names, const msgpack_object *o)
{
    if (!o || o->type != MSGPACK_OBJECT_STR)
        return TP_NAME_NONE;
    return tp_names_add(names, o->via.str.ptr, o->via.str.size);
}

static void decode_usage(const msgpack_object *event, struct tp_usage *u)
{
    const msgpack_object *map = tp_unpack_get(event, TP_K_USAGE);
    for (int i = 0; i < TP_USAGE_FIELDS; i++)
        u->tokens[i] = number(map, usage_keys[i]);
    for (int i = 0; i < TP_MODALITIES; i++) {
        u->modality[0][i] = number(tp_unpack_get(map, TP_U_MODALITY_IN), modality_keys[i]);
        u->modality[1][i] = number(tp_unpack_get(map, TP_U_MODALITY_OUT), modality_keys[i]);
    }
    /* Anthropic tells both times to live and not always their sum. */
    int64_t *t = u->tokens;
    if (t[TP_USAGE_CACHE_WRITE] < 0 && t[TP_USAGE_CACHE_WRITE_5M] >= 0 &&
        t[TP_USAGE_CACHE_WRITE_1H] >= 0 &&
        __builtin_add_overflow(t[TP_USAGE_CACHE_WRITE_5M], t[TP_USAGE_CACHE_WRITE_1H],
                               &t[TP_USAGE_CACHE_WRITE]))
        t[TP_USAGE_CACHE_WRITE] = -1;
}

/* Labels come from the command line; a recording with more of them than anyone types is cut. */
static bool decode_labels(const msgpack_object *event, struct tp_names *names, struct tp_row *row)
{
    const msgpack_object *map = tp_unpack_get(event, TP_K_LABELS);
    if (!map || map->type != MSGPACK_OBJECT_MAP || map->via.map.size == 0)
        return true;
    size_t n = map->via.map.size < LABELS_MAX ? map->via.map.size : LABELS_MAX;
    row->labels = calloc(n, sizeof(*row->labels));
    if (!row->labels)
        return false;
    for (size_t i = 0; i < n; i++) {
        struct tp_row_label label = {name(names, &map->via.map.ptr[i].key),
                                     name(names, &map->via.map.ptr[i].val)};
        if (label.key != TP_NAME_NONE)
            row->labels[row->label_count++] = label;
    }
    return true;
}

static bool decode_server_tools(const msgpack_object *event, struct tp_names *names,
                                struct tp_row *row)
{
    const msgpack_object *map = tp_unpack_get(event, TP_K_SERVER_TOOLS);
    if (!map || map->type != MSGPACK_OBJECT_MAP || map->via.map.size == 0)
        return true;
    size_t n =
        map->via.map.size < TP_ROW_SERVER_TOOLS_MAX ? map->via.map.size : TP_ROW_SERVER_TOOLS_MAX;
    row->server_tools = calloc(n, sizeof(*row->server_tools));
    if (!row->server_tools)
        return false;
    for (size_t i = 0; i < n; i++) {
        uint64_t count;
        uint32_t word = name(names, &map->via.map.ptr[i].key);
        if (word != TP_NAME_NONE && tp_unpack_u64(&map->via.map.ptr[i].val, &count) &&
            count <= INT64_MAX)
            row->server_tools[row->server_tool_count++] =
                (struct tp_row_server_tool){word, (int64_t)count};
    }
    return true;
}

static void decode_plain(const msgpack_object *event, struct tp_names *names, struct tp_row *row)
{
    const msgpack_object *transport = tp_unpack_get(event, TP_K_TRANSPORT);
    for (size_t i = 0; i < sizeof(string_keys) / sizeof(string_keys[0]); i++)
        row->string[string_keys[i].field] = name(names, tp_unpack_get(event, string_keys[i].key));
    row->string[TP_ROW_TLS] = name(names, tp_unpack_get(transport, TP_X_TLS));
    row->string[TP_ROW_HTTP] = name(names, tp_unpack_get(transport, TP_X_HTTP));
    row->string[TP_ROW_ENCODING] = name(names, tp_unpack_get(transport, TP_X_ENCODING));
    row->pid = number(event, TP_K_PID);
    row->http_status = number(event, TP_K_HTTP_STATUS);
    row->lost_bytes = number(event, TP_K_LOST_BYTES);
    row->stream = truth(event, TP_K_STREAM);
    row->complete = truth(event, TP_K_COMPLETE);
    tp_unpack_u64(tp_unpack_get(event, TP_K_TIME), &row->start_ns);
    row->request_end_ns = number(event, TP_K_T_REQUEST_END);
    row->response_ns = number(event, TP_K_T_RESPONSE);
    row->first_token_ns = number(event, TP_K_T_FIRST_TOKEN);
    row->last_token_ns = number(event, TP_K_T_LAST_TOKEN);
    row->end_ns = number(event, TP_K_T_END);
    row->has_parent = tp_unpack_hash(tp_unpack_get(event, TP_K_PARENT), &row->parent);
}

struct tp_row *tp_row_new(const msgpack_object *event, struct tp_names *names)
{
    struct tp_row *row = calloc(1, sizeof(*row));
    if (!row)
        return NULL;
    row->refs = 1;
    if (!tp_unpack_hash(tp_unpack_get(event, TP_K_ID), &row->id) ||
        !decode_labels(event, names, row) || !decode_server_tools(event, names, row)) {
        tp_row_unref(row);
        return NULL;
    }
    decode_plain(event, names, row);
    decode_usage(event, &row->usage);
    /* Until a parent is found, a call begins a conversation. */
    row->conversation = row->id;
    row->round = 1;
    return row;
}

struct tp_row *tp_row_ref(struct tp_row *row)
{
    row->refs++;
    return row;
}

void tp_row_unref(struct tp_row *row)
{
    if (!row || --row->refs > 0)
        return;
    for (size_t i = 0; i < row->tool_count; i++)
        free(row->tools[i].call_id);
    free(row->tools);
    free(row->parts);
    free(row->output_parts);
    free(row->labels);
    free(row->server_tools);
    free(row);
}

uint32_t tp_row_session(const struct tp_row *row)
{
    return row->string[row->string[TP_ROW_SESSION] ? TP_ROW_SESSION : TP_ROW_TREE];
}

uint32_t tp_row_agent(const struct tp_row *row)
{
    return row->string[row->string[TP_ROW_AGENT] ? TP_ROW_AGENT : TP_ROW_PROGRAM];
}

/* Cancelled counts: what such a call sent has not certainly been taken. */
bool tp_row_failed(const struct tp_row *row, const struct tp_names *names)
{
    const char *outcome = tp_names_text(names, row->string[TP_ROW_OUTCOME]);
    return outcome && strcmp(outcome, "ok") != 0;
}
