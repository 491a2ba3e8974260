/* SPDX-License-Identifier: MIT
 * Processes that run already, as /proc tells (proc_pid_stat(5)).
 */
#ifndef TP_RUNNING_H
#define TP_RUNNING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct tp_running {
    uint32_t pid, parent_pid;
    uint64_t start_ns; /* CLOCK_BOOTTIME, to the clock tick */
    uid_t uid;         /* who owns its /proc entry */
    char comm[16];
    bool kernel; /* a kernel thread */
};

/* 0, or -ESRCH: no such process, one that has ended and waits for its parent, or a thread that does
 * not lead its process. */
int tp_running_read(uint32_t pid, struct tp_running *ret_running);

/* Each process that is there, in no order. */
void tp_running_each(void (*each)(void *cx, const struct tp_running *running), void *cx);

#endif
