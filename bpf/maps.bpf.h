/* SPDX-License-Identifier: MIT OR GPL-2.0-only
 *
 * Maps and ledger of the BPF programs. Features of kernel 5.15 only (ring buffer, attach cookies,
 * bounded loops). Programs attached by perf_event run preemptible on newer kernels, so that two of
 * them can interleave on one CPU: the per-CPU ledger is updated with atomic adds.
 */
#ifndef TP_MAPS_BPF_H
#define TP_MAPS_BPF_H

#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/shared/record.h"

/* 1: the collector runs in the first PID namespace, whose ids a task holds itself. Set by user
 * space. */
const volatile tp_u32 first_pid_namespace = 1;

/* Else: the collector's own PID namespace, as find_pid_namespace finds it, and its depth. */
tp_u64 pid_namespace = 0;
tp_u32 pid_level = 0;

#define TP_STREAMS_MAX 65536
#define TP_PENDING_MAX 32768
#define TP_WATCHED_MAX 65536

/* Calls into a TLS stack that one thread can have open at once: TLS inside TLS, and callbacks. */
#define TP_FRAMES_MAX 4

/* One call into a TLS stack that was entered and has not returned. */
struct tp_frame {
    tp_u64 sp; /* stack pointer at entry: names the frame */
    tp_u64 conn;
    tp_u64 buf;
    tp_u64 length;
    tp_u64 out; /* where it stores its count */
    tp_u64 entry_ns;
    tp_u64 wire;     /* of a cipher function: where the ciphertext is */
    tp_u64 identity; /* ... and which key it is of */
    tp_u8 direction;
    tp_u8 shadowed; /* an outer frame moves the same bytes and will count them */
    tp_u8 content;  /* ... and the record's type, if it stands outside */
    tp_u8 on_stack; /* buf lies on a stack that may move, and counts from its top */
    tp_u8 pad[4];
};

struct tp_pending {
    struct tp_frame frame[TP_FRAMES_MAX]; /* outermost first */
    tp_u64 depth;
    tp_u64 popped_sp; /* of the frame taken last, until another one is pushed */
};

/* Payload. User space sets the size before loading. */
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 64 * 1024 * 1024);
} data_ring SEC(".maps");

/* fork, exec and exit: apart, so that a flood of payload cannot push them out. */
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1024 * 1024);
} process_ring SEC(".maps");

/* Thread group ids, in the collector's PID namespace, whose calls are copied; children join at
 * fork.
 */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, TP_WATCHED_MAX);
    __type(key, tp_u32);
    __type(value, tp_u32);
} watched SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, TP_PENDING_MAX);
    __type(key, tp_u64); /* tgid << 32 | tid, in the first PID namespace */
    __type(value, struct tp_pending);
} pending SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, TP_STREAMS_MAX);
    __type(key, struct tp_stream_key);
    __type(value, struct tp_stream_state);
} streams SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, tp_u32);
    __type(value, struct tp_counters);
} counters SEC(".maps");

/* How each kind of place is to be read; user space fills it. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, TP_SITE_ROWS_MAX);
    __type(key, tp_u32);
    __type(value, struct tp_site_row);
} sites SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, TP_TARGETS_MAX);
    __type(key, tp_u32);
    __type(value, struct tp_tally);
} tallies SEC(".maps");

static __always_inline struct tp_counters *ledger(void)
{
    tp_u32 zero = 0;
    return bpf_map_lookup_elem(&counters, &zero);
}

static __always_inline void count_lost(enum tp_loss_reason why, tp_u64 bytes, tp_u64 records)
{
    struct tp_counters *c = ledger();
    if (!c)
        return;
    __sync_fetch_and_add(&c->lost_bytes[why], bytes);
    __sync_fetch_and_add(&c->lost_records[why], records);
}

static __always_inline void count_seen(tp_u64 bytes)
{
    struct tp_counters *c = ledger();
    if (c)
        __sync_fetch_and_add(&c->seen_bytes, bytes);
}

static __always_inline void count_copied(tp_u64 bytes)
{
    struct tp_counters *c = ledger();
    if (!c)
        return;
    __sync_fetch_and_add(&c->copied_bytes, bytes);
    __sync_fetch_and_add(&c->records, 1);
}

/* ids: as struct tp_ids.own. */
static __always_inline int is_watched(tp_u64 ids)
{
    tp_u32 tgid = ids >> 32;
    return tgid && bpf_map_lookup_elem(&watched, &tgid) != 0;
}

static __always_inline struct tp_stream_state *stream_of(const struct tp_stream_key *key)
{
    struct tp_stream_state *s = bpf_map_lookup_elem(&streams, key);
    if (s)
        return s;
    struct tp_stream_state fresh = {.generation = bpf_ktime_get_ns()};
    bpf_map_update_elem(&streams, key, &fresh, BPF_NOEXIST);
    return bpf_map_lookup_elem(&streams, key);
}

static __always_inline void fill_head(struct tp_record_head *head, tp_u16 type, tp_u32 size,
                                      tp_u64 own_ids)
{
    head->type = type;
    head->version = TP_RECORD_VERSION;
    head->size = size;
    head->time_ns = bpf_ktime_get_ns();
    head->pid = own_ids >> 32;
    head->tid = (tp_u32)own_ids;
}

#endif
