/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/command.h"
#include "analyzer/input.h"
#include "analyzer/report/overview.h"
#include "common/log.h"

#define OVERVIEW_ROWS 10

/* Without --by: the overview's dimensions. */
static const char *const overview_by[] = {"model", "conversation", "tool"};

#define DIMENSIONS_MAX 3

struct report {
    struct tp_analysis analysis;
    struct tp_totals totals;
    struct tp_rows *rows[DIMENSIONS_MAX];
    size_t dimension_count;
    bool out_of_memory;
};

static void on_call(void *cx, const struct tp_row *row)
{
    struct report *r = cx;
    tp_sum_add_call(&r->totals.sum, row, r->analysis.names);
    for (size_t i = 0; i < r->dimension_count; i++)
        if (tp_rows_add(r->rows[i], row, r->analysis.names) < 0)
            r->out_of_memory = true;
}

/* Past the ceiling the last place takes the rest: the sums stay right, only the reason blurs. */
static struct tp_loss_sum *loss_place(struct tp_totals *t, const struct tp_model_loss *loss)
{
    /* The names are kept once, so that equal strings are the same pointer. */
    for (size_t i = 0; i < t->loss_count; i++)
        if (t->losses[i].where == loss->where && t->losses[i].why == loss->why)
            return &t->losses[i];
    if (t->loss_count == TP_LOSS_PLACES_MAX)
        return &t->losses[TP_LOSS_PLACES_MAX - 1];
    t->losses[t->loss_count] = (struct tp_loss_sum){.where = loss->where, .why = loss->why};
    return &t->losses[t->loss_count++];
}

/* Losses of the probes: bytes that were never copied. Whether they belonged to calls is not
 * known where they were lost. */
static bool is_kernel_place(const char *where)
{
    static const char *const places[] = {"ring", "read", "map", "long", "entry"};
    for (size_t i = 0; where && i < sizeof(places) / sizeof(places[0]); i++)
        if (strcmp(where, places[i]) == 0)
            return true;
    return false;
}

static void on_loss(void *cx, const struct tp_model_loss *loss)
{
    struct report *r = cx;
    struct tp_loss_sum *place = loss_place(&r->totals, loss);
    uint64_t bytes = loss->bytes > 0 ? (uint64_t)loss->bytes : 0;
    place->bytes += bytes;
    place->count += loss->count > 0 ? (uint64_t)loss->count : 1;
    if (is_kernel_place(loss->where))
        r->totals.kernel_lost_bytes += bytes;
    else if (!loss->of_call) /* else the call has them among its own */
        r->totals.other_lost_bytes += bytes;
}

/* What the probes lost may or may not have hit calls, whose own losses are known: only what is
 * beyond those stands by itself. */
static void add_lost_outside(struct report *r)
{
    struct tp_totals *t = &r->totals;
    uint64_t in_calls = t->sum.lost_bytes, outside = t->other_lost_bytes;
    if (t->kernel_lost_bytes > in_calls + outside)
        outside = t->kernel_lost_bytes - in_calls;
    if (outside == 0)
        return;
    t->sum.lost_bytes += outside;
    for (size_t i = 0; i < r->dimension_count; i++)
        if (tp_rows_add_lost(r->rows[i], outside) < 0)
            r->out_of_memory = true;
}

static void on_note(void *cx, const struct tp_model_note *note)
{
    struct tp_totals *t = &((struct report *)cx)->totals;
    if (!note->what || strcmp(note->what, "target") != 0)
        return;
    t->targets++;
    t->failed_targets += note->error != NULL;
    if (note->late_ns > 0) {
        t->late_targets++;
        t->latest_ns = note->late_ns > t->latest_ns ? note->late_ns : t->latest_ns;
    }
}

static void json_row(struct tp_json *j, const struct tp_report_row *row, bool pieces)
{
    tp_json_map(j);
    tp_json_kv_text(j, "key", row->key);
    tp_json_sum(j, &row->sum);
    if (pieces) {
        tp_json_kv_int(j, "in_calls", row->sum.in_calls);
        tp_json_kv_int(j, "uses", row->sum.uses);
        tp_json_kv_int(j, "failed_uses", row->sum.failed_uses);
        tp_json_kv_int(j, "use_duration_ns", row->sum.use_ns_known ? (int64_t)row->sum.use_ns : -1);
        tp_json_kv_u64(j, "result_tokens", row->sum.result_tokens);
    }
    tp_json_map_end(j);
}

static void json_losses(struct tp_json *j, const struct tp_totals *t)
{
    tp_json_key(j, "losses");
    tp_json_array(j);
    for (size_t i = 0; i < t->loss_count; i++) {
        tp_json_map(j);
        tp_json_kv_text(j, "where", t->losses[i].where);
        tp_json_kv_text(j, "why", t->losses[i].why);
        tp_json_kv_u64(j, "bytes", t->losses[i].bytes);
        tp_json_kv_u64(j, "count", t->losses[i].count);
        tp_json_map_end(j);
    }
    tp_json_array_end(j);
    tp_json_key(j, "targets");
    tp_json_map(j);
    tp_json_kv_int(j, "attached", t->targets - t->failed_targets);
    tp_json_kv_int(j, "failed", t->failed_targets);
    tp_json_kv_int(j, "late", t->late_targets);
    tp_json_kv_int(j, "latest_ns", t->latest_ns);
    tp_json_map_end(j);
}

