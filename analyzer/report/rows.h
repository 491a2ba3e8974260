/* SPDX-License-Identifier: MIT
 * Rows of a report: the calls' numbers by one dimension. The rows sum to the totals: what has no
 * place in the dimension stands in a row without key.
 */
#ifndef TP_ROWS_H
#define TP_ROWS_H

#include "analyzer/report/sums.h"

/* A set of rows, by key. Memory is bounded by the different keys, a million at most. */
struct tp_rows;

struct tp_report_row {
    const char *key; /* NULL: what has no place in the dimension */
    struct tp_sum sum;
};

/* `by`: task, session, conversation, round, tool, part, model, provider, agent, process, day,
 * label:KEY. 0, -EINVAL for other words, -ENOMEM. */
int tp_rows_new(struct tp_rows **ret_rows, const char *by);
/* NULL is fine. */
void tp_rows_free(struct tp_rows *rows);

/* 0 or -ENOMEM. */
int tp_rows_add(struct tp_rows *rows, const struct tp_row *row, const struct tp_names *names);
/* Bytes that were lost outside of calls. 0 or -ENOMEM. */
int tp_rows_add_lost(struct tp_rows *rows, uint64_t bytes);

/* Whether the rows are pieces of calls (tools, parts), whose `calls` stand in the row without key.
 */
bool tp_rows_of_pieces(const struct tp_rows *rows);

/* All rows, the dearest first (days and rounds in order). Valid until the next change. */
const struct tp_report_row *tp_rows_sorted(struct tp_rows *rows, size_t *ret_count);

#endif
