/* SPDX-License-Identifier: MIT */
#include "analyzer/attribution/split.h"

#include <stdlib.h>

/* Products of two 64-bit numbers; remainders stay exact, so no share is off by a rounding. */
typedef unsigned __int128 wide;

struct rest {
    wide remainder;
    size_t at;
};

/* Total order: qsort is not stable, and equal inputs must give equal output on every machine. */
static int larger_first(const void *a, const void *b)
{
    const struct rest *x = a, *y = b;
    if (x->remainder != y->remainder)
        return x->remainder < y->remainder ? 1 : -1;
    return x->at < y->at ? -1 : 1;
}

/* Weights that are all zero say nothing about who gets more. */
static void split_evenly(uint64_t total, size_t n, uint64_t *shares)
{
    for (size_t i = 0; i < n; i++)
        shares[i] = total / n + (i < total % n);
}

bool tp_split(uint64_t total, const uint64_t *weights, size_t n, uint64_t *ret_shares)
{
    wide sum = 0;
    uint64_t given = 0;
    for (size_t i = 0; i < n; i++)
        sum += weights[i];
    if (n == 1) {
        ret_shares[0] = total;
        return true;
    }
    if (sum == 0) {
        split_evenly(total, n, ret_shares);
        return true;
    }
    struct rest *rests = malloc(n * sizeof(*rests));
    if (!rests)
        return false;
    for (size_t i = 0; i < n; i++) {
        wide product = (wide)total * weights[i];
        ret_shares[i] = (uint64_t)(product / sum);
        rests[i] = (struct rest){product % sum, i};
        given += ret_shares[i];
    }
    if (given < total) {
        qsort(rests, n, sizeof(*rests), larger_first);
        for (size_t i = 0; i < n && given < total; i++, given++)
            ret_shares[rests[i].at]++;
    }
    free(rests);
    return true;
}
