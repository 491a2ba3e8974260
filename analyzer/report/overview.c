/* SPDX-License-Identifier: MIT */
#include "analyzer/report/overview.h"

#include <inttypes.h>
#include <string.h>

#include "analyzer/format/table.h"

/* Never "0" for what is unknown. */
static const char *count_text(int64_t n, char *text, size_t size)
{
    if (n < 0)
        return "unknown";
    tp_format_count(n, text, size);
    return text;
}

static void print_tokens(FILE *file, const struct tp_sum *s)
{
    char a[40], b[40], c[40], d[40];
    int64_t input = tp_sum_tokens(s, TP_USAGE_INPUT), read = tp_sum_tokens(s, TP_USAGE_CACHE_READ);
    int64_t write = tp_sum_tokens(s, TP_USAGE_CACHE_WRITE);
    fprintf(file, "input   %s tokens", count_text(input, a, sizeof(a)));
    if (input > 0 && read >= 0)
        fprintf(file, ", %.0f %% read from cache (%s)", 100.0 * (double)read / (double)input,
                count_text(read, b, sizeof(b)));
    if (write > 0)
        fprintf(file, ", %s written to it", count_text(write, c, sizeof(c)));
    fprintf(file, "\noutput  %s tokens",
            count_text(tp_sum_tokens(s, TP_USAGE_OUTPUT), d, sizeof(d)));
    if (tp_sum_tokens(s, TP_USAGE_REASONING) > 0)
        fprintf(file, ", %s of them reasoning",
                count_text(tp_sum_tokens(s, TP_USAGE_REASONING), a, sizeof(a)));
    fputc('\n', file);
}

/* Nothing is left out in silence: what the sums above do not contain is said below them. */
static void print_unknown(FILE *file, const struct tp_sum *s)
{
    char a[40];
    if (s->unknown[TP_USAGE_INPUT] > 0 || s->unknown[TP_USAGE_OUTPUT] > 0)
        fprintf(file, "unknown usage of %s calls is in no sum\n",
                count_text(s->unknown[TP_USAGE_INPUT] > s->unknown[TP_USAGE_OUTPUT]
                               ? s->unknown[TP_USAGE_INPUT]
                               : s->unknown[TP_USAGE_OUTPUT],
                           a, sizeof(a)));
    if (s->unattributed_tokens > 0)
        fprintf(file, "unseen  %s tokens of content that was not seen\n",
                count_text((int64_t)s->unattributed_tokens, a, sizeof(a)));
}

static void print_losses(FILE *file, const struct tp_totals *t)
{
    char a[40], b[40];
    if (t->sum.lost_bytes == 0 && t->loss_count == 0 && t->sum.incomplete_calls == 0) {
        fputs("losses  none\n", file);
    } else {
        fprintf(file, "losses  %s bytes, %s incomplete calls\n",
                count_text((int64_t)t->sum.lost_bytes, a, sizeof(a)),
                count_text(t->sum.incomplete_calls, b, sizeof(b)));
        for (size_t i = 0; i < t->loss_count; i++)
            fprintf(file, "        %s: %s (%s bytes, %s times)\n",
                    t->losses[i].where ? t->losses[i].where : "?",
                    t->losses[i].why ? t->losses[i].why : "no reason given",
                    count_text((int64_t)t->losses[i].bytes, a, sizeof(a)),
                    count_text((int64_t)t->losses[i].count, b, sizeof(b)));
    }
    if (t->failed_targets > 0)
        fprintf(file, "        %" PRId64 " targets could not be attached\n", t->failed_targets);
    if (t->late_targets > 0) {
        tp_format_time(t->latest_ns, a, sizeof(a));
        fprintf(file, "        %" PRId64 " targets were attached late, the latest by %s\n",
                t->late_targets, a);
    }
}

void tp_overview_print(FILE *file, const struct tp_totals *totals)
{
    const struct tp_sum *s = &totals->sum;
    char a[40], b[40];
    fprintf(file, "calls   %s", count_text(s->calls, a, sizeof(a)));
    if (s->failed_calls > 0)
        fprintf(file, ", %s failed", count_text(s->failed_calls, a, sizeof(a)));
    if (s->cancelled_calls > 0)
        fprintf(file, ", %s cancelled", count_text(s->cancelled_calls, a, sizeof(a)));
    fputc('\n', file);
    if (s->calls > 0) {
        print_tokens(file, s);
        tp_format_dollars(s->cost_nano, a, sizeof(a));
        bool other = s->other[0].currency[0];
        fprintf(file, "cost    %s", s->cost_known > 0 ? a : other ? "" : "unknown");
        for (int i = 0; i < TP_SUM_CURRENCIES && s->other[i].currency[0]; i++) {
            tp_format_money(s->other[i].currency, s->other[i].nano, a, sizeof(a));
            fprintf(file, "%s%s", i || s->cost_known > 0 ? " + " : "", a);
        }
        if ((s->cost_known > 0 || other) && s->unpriced_calls > 0)
            fprintf(file, ", without %s calls whose price is unknown",
                    count_text(s->unpriced_calls, b, sizeof(b)));
        fputc('\n', file);
    }
    print_unknown(file, s);
    print_losses(file, totals);
}

static const struct tp_column call_columns[] = {{NULL},           {"calls", true},  {"input", true},
                                                {"cached", true}, {"output", true}, {"cost", true},
                                                {"time", true}};

static const struct tp_column piece_columns[] = {
    {NULL},         {"in calls", true},  {"input", true},  {"cached", true},    {"output", true},
    {"cost", true}, {"asked for", true}, {"failed", true}, {"time taken", true}};

/* "(everything else)" and "(none)" are the row without key: text that belongs to no tool, calls
 * without a task. */
static void print_row(struct tp_table *t, const struct tp_report_row *row, bool pieces)
{
    const struct tp_sum *s = &row->sum;
    tp_table_text(t, row->key ? row->key : pieces ? "(everything else)" : "(none)");
    tp_table_count(t, s->in_calls);
    tp_table_count(t, tp_sum_tokens(s, TP_USAGE_INPUT));
    tp_table_count(t, tp_sum_tokens(s, TP_USAGE_CACHE_READ));
    tp_table_count(t, tp_sum_tokens(s, TP_USAGE_OUTPUT));
    bool other = s->cost_known == 0 && s->other[0].currency[0];
    tp_table_cost(t, other || s->cost_known > 0, other ? s->other[0].currency : "USD",
                  other ? s->other[0].nano : s->cost_nano);
    if (pieces) {
        tp_table_count(t, s->uses > 0 ? s->uses : -1);
        tp_table_count(t, s->uses > 0 ? s->failed_uses : -1);
        tp_table_time(t, s->use_ns_known > 0 ? (int64_t)s->use_ns : -1);
    } else {
        tp_table_time(t, (int64_t)s->duration_ns);
    }
}

bool tp_overview_rows(FILE *file, const char *title, struct tp_rows *rows, size_t max)
{
    struct tp_column columns[9];
    bool pieces = tp_rows_of_pieces(rows);
    size_t n, column_count = pieces ? 9 : 7;
    const struct tp_report_row *list = tp_rows_sorted(rows, &n);
    memcpy(columns, pieces ? piece_columns : call_columns, column_count * sizeof(columns[0]));
    columns[0].title = title;
    struct tp_table *t = tp_table_new(file, false, columns, column_count);
    if (!t)
        return false;
    for (size_t i = 0; i < n && (max == 0 || i < max); i++)
        print_row(t, &list[i], pieces);
    tp_table_free(t);
    if (max > 0 && n > max)
        fprintf(file, "... and %zu more\n", n - max);
    return true;
}
