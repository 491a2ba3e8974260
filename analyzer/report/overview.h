/* SPDX-License-Identifier: MIT
 * The report's first screen: totals, losses, and the rows that matter most.
 */
#ifndef TP_OVERVIEW_H
#define TP_OVERVIEW_H

#include "analyzer/report/rows.h"

/* Pairs of place and reason; a recorder knows some twenty. */
#define TP_LOSS_PLACES_MAX 64

/* All losses of one place for one reason. */
struct tp_loss_sum {
    const char *where, *why; /* of the model's names; may be NULL */
    uint64_t bytes;
    uint64_t count;
};

/* What a report knows besides its rows. */
struct tp_totals {
    struct tp_sum sum;
    struct tp_loss_sum losses[TP_LOSS_PLACES_MAX];
    size_t loss_count;
    uint64_t kernel_lost_bytes; /* not copied by the probes, in calls or not */
    uint64_t other_lost_bytes;  /* lost later, outside of calls */
    int64_t targets, failed_targets, late_targets;
    int64_t latest_ns; /* the longest that a probe came after its target was mapped */
};

/* The lines above the rows. */
void tp_overview_print(FILE *file, const struct tp_totals *totals);
/* At most `max` rows under a title; 0: all. False without memory. */
bool tp_overview_rows(FILE *file, const char *title, struct tp_rows *rows, size_t max);

#endif