static int print_json(const struct report *r, const char *by)
{
    struct tp_json j;
    size_t n;
    if (!tp_json_init(&j, stdout, true))
        return -ENOMEM;
    const struct tp_report_row *rows = tp_rows_sorted(r->rows[0], &n);
    tp_json_map(&j);
    tp_json_key(&j, "totals");
    tp_json_map(&j);
    tp_json_sum(&j, &r->totals.sum);
    tp_json_map_end(&j);
    tp_json_kv_text(&j, "by", by);
    tp_json_key(&j, "rows");
    tp_json_array(&j);
    for (size_t i = 0; i < n; i++)
        json_row(&j, &rows[i], tp_rows_of_pieces(r->rows[0]));
    tp_json_array_end(&j);
    json_losses(&j, &r->totals);
    tp_json_kv_text(&j, "prices", tp_prices_source(r->analysis.prices));
    tp_json_kv_text(&j, "prices_date", tp_prices_date(r->analysis.prices));
    tp_json_map_end(&j);
    tp_json_flush(&j);
    tp_json_done(&j);
    return 0;
}

static int print_csv(const struct report *r)
{
    static const struct tp_column columns[] = {{"key"},
                                               {"calls"},
                                               {"input_tokens"},
                                               {"cache_read_input_tokens"},
                                               {"cache_write_input_tokens"},
                                               {"cache_write_5m_input_tokens"},
                                               {"cache_write_1h_input_tokens"},
                                               {"output_tokens"},
                                               {"reasoning_output_tokens"},
                                               {"cost_usd"},
                                               {"lost_bytes"},
                                               {"incomplete_calls"},
                                               {"unattributed_tokens"},
                                               {"duration_ns"}};
    size_t n;
    const struct tp_report_row *rows = tp_rows_sorted(r->rows[0], &n);
    struct tp_table *t = tp_table_new(stdout, true, columns, sizeof(columns) / sizeof(columns[0]));
    if (!t)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        const struct tp_sum *s = &rows[i].sum;
        tp_table_text(t, rows[i].key);
        tp_table_count(t, s->calls);
        for (int f = 0; f < TP_USAGE_FIELDS; f++)
            tp_table_count(t, tp_sum_tokens(s, (enum tp_usage_field)f));
        tp_table_money(t, s->cost_known > 0, s->cost_nano);
        tp_table_count(t, (int64_t)s->lost_bytes);
        tp_table_count(t, s->incomplete_calls);
        tp_table_count(t, (int64_t)s->unattributed_tokens);
        tp_table_count(t, (int64_t)s->duration_ns);
    }
    tp_table_free(t);
    return 0;
}

static int print_table(const struct report *r, const char *by)
{
    tp_overview_print(stdout, &r->totals);
    for (size_t i = 0; i < r->dimension_count; i++) {
        size_t n;
        tp_rows_sorted(r->rows[i], &n);
        if (n == 0)
            continue;
        fputc('\n', stdout);
        if (!tp_overview_rows(stdout, by ? by : overview_by[i], r->rows[i], by ? 0 : OVERVIEW_ROWS))
            return -ENOMEM;
    }
    return 0;
}

/* Which dimensions to sum by: the one asked for; for people the overview's, for programs the model.
 */
static int make_rows(struct report *r, const struct tp_arguments *arguments)
{
    bool overview = !arguments->by && arguments->format == TP_FORMAT_TABLE;
    size_t n = overview ? DIMENSIONS_MAX : 1;
    for (; r->dimension_count < n; r->dimension_count++) {
        const char *by = arguments->by ? arguments->by : overview_by[r->dimension_count];
        int e = tp_rows_new(&r->rows[r->dimension_count], by);
        if (e == -EINVAL)
            tp_error("report --by %s: unknown; choose task, session, conversation, round, tool, "
                     "part, model, provider, agent, process, day or label:KEY",
                     by);
        if (e < 0)
            return e;
    }
    return 0;
}

static int run(struct report *r, const struct tp_arguments *arguments)
{
    int e = make_rows(r, arguments);
    if (e == -EINVAL)
        return TP_EXIT_BAD;
    if (e == 0 && tp_input_run(r->analysis.model, arguments->files, arguments->file_count))
        return TP_EXIT_BAD;
    add_lost_outside(r);
    if (r->out_of_memory)
        e = -ENOMEM;
    if (e == 0)
        e = arguments->format == TP_FORMAT_JSON
                ? print_json(r, arguments->by ? arguments->by : overview_by[0])
            : arguments->format == TP_FORMAT_CSV ? print_csv(r)
                                                 : print_table(r, arguments->by);
    if (e < 0)
        tp_error("out of memory; give fewer recordings at once");
    return e < 0 ? TP_EXIT_BAD : 0;
}

int tp_report_run(const struct tp_arguments *arguments)
{
    static const struct tp_model_ops ops = {.call = on_call, .loss = on_loss, .note = on_note};
    struct report *r = calloc(1, sizeof(*r));
    if (!r) {
        tp_error("out of memory; close something and try again");
        return TP_EXIT_BAD;
    }
    int status = tp_analysis_init(&r->analysis, &ops, r);
    if (status == 0)
        status = run(r, arguments);
    for (size_t i = 0; i < r->dimension_count; i++)
        tp_rows_free(r->rows[i]);
    tp_analysis_done(&r->analysis);
    free(r);
    return status;
}
