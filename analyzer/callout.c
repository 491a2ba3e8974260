/* SPDX-License-Identifier: MIT */
#include "analyzer/callout.h"

#include <string.h>

/* Key names of the usage, by enum tp_usage_field. */
static const char *const usage_names[TP_USAGE_FIELDS] = {
    [TP_USAGE_INPUT] = "input_tokens",
    [TP_USAGE_CACHE_READ] = "cache_read_input_tokens",
    [TP_USAGE_CACHE_WRITE] = "cache_write_input_tokens",
    [TP_USAGE_CACHE_WRITE_5M] = "cache_write_5m_input_tokens",
    [TP_USAGE_CACHE_WRITE_1H] = "cache_write_1h_input_tokens",
    [TP_USAGE_OUTPUT] = "output_tokens",
    [TP_USAGE_REASONING] = "reasoning_output_tokens",
};

static const char *const modality_names[TP_MODALITIES] = {
    [TP_TEXT] = "text", [TP_IMAGE] = "image", [TP_AUDIO] = "audio", [TP_VIDEO] = "video"};

void tp_conversation_name(const struct tp_row *row, char ret_text[TP_CONVERSATION_SIZE])
{
    char hex[TP_HEX_SIZE];
    tp_hash_hex(&row->conversation, hex);
    memcpy(ret_text, hex, TP_CONVERSATION_SIZE - 1);
    ret_text[TP_CONVERSATION_SIZE - 1] = '\0';
}

void tp_json_usage(struct tp_json *j, const struct tp_usage *usage)
{
    for (int i = 0; i < TP_USAGE_FIELDS; i++)
        tp_json_kv_int(j, usage_names[i], usage->tokens[i]);
    tp_json_key(j, "modality");
    tp_json_map(j);
    for (int side = 0; side < 2; side++) {
        tp_json_key(j, side == 0 ? "input" : "output");
        tp_json_map(j);
        for (int i = 0; i < TP_MODALITIES; i++)
            tp_json_kv_int(j, modality_names[i], usage->modality[side][i]);
        tp_json_map_end(j);
    }
    tp_json_map_end(j);
}

void tp_json_parts(struct tp_json *j, const struct tp_part *parts, size_t count,
                   const struct tp_names *names)
{
    char hex[TP_HEX_SIZE];
    tp_json_array(j);
    for (size_t i = 0; i < count; i++) {
        tp_hash_hex(&parts[i].first_call, hex);
        tp_json_map(j);
        tp_json_kv_text(j, "kind", tp_part_kind_names[parts[i].kind]);
        tp_json_kv_text(j, "name", tp_names_text(names, parts[i].name));
        tp_json_kv_int(j, "tokens", parts[i].tokens);
        tp_json_kv_text(j, "source", parts[i].tokens < 0 ? NULL : tp_source_names[parts[i].source]);
        tp_json_kv_int(j, "cached_tokens", parts[i].cached_tokens);
        tp_json_kv_text(j, "first_call", hex);
        tp_json_map_end(j);
    }
    tp_json_array_end(j);
}

int64_t tp_row_ttft_ns(const struct tp_row *row)
{
    return row->first_token_ns;
}

/* Only where the answer streamed: otherwise all tokens arrive at once and the quotient says
 * nothing. */
int64_t tp_row_per_output_token_ns(const struct tp_row *row)
{
    int64_t output = row->usage.tokens[TP_USAGE_OUTPUT];
    if (row->stream != 1 || output < 2 || row->first_token_ns < 0 ||
        row->last_token_ns < row->first_token_ns)
        return -1;
    return (row->last_token_ns - row->first_token_ns) / (output - 1);
}

static void json_hash(struct tp_json *j, const char *key, bool known, const struct tp_hash *hash)
{
    char hex[TP_HEX_SIZE];
    tp_hash_hex(hash, hex);
    tp_json_kv_text(j, key, known ? hex : NULL);
}

static void json_strings(struct tp_json *j, const struct tp_row *row, const struct tp_names *names,
                         const char *const keys[TP_ROW_STRINGS], int first, int last)
{
    for (int i = first; i <= last; i++)
        if (keys[i])
            tp_json_kv_text(j, keys[i], tp_names_text(names, row->string[i]));
}

static void json_where(struct tp_json *j, const struct tp_row *row, const struct tp_names *names)
{
    static const char *const keys[TP_ROW_STRINGS] = {
        [TP_ROW_MACHINE] = "machine",
        [TP_ROW_COMM] = "comm",
        [TP_ROW_SERVER] = "server",
        [TP_ROW_PROVIDER] = "provider",
        [TP_ROW_API] = "api",
        [TP_ROW_MODEL] = "model",
        [TP_ROW_PATH] = "path",
        [TP_ROW_OUTCOME] = "outcome",
        [TP_ROW_STOP_REASON] = "stop_reason",
        [TP_ROW_TIER] = "service_tier",
    };
    json_hash(j, "id", true, &row->id);
    json_hash(j, "parent", row->has_parent, &row->parent);
    tp_json_kv_u64(j, "start_unix_ns", row->start_ns);
    tp_json_key(j, "end_unix_ns");
    if (row->end_ns < 0)
        tp_json_text(j, NULL);
    else
        tp_json_u64(j, row->start_ns + (uint64_t)row->end_ns);
    tp_json_kv_int(j, "pid", row->pid);
    json_strings(j, row, names, keys, 0, TP_ROW_STRINGS - 1);
    tp_json_kv_truth(j, "stream", row->stream);
    tp_json_kv_int(j, "http_status", row->http_status);
    tp_json_kv_truth(j, "complete", row->complete);
    tp_json_kv_int(j, "lost_bytes", row->lost_bytes);
}

