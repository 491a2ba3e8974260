/* SPDX-License-Identifier: MIT OR GPL-2.0-only
 *
 * fork, exec and exit of watched processes. A child joins the watched set inside the fork itself,
 * before it can run; a process leaves with its last thread.
 */
#ifndef TP_PROCESS_BPF_H
#define TP_PROCESS_BPF_H

#include "bpf/task.bpf.h"

static __always_inline void report_process(tp_u16 type, struct task_struct *task, tp_u64 own_ids,
                                           tp_u32 parent, tp_u32 exit_code)
{
    struct tp_process_record *r = bpf_ringbuf_reserve(&process_ring, sizeof(*r), 0);
    if (!r) {
        struct tp_counters *c = ledger();
        if (c)
            __sync_fetch_and_add(&c->lost_processes, 1);
        return;
    }
    fill_head(&r->head, type, sizeof(*r), own_ids);
    r->parent_pid = parent;
    r->exit_code = exit_code;
    r->start_ns = BPF_CORE_READ(task, start_boottime);
    if (bpf_core_read(r->comm, sizeof(r->comm), &task->comm))
        __builtin_memset(r->comm, 0, sizeof(r->comm));
    bpf_ringbuf_submit(r, BPF_RB_FORCE_WAKEUP);
}

SEC("raw_tp/sched_process_fork")
int on_fork(struct bpf_raw_tracepoint_args *ctx)
{
    struct task_struct *parent = (struct task_struct *)ctx->args[0];
    struct task_struct *child = (struct task_struct *)ctx->args[1];
    tp_u32 parent_tgid = own_tgid(parent);
    tp_u32 *root = bpf_map_lookup_elem(&watched, &parent_tgid);
    struct tp_ids ids;

    if (!root || BPF_CORE_READ(child, tgid) != BPF_CORE_READ(child, pid))
        return 0;
    ids_of_task(child, &ids);
    tp_u32 value = *root, child_tgid = ids.own >> 32;
    if (!child_tgid || bpf_map_update_elem(&watched, &child_tgid, &value, BPF_ANY))
        count_lost(TP_LOSS_MAP_FULL, 0, 1);
    report_process(TP_RECORD_FORK, child, ids.own, parent_tgid, 0);
    return 0;
}

/* The old image's calls never return; all other threads are gone. */
SEC("raw_tp/sched_process_exec")
int on_exec(struct bpf_raw_tracepoint_args *ctx)
{
    struct task_struct *task = (struct task_struct *)ctx->args[0];
    tp_u32 old_tid = (tp_u32)ctx->args[1]; /* the thread's id before the exec */
    struct tp_ids ids;

    ids_of_task(task, &ids);
    if (!is_watched(ids.own))
        return 0;
    tp_u64 key = ids_pack(ids.global >> 32, old_tid);
    bpf_map_delete_elem(&pending, &key);
    bpf_map_delete_elem(&pending, &ids.global);
    report_process(TP_RECORD_EXEC, task, ids.own, own_tgid(BPF_CORE_READ(task, real_parent)), 0);
    return 0;
}

/* Runs for each thread. signal->live was counted down before; at 0 this is the last one, and of
 * several that see 0 at once only one finds the entry to delete. */
SEC("raw_tp/sched_process_exit")
int on_exit(struct bpf_raw_tracepoint_args *ctx)
{
    struct task_struct *task = (struct task_struct *)ctx->args[0];
    struct tp_ids ids;

    ids_of_task(task, &ids);
    if (!is_watched(ids.own))
        return 0;
    bpf_map_delete_elem(&pending, &ids.global);
    if (BPF_CORE_READ(task, signal, live.counter) > 0)
        return 0;
    tp_u32 pid = ids.own >> 32;
    if (bpf_map_delete_elem(&watched, &pid))
        return 0;
    tp_u32 code = BPF_CORE_READ(task, signal, group_exit_code);
    if (!code)
        code = BPF_CORE_READ(task, exit_code);
    report_process(TP_RECORD_EXIT, task, ids.own, own_tgid(BPF_CORE_READ(task, real_parent)), code);
    return 0;
}

#endif
