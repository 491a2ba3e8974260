/* SPDX-License-Identifier: MIT
 * Calls: recognises which exchanges are model calls, reads them through the provider plugins, links
 * each to the call that it extends, and writes one call event. Consumer of collector/exchange.h.
 */
#ifndef TP_CALLS_H
#define TP_CALLS_H

#include "collector/exchange.h"
#include "collector/process.h"
#include "collector/sink.h"
#include "common/hash.h"

struct tp_calls;

struct tp_label {
    const char *key, *value;
};

struct tp_calls_options {
    size_t size; /* sizeof(struct tp_calls_options) */
    const struct tp_hash_key *key;
    struct tp_process_source processes;
    struct tp_sink sink;
    const char *machine;
    const char *task;              /* NULL: none */
    const struct tp_label *labels; /* label_count of them */
    size_t label_count;
    bool content;           /* blocks carry text */
    int64_t unix_offset_ns; /* CLOCK_REALTIME - CLOCK_MONOTONIC */
};

struct tp_calls_stats {
    uint64_t calls, complete_calls, failed_calls, cancelled_calls;
    uint64_t calls_without_usage;
    uint64_t other_exchanges; /* HTTP, but no model call */
    uint64_t twin_exchanges;  /* the server's ends of exchanges whose client's end is watched too */
    uint64_t input_tokens, cache_read_tokens, output_tokens;
    uint64_t lost_bytes; /* within calls */
    uint64_t sink_errors;
};

/* NULL without memory. Options are copied, except the pointers in them. */
struct tp_calls *tp_calls_new(const struct tp_calls_options *options);
void tp_calls_free(struct tp_calls *calls);

/* The consumer to give to tp_conns_new(), with `calls` as cx. */
extern const struct tp_exchange_ops tp_calls_exchange_ops;

/* Tells the calls that waited long enough for another end of theirs to show; now and then, and with
 * UINT64_MAX, which tells them all, before the statistics are taken. */
void tp_calls_settle(struct tp_calls *calls, uint64_t now_ns);

void tp_calls_stats(const struct tp_calls *calls, struct tp_calls_stats *ret_stats);

/* Name of the token estimator whose numbers blocks carry (meta: "est"). */
extern const char tp_estimator_name[];

#endif
