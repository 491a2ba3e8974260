/* SPDX-License-Identifier: MIT
 * What the collector knows about a watched process, as others need it.
 */
#ifndef TP_PROCESS_H
#define TP_PROCESS_H

#include <stdint.h>

struct tp_process {
    uint32_t pid;
    uint32_t parent_pid;
    uint64_t start_ns; /* CLOCK_BOOTTIME, as /proc/PID/stat says but in ns */
    char comm[16];
    char program[64]; /* base name of the script, else of the executable; no arguments */
    char tree[17];    /* 16 hex digits: the process tree (the recording's root) */
};

/* Looks a process up, dead ones included while their streams are open. NULL if never seen. */
struct tp_process_source {
    void *cx;
    const struct tp_process *(*find)(void *cx, uint32_t pid);
};

#endif
