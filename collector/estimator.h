/* SPDX-License-Identifier: MIT
 * Estimates the tokens of text from classes of characters, in any pieces. Rough by design (no
 * vocabulary): its numbers only apportion exact ones, so what counts is that they are stable and
 * proportionate.
 */
#ifndef TP_ESTIMATOR_H
#define TP_ESTIMATOR_H

#include <stddef.h>
#include <stdint.h>

struct tp_estimator {
    uint64_t sixteenths; /* of a token, of the runs that have ended */
    uint32_t run;        /* bytes of the run of one class that is open */
    uint8_t kind;
};

/* All zero is a fresh one. The same text in other pieces gives the same number. */
void tp_estimator_add(struct tp_estimator *e, const char *text, size_t n);

/* Tokens of all that was added, rounded up. */
uint64_t tp_estimator_tokens(const struct tp_estimator *e);

#endif
