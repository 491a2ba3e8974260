/* SPDX-License-Identifier: MIT */
#include "conversation.h"

#include <criterion/criterion.h>

static void play_all(uint64_t from, uint64_t to, unsigned drop_percent)
{
    for (uint64_t seed = from; seed < to; seed++) {
        struct conversation_result r;
        conversation_play(seed, drop_percent, &r);
        cr_assert(r.problem[0] == '\0', "seed %llu, %u %% dropped: %s", (unsigned long long)seed,
                  drop_percent, r.problem);
    }
}

/* Each was wrong once. */
Test(conversations, that_failed_before_stay_right)
{
    play_all(1729, 1730, 1); /* one byte of an interim head lost, and nobody told */
    play_all(377, 378, 30);  /* an answer behind two holes went to a request before them */
    play_all(405, 406, 30);  /* pipelined, which only a record shared by two requests showed */
    play_all(4709, 4710, 0); /* a large answer before its request's head was whole */
    play_all(336, 337, 0);   /* the same, read a few bytes at a time */
}

Test(conversations, are_exact_however_they_are_split)
{
    play_all(1, 400, 0);
}

Test(conversations, with_few_records_dropped_never_mix_and_always_tell)
{
    play_all(1, 400, 1);
}

Test(conversations, with_many_records_dropped_never_mix_and_always_tell)
{
    play_all(1, 150, 5);
    play_all(1, 100, 30);
}
