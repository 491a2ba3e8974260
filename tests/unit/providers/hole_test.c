/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <string.h>

#include "play.h"

#define REQUEST                                                                                    \
    "POST /v1/chat/completions\nhost: h\n\n{\"messages\":[{\"role\":\"user\",\"content\":\"A\"}]}"

static const char stream[] =
    "200\ncontent-type: text/event-stream\n\n"
    "data: "
    "{\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}"
    "]}\n\n"
    "data: "
    "{\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"y\"}}"
    "]}\n\n"
    "data: {\"object\":\"chat.completion.chunk\",\"choices\":[],\"usage\":{\"prompt_tokens\":12,"
    "\"completion_tokens\":34}}\n\ndata: [DONE]\n\n";

static const char whole[] =
    "200\ncontent-type: "
    "application/json\n\n{\"id\":\"i\",\"object\":\"chat.completion\",\"choices\":[{"
    "\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"say \\\"usage\\\": "
    "{\\\"prompt_tokens\\\":"
    "99} "
    "twice\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":"
    "34}}";

/* A hole anywhere before the usage, of any length up to it: the usage is found, and the call
 * marked. */
static void check_holes(const char *answer, const char *marker)
{
    const char *body = strstr(answer, "\n\n") + 2;
    size_t usage = (size_t)(strstr(body, marker) - body);
    for (size_t at = 0; at < usage; at += 3) {
        for (size_t hole = 1; at + hole <= usage; hole += 17) {
            struct play p;
            play_begin(&p, at % 3 ? 0 : 9);
            play_exchange_hole(&p, REQUEST, answer, at, hole);
            cr_assert_geq(p.count, 1);
            cr_expect_str_eq(play_value(&p, 0, "cpl"), "false");
            cr_expect_str_eq(play_value(&p, 0, "use.in"), "12", "hole %zu+%zu: %s", at, hole,
                             play_value(&p, 0, "use.in"));
            cr_expect_str_eq(play_value(&p, 0, "use.out"), "34", "hole %zu+%zu", at, hole);
            play_end(&p);
        }
    }
}

Test(holes, never_hide_the_usage_that_follows_in_a_stream)
{
    check_holes(stream, "\"usage\"");
}

Test(holes, never_hide_the_usage_that_follows_in_a_document)
{
    check_holes(whole, "\"usage\":{");
}

Test(holes, inside_the_usage_leave_no_wrong_number)
{
    const char *body = strstr(whole, "\n\n") + 2;
    size_t usage = (size_t)(strstr(body, "\"usage\":{") - body);
    for (size_t at = usage; at < strlen(body) - 1; at++) {
        struct play p;
        play_begin(&p, 0);
        play_exchange_hole(&p, REQUEST, whole, at, 1);
        cr_expect_str_eq(play_value(&p, 0, "cpl"), "false");
        play_end(&p);
    }
}

Test(holes, an_answer_without_request_is_known_by_its_shape)
{
    struct play p;
    play_begin(&p, 0);
    play_exchange(&p, NULL, stream, TP_END_COMPLETE);
    cr_assert_geq(p.count, 1);
    cr_expect_str_eq(play_value(&p, 0, "api"), "openai.chat");
    cr_expect_str_eq(play_value(&p, 0, "cpl"), "false");
    cr_expect_str_eq(play_value(&p, 0, "use.out"), "34");
    play_end(&p);
}

Test(losses, outside_any_exchange_are_summed_up_and_told)
{
    struct play p;
    struct tp_conn_origin origin = {.pid = 42};
    play_begin(&p, 0);
    tp_calls_exchange_ops.loss(p.calls, &origin, "ring", "full", 10);
    tp_calls_exchange_ops.loss(p.calls, &origin, "ring", "full", 5);
    play_exchange(&p, REQUEST, whole, TP_END_COMPLETE);
    cr_assert_eq(p.count, 2);
    cr_expect_str_eq(play_value(&p, 1, "where"), "ring");
    cr_expect_str_eq(play_value(&p, 1, "n"), "15");
    cr_expect_str_eq(play_value(&p, 1, "cnt"), "2");
    play_end(&p);
}

Test(cuts, before_the_documents_end_are_cancelled_calls)
{
    char cut[1024];
    const char *const answers[] = {whole, stream};
    for (size_t a = 0; a < 2; a++) {
        size_t head = (size_t)(strstr(answers[a], "\n\n") + 2 - answers[a]);
        size_t end = strlen(answers[a]) - (a ? 20 : 1);
        for (size_t n = head + 1; n <= end; n++) {
            struct play p;
            play_begin(&p, 0);
            memcpy(cut, answers[a], n);
            cut[n] = '\0';
            play_exchange(&p, REQUEST, cut, TP_END_CLOSED);
            cr_expect_str_eq(play_value(&p, 0, "out"), "cancelled", "cut at %zu", n);
            cr_expect_str_eq(play_value(&p, 0, "cpl"), "true");
            play_end(&p);
        }
    }
}
