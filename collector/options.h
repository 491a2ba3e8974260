/* SPDX-License-Identifier: MIT
 * Command line of `tokprof record`.
 */
#ifndef TP_OPTIONS_H
#define TP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "collector/calls.h"

#define TP_LABELS_MAX 64

struct tp_record_options {
    const char *output; /* "-": events to standard output */
    const char *task;   /* NULL: none */
    struct tp_label labels[TP_LABELS_MAX];
    size_t label_count;
    size_t ring_bytes;
    bool content;
    bool debug;
    char **command; /* NULL-terminated, at least one word */
};

/* Parses; argv[0] is the name to show ("tokprof record"). 0, or the exit status to leave with: 125
 * after bad usage was reported, -1 after help or version was printed. Points into argv. */
int tp_record_options_parse(struct tp_record_options *ret_options, int argc, char **argv);

/* "64M", "4096", "256K": a power of two, at least TP_RING_BYTES_MIN, at most 1 GiB. 0 or -EINVAL.
 */
int tp_size_parse(const char *text, size_t *ret_bytes);

#endif