static void json_place(struct tp_json *j, const struct tp_row *row, const struct tp_names *names)
{
    static const char *const keys[TP_ROW_STRINGS] = {
        [TP_ROW_THREAD] = "thread",     [TP_ROW_PARENT_THREAD] = "parent_thread",
        [TP_ROW_SUBAGENT] = "subagent", [TP_ROW_TURN] = "turn",
        [TP_ROW_PROJECT] = "project",
    };
    char conversation[TP_CONVERSATION_SIZE];
    tp_conversation_name(row, conversation);
    tp_json_kv_text(j, "task", tp_names_text(names, row->string[TP_ROW_TASK]));
    tp_json_kv_text(j, "session", tp_names_text(names, tp_row_session(row)));
    tp_json_kv_text(j, "conversation", conversation);
    tp_json_kv_u64(j, "round", row->round);
    tp_json_kv_text(j, "agent", tp_names_text(names, tp_row_agent(row)));
    json_strings(j, row, names, keys, TP_ROW_THREAD, TP_ROW_PROJECT);
    tp_json_key(j, "labels");
    tp_json_map(j);
    for (size_t i = 0; i < row->label_count; i++)
        tp_json_kv_text(j, tp_names_text(names, row->labels[i].key),
                        tp_names_text(names, row->labels[i].value));
    tp_json_map_end(j);
}

static void json_server_tools(struct tp_json *j, const struct tp_row *row,
                              const struct tp_names *names)
{
    tp_json_key(j, "server_tools");
    tp_json_map(j);
    for (size_t i = 0; i < row->server_tool_count; i++)
        tp_json_kv_int(j, tp_names_text(names, row->server_tools[i].name),
                       row->server_tools[i].count);
    tp_json_map_end(j);
}

/* `cost_usd` for those who sum, `cost` for what was really charged: providers in China bill in
 * CNY. */
static void json_cost(struct tp_json *j, const struct tp_row *row)
{
    bool dollars = row->has_cost && strcmp(row->cost.currency, "USD") == 0;
    tp_json_kv_nano(j, "cost_usd", dollars, row->cost.nano);
    tp_json_key(j, "cost");
    tp_json_map(j);
    tp_json_kv_nano(j, "amount", row->has_cost, row->cost.nano);
    tp_json_kv_text(j, "currency", row->has_cost ? row->cost.currency : NULL);
    tp_json_kv_nano(j, "fees", row->has_cost, row->cost.fees_nano);
    tp_json_kv_int(j, "unpriced_uses", row->has_cost ? (int64_t)row->cost.unpriced_uses : -1);
    tp_json_map_end(j);
}

static void json_speed(struct tp_json *j, const struct tp_row *row, const struct tp_names *names)
{
    tp_json_key(j, "latency");
    tp_json_map(j);
    tp_json_kv_int(j, "ttft_ns", tp_row_ttft_ns(row));
    tp_json_kv_int(j, "duration_ns", row->end_ns);
    tp_json_kv_int(j, "per_output_token_ns", tp_row_per_output_token_ns(row));
    tp_json_map_end(j);
    tp_json_key(j, "transport");
    tp_json_map(j);
    tp_json_kv_text(j, "tls", tp_names_text(names, row->string[TP_ROW_TLS]));
    tp_json_kv_text(j, "http", tp_names_text(names, row->string[TP_ROW_HTTP]));
    tp_json_kv_text(j, "encoding", tp_names_text(names, row->string[TP_ROW_ENCODING]));
    tp_json_map_end(j);
}

static void json_tools(struct tp_json *j, const struct tp_row *row, const struct tp_names *names)
{
    tp_json_key(j, "tools");
    tp_json_array(j);
    for (size_t i = 0; i < row->tool_count; i++) {
        const struct tp_row_tool *tool = &row->tools[i];
        tp_json_map(j);
        tp_json_kv_text(j, "name", tp_names_text(names, tool->name));
        tp_json_kv_text(j, "call_id", tool->call_id);
        tp_json_kv_int(j, "duration_ns", tool->duration_ns);
        tp_json_kv_int(j, "result_tokens", tool->result_tokens);
        tp_json_kv_truth(j, "failed", tool->resolved ? tool->failed : -1);
        tp_json_map_end(j);
    }
    tp_json_array_end(j);
}

void tp_json_call(struct tp_json *j, const struct tp_row *row, const struct tp_names *names)
{
    tp_json_map(j);
    json_where(j, row, names);
    json_place(j, row, names);
    tp_json_key(j, "usage");
    tp_json_map(j);
    tp_json_usage(j, &row->usage);
    tp_json_map_end(j);
    json_server_tools(j, row, names);
    json_cost(j, row);
    json_speed(j, row, names);
    tp_json_key(j, "parts");
    tp_json_parts(j, row->parts, row->part_count, names);
    tp_json_key(j, "output_parts");
    tp_json_parts(j, row->output_parts, row->output_part_count, names);
    json_tools(j, row, names);
    tp_json_map_end(j);
}
