/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

double tp_bench_cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void tp_series_add(struct tp_series *series, double value)
{
    if (series->count < TP_SERIES_MAX)
        series->values[series->count++] = value;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const struct tp_series *series, double share)
{
    return series->values[(size_t)(share * (double)(series->count - 1) + 0.5)];
}

void tp_series_report(struct tp_series *series, const char *bench, const char *what,
                      const char *unit, const char *aim, const char *note)
{
    if (!series->count)
        return;
    qsort(series->values, series->count, sizeof(double), by_value);
    printf("%s\t%s\t%.4g\t%.4g\t%.4g\t%s\t%s\t%s\n", bench, what, quantile(series, 0.5),
           quantile(series, 0.05), quantile(series, 0.95), unit, aim, note);
    fflush(stdout);
}

uint64_t tp_bench_random(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * 0x2545f4914f6cdd1du;
}
