/* SPDX-License-Identifier: MIT
 * Random conversations on several connections, cut into records at random, with an oracle that
 * knows what was said and what was dropped.
 */
#ifndef TP_TEST_CONVERSATION_H
#define TP_TEST_CONVERSATION_H

#include <stddef.h>
#include <stdint.h>

struct conversation_result {
    char problem[400]; /* empty: all well */
    size_t messages, exchanges, exact, touched, marked, orphans;
    size_t ambiguous; /* untouched, but given up: pipelined ones only */
    size_t doubted;   /* untouched and exact, but marked: the pairing is likely, not proven */
    size_t mixed;     /* pipelined and marked, yet with bytes of another message */
    size_t tags_seen, tags_missed; /* pieces of answers that were not dropped: told, not told */
};

/* drop_percent of the records are dropped. The same seed plays the same. */
void conversation_play(uint64_t seed, unsigned drop_percent,
                       struct conversation_result *ret_result);

#endif
