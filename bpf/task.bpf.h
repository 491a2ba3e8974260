/* SPDX-License-Identifier: MIT OR GPL-2.0-only
 *
 * Tasks and their ids. A task has a number in each PID namespace from the first to its own
 * (pid_namespaces(7)); user space knows processes by the numbers of the namespace that the
 * collector runs in. The few kernel fields that are read are found by name on the running kernel
 * (CO-RE).
 */
#ifndef TP_TASK_BPF_H
#define TP_TASK_BPF_H

#include "bpf/maps.bpf.h"

#define TP_PIDTYPE_TGID 1 /* enum pid_type, include/linux/pid_types.h */

struct pid_namespace;

struct upid {
    int nr;
    struct pid_namespace *ns;
} __attribute__((preserve_access_index));

struct pid {
    unsigned int level;
    struct upid numbers[1]; /* level + 1 of them */
} __attribute__((preserve_access_index));

struct signal_struct {
    struct {
        int counter;
    } live;
    struct pid *pids[4];
    int group_exit_code;
} __attribute__((preserve_access_index));

/* arch/x86/include/asm/processor.h; written when the thread sets it, and when it is switched. */
struct thread_struct {
    unsigned long fsbase;
} __attribute__((preserve_access_index));

struct task_struct {
    int pid;
    int tgid;
    int exit_code;
    tp_u64 start_boottime;
    struct task_struct *real_parent;
    struct signal_struct *signal;
    struct pid *thread_pid;
    struct files_struct *files;
    char comm[TP_COMM_BYTES];
#if defined(__TARGET_ARCH_x86)
    struct thread_struct thread;
#endif
} __attribute__((preserve_access_index));

/* `global` names a thread whatever its namespace; `own` is what the collector calls it: 0 where it
 * has no name for it. Both are tgid << 32 | tid. */
struct tp_ids {
    tp_u64 global;
    tp_u64 own;
};

static __always_inline int upid_at(const struct pid *pid, tp_u32 level, struct upid *ret_upid)
{
    const void *at = (const void *)pid + bpf_core_field_offset(struct pid, numbers) +
                     (tp_u64)level * bpf_core_type_size(struct upid);
    const struct upid *upid = at;

    ret_upid->nr = 0;
    ret_upid->ns = 0;
    if (bpf_core_read(&ret_upid->nr, sizeof(ret_upid->nr), &upid->nr))
        return -1;
    return bpf_core_read(&ret_upid->ns, sizeof(ret_upid->ns), &upid->ns);
}

/* The number in the collector's namespace; 0: none there. */
static __always_inline tp_u32 own_number(const struct pid *pid)
{
    struct upid upid;
    tp_u32 level = pid_level;

    if (!pid || BPF_CORE_READ(pid, level) < level || upid_at(pid, level, &upid))
        return 0;
    return (tp_u64)upid.ns == pid_namespace ? (tp_u32)upid.nr : 0;
}

static __always_inline tp_u32 own_tgid(struct task_struct *task)
{
    if (first_pid_namespace)
        return BPF_CORE_READ(task, tgid);
    return own_number(BPF_CORE_READ(task, signal, pids[TP_PIDTYPE_TGID]));
}

static __always_inline tp_u32 own_tid(struct task_struct *task)
{
    return first_pid_namespace ? (tp_u32)BPF_CORE_READ(task, pid)
                               : own_number(BPF_CORE_READ(task, thread_pid));
}

static __always_inline tp_u64 ids_pack(tp_u32 tgid, tp_u32 tid)
{
    return (tp_u64)tgid << 32 | tid;
}

static __always_inline void ids_of_task(struct task_struct *task, struct tp_ids *ret_ids)
{
    ret_ids->global = ids_pack((tp_u32)BPF_CORE_READ(task, tgid), (tp_u32)BPF_CORE_READ(task, pid));
    ret_ids->own = first_pid_namespace ? ret_ids->global : ids_pack(own_tgid(task), own_tid(task));
}

static __always_inline void ids_of_current(struct tp_ids *ret_ids)
{
    ret_ids->global = bpf_get_current_pid_tgid();
    if (first_pid_namespace) {
        ret_ids->own = ret_ids->global;
    } else {
        struct task_struct *task = (struct task_struct *)bpf_get_current_task();
        ret_ids->own = ids_pack(own_tgid(task), own_tid(task));
    }
}

/* Run once by the collector itself, through BPF_PROG_TEST_RUN, before anything is attached. */
SEC("raw_tp/find_pid_namespace")
int find_pid_namespace(void *ctx)
{
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    struct pid *pid = BPF_CORE_READ(task, thread_pid);
    struct upid upid;
    tp_u32 level;

    if (!pid)
        return 0;
    level = BPF_CORE_READ(pid, level);
    if (upid_at(pid, level, &upid))
        return 0;
    pid_level = level;
    pid_namespace = (tp_u64)upid.ns;
    return upid.nr;
}

#endif
