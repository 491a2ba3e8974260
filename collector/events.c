/* SPDX-License-Identifier: MIT */
#include "collector/events.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <tokprof/event.h>
#include <unistd.h>

#include "collector/features.h"

/* By enum tp_loss_reason: loss events' `where`, and keys of the ledger. */
static const char *const reason_names[TP_LOSS_REASONS] = {"ring", "read", "map", "long", "entry"};
/* By enum tp_unseen. */
static const char *const unseen_words[TP_UNSEEN_WAYS] = {
    "requests on sockets by io_uring",
    "sendfile or splice on an HTTP connection",
    "sendmmsg or recvmmsg on an HTTP connection",
    "TLS done by the kernel (kTLS)",
    "sent to UDP port 443 (QUIC)",
    "network calls of 32-bit programs",
};
static const char *const reason_words[TP_LOSS_REASONS] = {
    "ring buffer full", "memory could not be read", "kernel table full",
    "more than 16 MiB in one call", "call entered before the probe was there"};

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void tp_events_init(struct tp_events *events, const struct tp_sink *sink)
{
    memset(events, 0, sizeof(*events));
    events->sink = *sink;
    tp_pack_init(&events->pack);
    randombytes_buf(&events->run, sizeof(events->run));
    events->unix_offset_ns = (int64_t)(clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC));
    if (gethostname(events->machine, sizeof(events->machine) - 1))
        snprintf(events->machine, sizeof(events->machine), "unknown");
}

void tp_events_done(struct tp_events *events)
{
    tp_pack_done(&events->pack);
}

static struct tp_hash next_id(struct tp_events *e)
{
    struct tp_hash id = e->run;
    uint64_t n = ++e->sequence;

    for (int i = 0; i < 8; i++)
        id.b[i] ^= (uint8_t)(n >> 8 * i);
    return id;
}

static struct tp_pack *begin(struct tp_events *e, const char *kind, uint64_t time_ns)
{
    struct tp_hash id = next_id(e);

    tp_pack_clear(&e->pack);
    tp_pack_map_begin(&e->pack);
    tp_pack_kv_u64(&e->pack, TP_K_VERSION, TP_EVENT_VERSION);
    tp_pack_kv_str(&e->pack, TP_K_KIND, kind);
    tp_pack_kv_hash(&e->pack, TP_K_ID, &id);
    tp_pack_kv_u64(&e->pack, TP_K_TIME, time_ns + (uint64_t)e->unix_offset_ns);
    tp_pack_kv_str(&e->pack, TP_K_MACHINE, e->machine);
    return &e->pack;
}

static void end(struct tp_events *e)
{
    tp_pack_end(&e->pack);
    if (e->sink.event(e->sink.cx, e->pack.buf.data, e->pack.buf.size))
        e->errors++;
}

static uint64_t now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

void tp_events_start(struct tp_events *events, const struct tp_start_facts *facts)
{
    struct utsname host;
    struct tp_pack *p = begin(events, TP_KIND_META, now_ns());

    tp_pack_kv_str(p, TP_K_WHAT, "start");
    tp_pack_kv_str(p, TP_K_TOKPROF, TOKPROF_VERSION);
    if (uname(&host) == 0)
        tp_pack_kv_str(p, TP_K_KERNEL, host.release);
    tp_pack_kv_str(p, TP_K_HASH_KEY, facts->hash_key_id);
    tp_pack_kv_str(p, TP_K_ESTIMATOR, facts->estimator);
    tp_pack_kv_str(p, TP_K_TASK, facts->task);
    tp_pack_kv_bool(p, TP_K_CONTENT, facts->content);
    tp_pack_kv_u64(p, TP_K_RING_BYTES, facts->ring_bytes);
    tp_pack_kv_str(p, TP_K_HOW, facts->sees_mappings ? "perf" : "maps");
    tp_pack_key(p, TP_K_FEATURES);
    tp_pack_array_begin(p);
    for (int i = 0; i < TP_FEATURES; i++) {
        const char *name = tp_feature_facts((enum tp_feature)i)->name;
        if (facts->features >> i & 1)
            tp_pack_str(p, name, strlen(name));
    }
    tp_pack_end(p);
    tp_pack_kv_bool(p, TP_K_OLDEST_KERNEL, facts->oldest_kernel);
    end(events);
}

