/* SPDX-License-Identifier: MIT
 * Sums over calls and over parts of calls. What is unknown is counted, never added as zero.
 */
#ifndef TP_SUMS_H
#define TP_SUMS_H

#include "analyzer/format/json.h"
#include "analyzer/model/row.h"

#define TP_SUM_CURRENCIES 4

/* Costs in a currency that is not the dollar. */
struct tp_sum_money {
    char currency[4]; /* "": none yet */
    uint64_t nano;
};

/* Zeroed before use. Sums saturate. `known` and `unknown` say how many calls are in a sum and
 * how many could not be. */
struct tp_sum {
    int64_t calls;
    int64_t in_calls; /* calls in which this appears: a part's or a tool's `calls` */
    uint64_t tokens[TP_USAGE_FIELDS];
    int64_t known[TP_USAGE_FIELDS], unknown[TP_USAGE_FIELDS]; /* how many calls said */
    uint64_t modality[2][TP_MODALITIES];
    int64_t modality_known[2][TP_MODALITIES];
    uint64_t cost_nano; /* dollars */
    int64_t cost_known, cost_unknown;
    int64_t unpriced_calls; /* of those unknown in dollars, that have no price at all */
    struct tp_sum_money other[TP_SUM_CURRENCIES]; /* beside it: currencies do not add up */
    uint64_t lost_bytes;
    int64_t incomplete_calls, failed_calls, cancelled_calls;
    uint64_t unattributed_tokens; /* of which it is not known what they were */
    uint64_t duration_ns;         /* sum of the calls' */
    int64_t uses, failed_uses;    /* tools: asked for */
    uint64_t use_ns; /* tools: from the answer that asked to the request that brought the result */
    int64_t use_ns_known;
    uint64_t result_tokens; /* tools: when the results were first sent */
};

/* A whole call: its usage, its cost, its losses, and what of it was unseen. */
void tp_sum_add_call(struct tp_sum *sum, const struct tp_row *row, const struct tp_names *names);
/* The share of one of the row's parts, of a call that tp_sum_add_call() counted elsewhere: tokens,
 * cache counts, cost. */
void tp_sum_add_part(struct tp_sum *sum, const struct tp_row *row, const struct tp_part *part,
                     bool output);
/* One use of a tool: how long it took, whether it failed, how large its result was. */
void tp_sum_add_tool(struct tp_sum *sum, const struct tp_row_tool *tool);
/* What is left of `whole` without `part`: takes tokens and cost away. */
void tp_sum_subtract(struct tp_sum *whole, const struct tp_sum *part);

/* Members of the sum into the map that is open: those of the usage, calls, cost_usd, lost_bytes ...
 */
void tp_json_sum(struct tp_json *j, const struct tp_sum *sum);

/* Tokens of a field; negative when calls were added and none of them knew. */
int64_t tp_sum_tokens(const struct tp_sum *sum, enum tp_usage_field field);

#endif
