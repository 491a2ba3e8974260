/* SPDX-License-Identifier: MIT
 * Command line of `tokprof record`.
 */
#ifndef TP_OPTIONS_H
#define TP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/calls.h"

#define TP_LABELS_MAX 64
#define TP_PIDS_MAX 256

struct tp_record_options {
    const char *output; /* "-": events to standard output */
    const char *task;   /* NULL: none */
    struct tp_label labels[TP_LABELS_MAX];
    size_t label_count;
    size_t ring_bytes;
    bool content;
    bool no_plain;
    bool oldest_kernel;
    bool debug;
    uint32_t pids[TP_PIDS_MAX]; /* processes that run already */
    size_t pid_count;
    bool all;       /* every process */
    char **command; /* NULL-terminated; NULL: none, where processes are named */
};

/* Parses; argv[0] is the name to show ("tokprof record"). 0, or the exit status to leave with: 125
 * after bad usage was reported, -1 after help or version was printed. Points into argv. */
int tp_record_options_parse(struct tp_record_options *ret_options, int argc, char **argv);

/* A process id: digits, 1 to INT_MAX. 0 or -EINVAL. */
int tp_pid_parse(const char *text, uint32_t *ret_pid);

/* "64M", "4096", "256K": a power of two, at least TP_RING_BYTES_MIN, at most 1 GiB. 0 or -EINVAL.
 */
int tp_size_parse(const char *text, size_t *ret_bytes);

#endif