void tp_events_target(struct tp_events *events, const struct tp_target *target)
{
    struct tp_pack *p = begin(events, TP_KIND_META, now_ns());

    tp_pack_kv_str(p, TP_K_WHAT, "target");
    tp_pack_kv_str(p, TP_K_FILE, target->file);
    tp_pack_kv_str(p, TP_K_BUILD_ID, target->build_id);
    tp_pack_kv_str(p, TP_K_STACK, target->stack);
    tp_pack_kv_str(p, TP_K_HOW, target->how);
    tp_pack_kv_u64(p, TP_K_CONFIDENCE, (uint64_t)target->confidence);
    if (target->late_ns)
        tp_pack_kv_u64(p, TP_K_LATE, target->late_ns);
    tp_pack_kv_str(p, TP_K_ERROR, target->error);
    end(events);
}

static void add_process(struct tp_pack *p, const struct tp_process *process)
{
    tp_pack_kv_u64(p, TP_K_PID, process->pid);
    tp_pack_kv_u64(p, TP_K_PARENT_PID, process->parent_pid);
    tp_pack_kv_str(p, TP_K_COMM, process->comm);
    tp_pack_kv_str(p, TP_K_PROGRAM, process->program);
    tp_pack_kv_str(p, TP_K_TREE, process->tree);
}

void tp_events_process(struct tp_events *events, const struct tp_process_record *record,
                       const struct tp_process *process)
{
    bool exited = record->head.type == TP_RECORD_EXIT;
    struct tp_pack *p = begin(events, TP_KIND_PROC, record->head.time_ns);

    tp_pack_kv_str(p, TP_K_WHAT, exited ? "exit" : "exec");
    add_process(p, process);
    if (exited)
        tp_pack_kv_u64(p, TP_K_STATUS, record->exit_code);
    end(events);
}

void tp_events_loss(struct tp_events *events, const char *where, const char *why, uint64_t bytes,
                    uint64_t count, const struct tp_process *process)
{
    struct tp_pack *p = begin(events, TP_KIND_LOSS, now_ns());

    tp_pack_kv_str(p, TP_K_WHERE, where);
    tp_pack_kv_str(p, TP_K_WHY, why);
    if (bytes)
        tp_pack_kv_u64(p, TP_K_BYTES, bytes);
    if (count)
        tp_pack_kv_u64(p, TP_K_COUNT, count);
    if (process)
        add_process(p, process);
    end(events);
}

void tp_events_stream_loss(struct tp_events *events, uint64_t bytes, uint64_t records,
                           const struct tp_process *process)
{
    struct tp_pack *p = begin(events, TP_KIND_LOSS, now_ns());

    tp_pack_kv_str(p, TP_K_WHERE, "stream");
    tp_pack_kv_str(p, TP_K_WHY, "part of it was not copied");
    tp_pack_kv_u64(p, TP_K_LOST_BYTES, bytes);
    tp_pack_kv_u64(p, TP_K_COUNT, records);
    if (process)
        add_process(p, process);
    end(events);
}

void tp_events_counters(struct tp_events *events, const struct tp_counters *before,
                        const struct tp_counters *now)
{
    for (int i = 0; i < TP_LOSS_REASONS; i++) {
        uint64_t bytes = now->lost_bytes[i] - before->lost_bytes[i];
        uint64_t records = now->lost_records[i] - before->lost_records[i];
        if (bytes || records)
            tp_events_loss(events, reason_names[i], reason_words[i], bytes, records, NULL);
    }
    for (int i = 0; i < TP_UNSEEN_WAYS; i++) {
        if (now->unseen[i] != before->unseen[i])
            tp_events_loss(events, "unseen", unseen_words[i], 0, now->unseen[i] - before->unseen[i],
                           NULL);
    }
    if (now->lost_processes != before->lost_processes)
        tp_events_loss(events, "process", "ring buffer full", 0,
                       now->lost_processes - before->lost_processes, NULL);
}

void tp_events_end(struct tp_events *events, const struct tp_end_facts *facts)
{
    struct tp_pack *p = begin(events, TP_KIND_META, now_ns());

    tp_pack_kv_str(p, TP_K_WHAT, "end");
    tp_pack_kv_u64(p, TP_K_SEEN, facts->counters.seen_bytes);
    tp_pack_kv_u64(p, TP_K_COPIED, facts->counters.copied_bytes);
    tp_pack_key(p, TP_K_LOST_BY);
    tp_pack_map_begin(p);
    for (int i = 0; i < TP_LOSS_REASONS; i++)
        tp_pack_kv_u64(p, reason_names[i], facts->counters.lost_bytes[i]);
    tp_pack_end(p);
    tp_pack_kv_u64(p, TP_K_CALLS, facts->calls);
    tp_pack_kv_u64(p, TP_K_OTHER, facts->other_exchanges);
    tp_pack_kv_u64(p, TP_K_RUNNING, facts->running);
    end(events);
}
