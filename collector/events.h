/* SPDX-License-Identifier: MIT
 * Writes the events that are not calls: meta, proc and loss (docs/event-format.md).
 */
#ifndef TP_EVENTS_H
#define TP_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/shared/record.h"
#include "collector/process.h"
#include "collector/sink.h"
#include "collector/targets.h"
#include "common/hash.h"
#include "common/pack.h"

struct tp_events {
    struct tp_sink sink;
    struct tp_pack pack;
    struct tp_hash run; /* random: makes ids unique across recordings */
    uint64_t sequence;
    int64_t unix_offset_ns; /* CLOCK_REALTIME - CLOCK_MONOTONIC */
    char machine[256];
    uint64_t errors; /* events that the sink refused */
};

struct tp_start_facts {
    const char *hash_key_id;
    const char *estimator;
    const char *task; /* NULL: none */
    uint64_t ring_bytes;
    bool content;
    bool sees_mappings;
    uint32_t features; /* as tp_probes_features() */
    bool oldest_kernel;
};

struct tp_end_facts {
    struct tp_counters counters;
    uint64_t calls, other_exchanges;
    uint64_t running; /* watched processes that outlived the command */
};

void tp_events_init(struct tp_events *events, const struct tp_sink *sink);
void tp_events_done(struct tp_events *events);

void tp_events_start(struct tp_events *events, const struct tp_start_facts *facts);
void tp_events_target(struct tp_events *events, const struct tp_target *target);
void tp_events_process(struct tp_events *events, const struct tp_process_record *record,
                       const struct tp_process *process);
/* bytes or count may be 0: left out. process: NULL where none is meant. */
void tp_events_loss(struct tp_events *events, const char *where, const char *why, uint64_t bytes,
                    uint64_t count, const struct tp_process *process);
/* A stream that lost bytes has ended. They are in the reasons' events as well, so they stand under
 * TP_K_LOST_BYTES here: sums over TP_K_BYTES count them once. */
void tp_events_stream_loss(struct tp_events *events, uint64_t bytes, uint64_t records,
                           const struct tp_process *process);
/* One loss event for each reason that grew from `before` to `now`. */
void tp_events_counters(struct tp_events *events, const struct tp_counters *before,
                        const struct tp_counters *now);
void tp_events_end(struct tp_events *events, const struct tp_end_facts *facts);

#endif
