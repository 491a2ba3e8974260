/* SPDX-License-Identifier: MIT */
#include "analyzer/report/sums.h"

#include <string.h>

#include "analyzer/callout.h"

/* Saturates: hostile counts must not wrap into small ones. */
static void add(uint64_t *sum, int64_t more)
{
    if (more > 0 && __builtin_add_overflow(*sum, (uint64_t)more, sum))
        *sum = UINT64_MAX;
}

static void add_known(uint64_t *sum, int64_t *known, int64_t more)
{
    if (more < 0)
        return;
    add(sum, more);
    ++*known;
}

/* Currencies do not add up: a call priced in another one counts as unknown in dollars, and has a
 * sum of its own. A fifth currency, which no table knows, shows in `calls` alone. */
static void add_other(struct tp_sum *sum, const struct tp_row *row, uint64_t nano)
{
    for (int i = 0; i < TP_SUM_CURRENCIES; i++) {
        struct tp_sum_money *m = &sum->other[i];
        if (!m->currency[0])
            memcpy(m->currency, row->cost.currency, sizeof(m->currency));
        if (strcmp(m->currency, row->cost.currency) != 0)
            continue;
        add(&m->nano, (int64_t)nano);
        return;
    }
}

static bool in_dollars(const struct tp_row *row)
{
    return row->has_cost && strcmp(row->cost.currency, "USD") == 0;
}

void tp_sum_add_call(struct tp_sum *sum, const struct tp_row *row, const struct tp_names *names)
{
    sum->calls++;
    sum->in_calls++;
    for (int i = 0; i < TP_USAGE_FIELDS; i++) {
        add_known(&sum->tokens[i], &sum->known[i], row->usage.tokens[i]);
        sum->unknown[i] += row->usage.tokens[i] < 0;
    }
    for (int i = 0; i < 2 * TP_MODALITIES; i++)
        add_known(&sum->modality[i / TP_MODALITIES][i % TP_MODALITIES],
                  &sum->modality_known[i / TP_MODALITIES][i % TP_MODALITIES],
                  row->usage.modality[i / TP_MODALITIES][i % TP_MODALITIES]);
    bool dollars = in_dollars(row);
    add_known(&sum->cost_nano, &sum->cost_known, dollars ? (int64_t)row->cost.nano : -1);
    sum->cost_unknown += !dollars;
    sum->unpriced_calls += !row->has_cost;
    if (row->has_cost && !dollars)
        add_other(sum, row, row->cost.nano);
    add(&sum->lost_bytes, row->lost_bytes);
    add(&sum->duration_ns, row->end_ns);
    sum->incomplete_calls += row->complete == 0;
    if (tp_row_failed(row, names)) {
        bool cancelled =
            strcmp(tp_names_text(names, row->string[TP_ROW_OUTCOME]), "cancelled") == 0;
        *(cancelled ? &sum->cancelled_calls : &sum->failed_calls) += 1;
    }
    for (size_t i = 0; i < row->part_count; i++)
        if (row->parts[i].kind == TP_PART_UNSEEN)
            add(&sum->unattributed_tokens, row->parts[i].tokens);
    for (size_t i = 0; i < row->output_part_count; i++)
        if (row->output_parts[i].kind == TP_PART_UNSEEN)
            add(&sum->unattributed_tokens, row->output_parts[i].tokens);
}

/* A part has no `unknown`: that is told by its call, which is counted once, elsewhere. */
void tp_sum_add_part(struct tp_sum *sum, const struct tp_row *row, const struct tp_part *part,
                     bool output)
{
    bool reasoning = part->kind == TP_PART_REASONING && row->usage.tokens[TP_USAGE_REASONING] >= 0;
    if (output) {
        add_known(&sum->tokens[TP_USAGE_OUTPUT], &sum->known[TP_USAGE_OUTPUT], part->tokens);
        add_known(&sum->tokens[TP_USAGE_REASONING], &sum->known[TP_USAGE_REASONING],
                  reasoning ? part->tokens : -1);
    } else {
        add_known(&sum->tokens[TP_USAGE_INPUT], &sum->known[TP_USAGE_INPUT], part->tokens);
        add_known(&sum->tokens[TP_USAGE_CACHE_READ], &sum->known[TP_USAGE_CACHE_READ],
                  part->cached_tokens);
        add_known(&sum->tokens[TP_USAGE_CACHE_WRITE], &sum->known[TP_USAGE_CACHE_WRITE],
                  part->written_tokens);
        add_known(&sum->tokens[TP_USAGE_CACHE_WRITE_5M], &sum->known[TP_USAGE_CACHE_WRITE_5M],
                  part->written_5m_tokens);
        add_known(&sum->tokens[TP_USAGE_CACHE_WRITE_1H], &sum->known[TP_USAGE_CACHE_WRITE_1H],
                  part->written_1h_tokens);
    }
    if (part->kind == TP_PART_UNSEEN)
        add(&sum->unattributed_tokens, part->tokens);
    if (in_dollars(row))
        add_known(&sum->cost_nano, &sum->cost_known, (int64_t)part->cost_nano);
    else if (row->has_cost)
        add_other(sum, row, part->cost_nano);
}

