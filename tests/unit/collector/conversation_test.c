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
    play_all(676, 677, 1);   /* answered early; a hole in the rest passed for a lost request */
    play_all(180, 181, 5);   /* the same, with a hole too small for one */
    play_all(4129, 4130, 1); /* ... and the next request's body went to the one before */
    play_all(8149, 8150, 1); /* ... before anything told which side asks */
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
