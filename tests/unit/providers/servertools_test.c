/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "play.h"

static const char request[] = "POST /api/v3/bots/chat/completions\nhost: a\n\n"
                              "{\"messages\":[{\"role\":\"user\",\"content\":\"A\"}]}";

/* A bot that names `count` actions, each name with `pad` more letters. */
static void play_actions(struct play *p, unsigned count, int pad)
{
    char answer[8192];
    int n = snprintf(answer, sizeof(answer),
                     "200\ncontent-type: application/json\n\n{\"choices\":[{\"message\":{"
                     "\"content\":\"b\"}}],\"bot_usage\":{\"action_usage\":[");
    for (unsigned i = 0; i < count; i++)
        n += snprintf(answer + n, sizeof(answer) - (size_t)n,
                      "{\"search_count\":%u,\"name\":\"t%02u%0*d\"},", i + 1, i, pad, 0);
    snprintf(answer + n, sizeof(answer) - (size_t)n,
             "{\"name\":\"none\",\"search_count\":null}]}}");
    play_begin(p, 1);
    play_exchange(p, request, answer, TP_END_COMPLETE);
}

Test(server_tools, are_counted_up_to_a_ceiling)
{
    struct play p;
    play_actions(&p, 20, 1);
    cr_assert_eq(p.count, 1);
    cr_expect_str_eq(play_value(&p, 0, "svt.t000"), "1");
    cr_expect_str_eq(play_value(&p, 0, "svt.t150"), "16");
    cr_expect_str_eq(play_value(&p, 0, "svt.t160"), "");
    cr_expect_str_eq(play_value(&p, 0, "svt.none"), "", "null is no count");
    play_end(&p);
}

Test(server_tools, with_names_too_long_are_left_out)
{
    struct play p;
    play_actions(&p, 1, 61);
    cr_expect_str_eq(play_value(&p, 0, "svt"), "");
    cr_expect(!play_leaks(&p, "t000000000"));
    play_end(&p);
}
