/* SPDX-License-Identifier: MIT */
#include "collector/summary.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct line {
    char *text;
    size_t size, len;
};

__attribute__((format(printf, 2, 3))) static void add(struct line *l, const char *fmt, ...)
{
    va_list args;

    if (l->len + 1 >= l->size)
        return;
    va_start(args, fmt);
    int n = vsnprintf(l->text + l->len, l->size - l->len, fmt, args);
    va_end(args);
    l->len += n < 0 ? 0 : (size_t)n;
    if (l->len >= l->size)
        l->len = l->size - 1;
}

/* 412310 -> "412,310", whatever the locale. */
static const char *grouped(uint64_t n, char buf[28])
{
    char *at = buf + 27;
    int digits = 0;

    *at = 0;
    do {
        if (digits > 0 && digits % 3 == 0)
            *--at = ',';
        *--at = (char)('0' + n % 10);
        digits++;
    } while (n /= 10);
    return at;
}

static void add_count(struct line *l, uint64_t n, const char *one, const char *many)
{
    char buf[28];
    add(l, "%s %s", grouped(n, buf), n == 1 ? one : many);
}

static void add_cost(struct line *l, const struct tp_summary *s)
{
    if (!s->currency[0])
        return;
    uint64_t cents = (s->cost_nano + 5000000u) / 10000000u;
    bool dollars = strcmp(s->currency, "USD") == 0;
    char buf[28];

    add(l, ", %s%s.%02" PRIu64 "%s%s", dollars ? "$" : "", grouped(cents / 100, buf), cents % 100,
        dollars ? "" : " ", dollars ? "" : s->currency);
}

static uint64_t lost_bytes(const struct tp_counters *c)
{
    uint64_t sum = 0;
    for (int i = 0; i < TP_LOSS_REASONS; i++)
        sum += c->lost_bytes[i];
    return sum;
}

static uint64_t lost_records(const struct tp_counters *c)
{
    uint64_t sum = c->lost_processes;
    for (int i = 0; i < TP_LOSS_REASONS; i++)
        sum += c->lost_records[i];
    return sum;
}

static uint64_t unseen(const struct tp_counters *c)
{
    uint64_t sum = 0;
    for (int i = 0; i < TP_UNSEEN_WAYS; i++)
        sum += c->unseen[i];
    return sum;
}

static void add_unseen(struct line *l, const struct tp_summary *s)
{
    uint64_t n = unseen(&s->counters);

    if (!n)
        return;
    add(l, ", ");
    add_count(l, n, "operation past the probes", "operations past the probes");
}

static void add_losses(struct line *l, const struct tp_summary *s)
{
    uint64_t incomplete = s->calls.calls - s->calls.complete_calls;
    uint64_t bytes = lost_bytes(&s->counters), records = lost_records(&s->counters);

    if (!incomplete && !bytes && !records && !s->refused_targets) {
        add(l, ", 0 lost");
        return;
    }
    if (incomplete) {
        add(l, ", ");
        add_count(l, incomplete, "call incomplete", "calls incomplete");
    }
    if (bytes) {
        add(l, ", ");
        add_count(l, bytes, "byte lost", "bytes lost");
    } else if (records) {
        add(l, ", ");
        add_count(l, records, "record lost", "records lost");
    }
    if (s->refused_targets) {
        add(l, ", ");
        add_count(l, s->refused_targets, "file not probed", "files not probed");
    }
}

void tp_summary_format(const struct tp_summary *summary, char *ret_line, size_t size)
{
    struct line l = {ret_line, size, 0};
    const struct tp_calls_stats *c = &summary->calls;

    ret_line[0] = 0;
    add_count(&l, c->calls, "call", "calls");
    add(&l, ", ");
    add_count(&l, c->input_tokens, "input token", "input tokens");
    if (c->input_tokens > 0)
        add(&l, " (%.0f %% cached)",
            100.0 * (double)c->cache_read_tokens / (double)c->input_tokens);
    add(&l, ", ");
    add_count(&l, c->output_tokens, "output", "output");
    add_cost(&l, summary);
    add_losses(&l, summary);
    add_unseen(&l, summary);
    add(&l, "; wrote %s", strcmp(summary->output, "-") == 0 ? "standard output" : summary->output);
}
