/* SPDX-License-Identifier: MIT
 * Splitting a whole number by weights so that the shares sum to it exactly.
 */
#ifndef TP_SPLIT_H
#define TP_SPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Largest-remainder split of `total` over n > 0 weights (all zero: evenly); equal remainders go to
 * the earlier share. False without memory, with nothing written. */
bool tp_split(uint64_t total, const uint64_t *weights, size_t n, uint64_t *ret_shares);

#endif
