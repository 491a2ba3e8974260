/* SPDX-License-Identifier: MIT
 * The closing line of a recording:
 * tokprof: 14 calls, 412,310 input tokens (91 % cached), 5,120 output, $0.94, 0 lost; wrote
 * run.tokrec
 */
#ifndef TP_SUMMARY_H
#define TP_SUMMARY_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/shared/record.h"
#include "collector/calls.h"

struct tp_summary {
    const char *output;
    struct tp_calls_stats calls;
    struct tp_counters counters;
    uint64_t cost_nano;
    char currency[4]; /* "": no price known */
    size_t refused_targets;
};

/* The line without its "tokprof: ". Cut where it does not fit. */
void tp_summary_format(const struct tp_summary *summary, char *ret_line, size_t size);

#endif
