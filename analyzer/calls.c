/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <time.h>

#include "analyzer/callout.h"
#include "analyzer/command.h"
#include "analyzer/input.h"
#include "common/log.h"

/* What a person wants to see of a call in a line; CSV has more. */
static const struct tp_column table_columns[] = {
    {"time"},       {"conversation"},      {"round", true},      {"agent"},
    {"model"},      {"input", true},       {"cached", true},     {"output", true},
    {"cost", true}, {"first token", true}, {"time taken", true}, {"outcome"},
    {"tools"}};

static const struct tp_column csv_columns[] = {{"id"},
                                               {"parent"},
                                               {"start_unix_ns"},
                                               {"end_unix_ns"},
                                               {"pid"},
                                               {"comm"},
                                               {"machine"},
                                               {"server"},
                                               {"provider"},
                                               {"api"},
                                               {"model"},
                                               {"path"},
                                               {"stream"},
                                               {"http_status"},
                                               {"outcome"},
                                               {"stop_reason"},
                                               {"service_tier"},
                                               {"complete"},
                                               {"lost_bytes"},
                                               {"task"},
                                               {"session"},
                                               {"conversation"},
                                               {"round"},
                                               {"agent"},
                                               {"input_tokens"},
                                               {"cache_read_input_tokens"},
                                               {"cache_write_input_tokens"},
                                               {"cache_write_5m_input_tokens"},
                                               {"cache_write_1h_input_tokens"},
                                               {"output_tokens"},
                                               {"reasoning_output_tokens"},
                                               {"cost_usd"},
                                               {"ttft_ns"},
                                               {"duration_ns"},
                                               {"per_output_token_ns"},
                                               {"tls"},
                                               {"http"},
                                               {"encoding"},
                                               {"tools"}};

struct output {
    struct tp_analysis analysis;
    struct tp_json json;
    struct tp_table *table;
};

/* One object a line (NDJSON), written as the calls come: a pipe sees them at once. */
static void on_call_json(void *cx, const struct tp_row *row)
{
    struct output *o = cx;
    tp_json_call(&o->json, row, o->analysis.names);
    tp_json_flush(&o->json);
}

static bool in_dollars(const struct tp_row *row)
{
    return row->has_cost && strcmp(row->cost.currency, "USD") == 0;
}

/* "read_file x2, shell" */
static void tools_text(const struct tp_row *row, const struct tp_names *names, char *ret,
                       size_t size)
{
    size_t at = 0;
    ret[0] = '\0';
    for (size_t i = 0; i < row->tool_count; i++) {
        size_t same = 1, before = 0;
        for (size_t k = 0; k < row->tool_count; k++) {
            before += k < i && row->tools[k].name == row->tools[i].name;
            same += k > i && row->tools[k].name == row->tools[i].name;
        }
        const char *name = tp_names_text(names, row->tools[i].name);
        char times[24] = "";
        if (before > 0)
            continue;
        if (same > 1)
            snprintf(times, sizeof(times), " x%zu", same);
        int n = snprintf(ret + at, size - at, "%s%s%s", at ? ", " : "", name ? name : "?", times);
        if (n < 0 || (size_t)n >= size - at)
            return;
        at += (size_t)n;
    }
}

/* Local time, short ids: a person reads this. CSV and JSON have the exact values. */
static void on_call_table(void *cx, const struct tp_row *row)
{
    struct output *o = cx;
    const struct tp_names *names = o->analysis.names;
    char conversation[TP_CONVERSATION_SIZE], when[40], tools[256];
    time_t s = (time_t)(row->start_ns / 1000000000);
    struct tm tm;
    tp_conversation_name(row, conversation);
    conversation[8] = '\0';
    strftime(when, sizeof(when), "%m-%d %H:%M:%S", localtime_r(&s, &tm));
    tools_text(row, names, tools, sizeof(tools));
    tp_table_text(o->table, when);
    tp_table_text(o->table, conversation);
    tp_table_count(o->table, row->round);
    tp_table_text(o->table, tp_names_text(names, tp_row_agent(row)));
    tp_table_text(o->table, tp_names_text(names, row->string[TP_ROW_MODEL]));
    tp_table_count(o->table, row->usage.tokens[TP_USAGE_INPUT]);
    tp_table_count(o->table, row->usage.tokens[TP_USAGE_CACHE_READ]);
    tp_table_count(o->table, row->usage.tokens[TP_USAGE_OUTPUT]);
    tp_table_cost(o->table, row->has_cost, row->cost.currency, row->cost.nano);
    tp_table_time(o->table, tp_row_ttft_ns(row));
    tp_table_time(o->table, row->end_ns);
    const char *outcome = tp_names_text(names, row->string[TP_ROW_OUTCOME]);
    char marked[64];
    snprintf(marked, sizeof(marked), "%s%s", outcome ? outcome : "?",
             row->complete == 0 ? " (incomplete)" : "");
    tp_table_text(o->table, marked);
    tp_table_text(o->table, tools);
}

