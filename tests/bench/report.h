/* SPDX-License-Identifier: MIT
 * What the benchmark programs share: CPU time, medians with their spread, and the one line format
 * that run.sh makes a table of: bench, what, median, low, high, unit, aim, note, parted by tabs.
 */
#ifndef TP_BENCH_REPORT_H
#define TP_BENCH_REPORT_H

#include <stddef.h>
#include <stdint.h>

#define TP_SERIES_MAX 256

struct tp_series {
    double values[TP_SERIES_MAX];
    size_t count;
};

/* CPU seconds of this thread: what other processes do at the same time does not count. */
double tp_bench_cpu(void);

void tp_series_add(struct tp_series *series, double value);

/* The median, and between which values nine of ten lie. `aim` and `note` may be "". */
void tp_series_report(struct tp_series *series, const char *bench, const char *what,
                      const char *unit, const char *aim, const char *note);

/* xorshift64*, for bodies and orders that are the same in every run. */
uint64_t tp_bench_random(uint64_t *state);

#endif