void tp_sum_add_tool(struct tp_sum *sum, const struct tp_row_tool *tool)
{
    sum->uses++;
    sum->failed_uses += tool->resolved && tool->failed;
    add_known(&sum->use_ns, &sum->use_ns_known, tool->duration_ns);
    add(&sum->result_tokens, tool->result_tokens);
}

/* Never below zero: the parts of a call whose usage is unknown have no tokens to take away. */
static void subtract(uint64_t *from, uint64_t n)
{
    *from = *from > n ? *from - n : 0;
}

void tp_sum_subtract(struct tp_sum *whole, const struct tp_sum *part)
{
    for (int i = 0; i < TP_USAGE_FIELDS; i++)
        subtract(&whole->tokens[i], part->tokens[i]);
    subtract(&whole->cost_nano, part->cost_nano);
    for (int i = 0; i < TP_SUM_CURRENCIES; i++)
        for (int j = 0; j < TP_SUM_CURRENCIES; j++)
            if (strcmp(whole->other[i].currency, part->other[j].currency) == 0)
                subtract(&whole->other[i].nano, part->other[j].nano);
    subtract(&whole->unattributed_tokens, part->unattributed_tokens);
}

static int64_t clamp(uint64_t n)
{
    return n > INT64_MAX ? INT64_MAX : (int64_t)n;
}

/* Unknown only where no call said anything; where some did, the sum is theirs and `unknown`
 * counts the others. */
int64_t tp_sum_tokens(const struct tp_sum *sum, enum tp_usage_field field)
{
    bool nobody_knew = sum->known[field] == 0 && sum->in_calls > 0;
    return nobody_knew ? -1 : clamp(sum->tokens[field]);
}

/* Beside each sum, how many calls are not in it: an unknown is never a zero. */
static void json_unknown(struct tp_json *j, const struct tp_sum *sum)
{
    static const struct {
        enum tp_usage_field field;
        const char *key;
    } fields[] = {
        {TP_USAGE_INPUT, "input_tokens"},
        {TP_USAGE_CACHE_READ, "cache_read_input_tokens"},
        {TP_USAGE_CACHE_WRITE, "cache_write_input_tokens"},
        {TP_USAGE_CACHE_WRITE_5M, "cache_write_5m_input_tokens"},
        {TP_USAGE_CACHE_WRITE_1H, "cache_write_1h_input_tokens"},
        {TP_USAGE_OUTPUT, "output_tokens"},
        {TP_USAGE_REASONING, "reasoning_output_tokens"},
    };
    tp_json_key(j, "unknown");
    tp_json_map(j);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        tp_json_kv_int(j, fields[i].key, sum->unknown[fields[i].field]);
    tp_json_kv_int(j, "cost_usd", sum->cost_unknown);
    tp_json_map_end(j);
}

void tp_json_sum(struct tp_json *j, const struct tp_sum *sum)
{
    struct tp_usage usage;
    for (int i = 0; i < TP_USAGE_FIELDS; i++)
        usage.tokens[i] = tp_sum_tokens(sum, (enum tp_usage_field)i);
    for (int i = 0; i < TP_MODALITIES; i++) {
        usage.modality[0][i] = sum->modality_known[0][i] ? clamp(sum->modality[0][i]) : -1;
        usage.modality[1][i] = sum->modality_known[1][i] ? clamp(sum->modality[1][i]) : -1;
    }
    tp_json_kv_int(j, "calls", sum->calls);
    tp_json_usage(j, &usage);
    tp_json_kv_nano(j, "cost_usd", sum->cost_known > 0 || sum->in_calls == 0, sum->cost_nano);
    tp_json_key(j, "cost");
    tp_json_map(j);
    tp_json_kv_nano(j, "USD", sum->cost_known > 0 || sum->in_calls == 0, sum->cost_nano);
    for (int i = 0; i < TP_SUM_CURRENCIES && sum->other[i].currency[0]; i++)
        tp_json_kv_nano(j, sum->other[i].currency, true, sum->other[i].nano);
    tp_json_map_end(j);
    tp_json_kv_u64(j, "lost_bytes", sum->lost_bytes);
    tp_json_kv_int(j, "incomplete_calls", sum->incomplete_calls);
    tp_json_kv_int(j, "failed_calls", sum->failed_calls);
    tp_json_kv_int(j, "cancelled_calls", sum->cancelled_calls);
    tp_json_kv_u64(j, "unattributed_tokens", sum->unattributed_tokens);
    tp_json_kv_u64(j, "duration_ns", sum->duration_ns);
    json_unknown(j, sum);
}