static void csv_truth(struct tp_table *t, int64_t value)
{
    tp_table_text(t, value < 0 ? NULL : value ? "true" : "false");
}

static void csv_u64(struct tp_table *t, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    tp_table_text(t, text);
}

static void csv_string(struct output *o, const struct tp_row *row, enum tp_row_string s)
{
    tp_table_text(o->table, tp_names_text(o->analysis.names, row->string[s]));
}

static void csv_who(struct output *o, const struct tp_row *row)
{
    struct tp_table *t = o->table;
    char hex[TP_HEX_SIZE];
    tp_hash_hex(&row->id, hex);
    tp_table_text(t, hex);
    tp_hash_hex(&row->parent, hex);
    tp_table_text(t, row->has_parent ? hex : NULL);
    csv_u64(t, row->start_ns);
    if (row->end_ns < 0)
        tp_table_text(t, NULL);
    else
        csv_u64(t, row->start_ns + (uint64_t)row->end_ns);
    tp_table_count(t, row->pid);
    csv_string(o, row, TP_ROW_COMM);
    csv_string(o, row, TP_ROW_MACHINE);
    csv_string(o, row, TP_ROW_SERVER);
    csv_string(o, row, TP_ROW_PROVIDER);
    csv_string(o, row, TP_ROW_API);
    csv_string(o, row, TP_ROW_MODEL);
    csv_string(o, row, TP_ROW_PATH);
    csv_truth(t, row->stream);
    tp_table_count(t, row->http_status);
    csv_string(o, row, TP_ROW_OUTCOME);
    csv_string(o, row, TP_ROW_STOP_REASON);
    csv_string(o, row, TP_ROW_TIER);
    csv_truth(t, row->complete);
    tp_table_count(t, row->lost_bytes);
}

static void on_call_csv(void *cx, const struct tp_row *row)
{
    struct output *o = cx;
    struct tp_table *t = o->table;
    const struct tp_names *names = o->analysis.names;
    char conversation[TP_CONVERSATION_SIZE], tools[256];
    tp_conversation_name(row, conversation);
    tools_text(row, names, tools, sizeof(tools));
    csv_who(o, row);
    csv_string(o, row, TP_ROW_TASK);
    tp_table_text(t, tp_names_text(names, tp_row_session(row)));
    tp_table_text(t, conversation);
    csv_u64(t, row->round);
    tp_table_text(t, tp_names_text(names, tp_row_agent(row)));
    for (int i = 0; i < TP_USAGE_FIELDS; i++)
        tp_table_count(t, row->usage.tokens[i]);
    tp_table_money(t, in_dollars(row), row->cost.nano);
    tp_table_time(t, tp_row_ttft_ns(row));
    tp_table_time(t, row->end_ns);
    tp_table_time(t, tp_row_per_output_token_ns(row));
    csv_string(o, row, TP_ROW_TLS);
    csv_string(o, row, TP_ROW_HTTP);
    csv_string(o, row, TP_ROW_ENCODING);
    tp_table_text(t, tools);
}

int tp_calls_run(const struct tp_arguments *arguments)
{
    static const struct tp_model_ops ops[] = {
        [TP_FORMAT_TABLE] = {.call = on_call_table},
        [TP_FORMAT_JSON] = {.call = on_call_json},
        [TP_FORMAT_CSV] = {.call = on_call_csv},
    };
    struct output o = {0};
    bool csv = arguments->format == TP_FORMAT_CSV;
    int status = tp_analysis_init(&o.analysis, &ops[arguments->format], &o);
    if (status)
        return status;
    o.table =
        csv ? tp_table_new(stdout, true, csv_columns, sizeof(csv_columns) / sizeof(csv_columns[0]))
            : tp_table_new(stdout, false, table_columns,
                           sizeof(table_columns) / sizeof(table_columns[0]));
    if (o.table && tp_json_init(&o.json, stdout, false)) {
        status = tp_input_run(o.analysis.model, arguments->files, arguments->file_count);
    } else {
        tp_error("out of memory; close something and try again");
        status = TP_EXIT_BAD;
    }
    if (arguments->format != TP_FORMAT_JSON && status == 0)
        tp_table_free(o.table);
    else
        tp_table_discard(o.table);
    tp_json_done(&o.json);
    tp_analysis_done(&o.analysis);
    return status;
}
