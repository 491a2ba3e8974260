/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "play.h"

/* A streamed answer of one API: what comes before its final event, and that event without the
 * line end that would follow. */
struct ending {
    const char *request, *begin, *final;
};

#define SSE "200\ncontent-type: text/event-stream\n\n"
#define CHAT                                                                                       \
    "POST /v1/chat/completions\nhost: h\n\n{\"stream\":true,\"messages\":[{\"role\":\"user\","     \
    "\"content\":\"A\"}]}"
#define CHAT_FINISH                                                                                \
    SSE "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n"                    \
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define CHAT_USAGE "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}"
#define GOOGLE                                                                                     \
    "POST /v1beta/models/m:streamGenerateContent\nhost: h\n\n{\"contents\":[{\"parts\":[{"         \
    "\"text\":\"A\"}]}]}"

static const struct ending endings[] = {
    {CHAT, CHAT_FINISH, "data: [DONE]"},
    {CHAT, CHAT_FINISH, CHAT_USAGE},
    {CHAT, CHAT_FINISH CHAT_USAGE "\n\n", "data: [DONE]"},
    {"POST /v1/messages\nhost: h\n\n{\"messages\":[{\"role\":\"user\",\"content\":\"A\"}]}",
     SSE "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":3}}}\n\n"
         "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{"
         "\"output_tokens\":1}}\n\n",
     "event: message_stop\ndata: {\"type\":\"message_stop\"}"},
    {"POST /v1/responses\nhost: h\n\n{\"input\":\"A\"}",
     SSE "data: {\"type\":\"response.output_text.delta\",\"delta\":\"x\"}\n\n",
     "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"status\":"
     "\"completed\",\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}"},
    {GOOGLE, SSE "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"x\"}]}}]}\n\n",
     "data: {\"candidates\":[{\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":"
     "3,\"candidatesTokenCount\":1}}"},
};

#define ENDINGS (sizeof(endings) / sizeof(*endings))

static void expect_closed(const char *request, const char *answer, const char *outcome)
{
    struct play p;
    play_begin(&p, 0);
    play_exchange(&p, request, answer, TP_END_CLOSED);
    cr_assert_eq(p.count, 1, "%zu events for %s", p.count, answer);
    cr_expect_str_eq(play_value(&p, 0, "out"), outcome, "%s", answer);
    cr_expect_str_eq(play_value(&p, 0, "cpl"), "true", "%s", answer);
    play_end(&p);
}

Test(ending, a_connection_closed_after_the_final_event_is_a_whole_answer)
{
    char answer[2048];
    for (size_t i = 0; i < ENDINGS; i++) {
        snprintf(answer, sizeof(answer), "%s%s", endings[i].begin, endings[i].final);
        expect_closed(endings[i].request, answer, "ok");
    }
}

/* All but the second case: there the usage has come already, and only [DONE] is missing. */
Test(ending, a_connection_closed_before_the_final_event_is_a_cancelled_call)
{
    for (size_t i = 0; i < ENDINGS; i++)
        if (i != 2)
            expect_closed(endings[i].request, endings[i].begin, "cancelled");
}

Test(ending, a_connection_closed_inside_the_final_event_is_a_cancelled_call)
{
    char answer[2048];
    for (size_t i = 0; i < ENDINGS; i++) {
        if (i == 2)
            continue;
        int n = snprintf(answer, sizeof(answer), "%s%s", endings[i].begin, endings[i].final);
        answer[n - 1] = '\0';
        expect_closed(endings[i].request, answer, "cancelled");
    }
}

Test(ending, a_call_given_up_before_any_answer_was_seen_whole)
{
    expect_closed(CHAT, NULL, "cancelled");
}

Test(ending, bytes_lost_before_the_close_leave_the_call_incomplete)
{
    for (size_t i = 0; i < ENDINGS; i++) {
        struct play p;
        play_begin(&p, 0);
        play_exchange_lost_end(&p, endings[i].request, endings[i].begin, 10);
        cr_expect_str_eq(play_value(&p, 0, "cpl"), "false");
        cr_expect_str_eq(play_value(&p, 0, "lost"), "10");
        play_end(&p);
    }
}

Test(ending, a_stream_framed_to_its_end_needs_no_usage)
{
    struct play p;
    play_begin(&p, 0);
    play_exchange(&p, CHAT, CHAT_FINISH, TP_END_COMPLETE);
    cr_expect_str_eq(play_value(&p, 0, "out"), "ok");
    cr_expect_str_eq(play_value(&p, 0, "cpl"), "true");
    cr_expect_str_eq(play_value(&p, 0, "use.in"), "");
    play_end(&p);
}

/* Left before the answer could show whose it is: the path has told. */
Test(ending, a_connection_closed_before_the_answer_says_anything_is_a_cancelled_call)
{
    static const char *const requests[] = {
        "POST /api/chat\nhost: h\n\n{\"messages\":[{\"role\":\"user\",\"content\":\"A\"}]}",
        "POST /api/generate\nhost: h\n\n{\"prompt\":\"A\"}",
        "POST /completion\nhost: h\n\n{\"prompt\":\"A\"}",
        "POST /v1/completions\nhost: h\n\n{\"prompt\":\"A\"}",
        "POST /v1/embeddings\nhost: h\n\n{\"input\":\"A\"}",
        "POST /model/vendor.m/converse\nhost: h\n\n{}",
    };
    static const char *const answers[] = {
        NULL,
        "200\ncontent-type: application/json\n\n",
        "200\ncontent-type: application/json\n\n{\"mod",
        "200\ncontent-type: application/json\n\n\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++)
        for (size_t k = 0; k < sizeof(answers) / sizeof(*answers); k++)
            expect_closed(requests[i], answers[k], "cancelled");
}

Test(ending, a_whole_answer_that_looks_like_no_apis_is_no_call)
{
    static const char *const answers[] = {
        "200\ncontent-type: application/json\n\n{\"sent\":true}",
        "200\ncontent-type: text/html\n\n<html>",
        "200\ncontent-type: text/event-stream\n\ndata: {\"typing\":true}\n\n",
    };
    for (size_t k = 0; k < sizeof(answers) / sizeof(*answers); k++) {
        struct play p;
        play_begin(&p, 0);
        play_exchange(&p, "POST /api/chat\nhost: h\n\n{\"text\":\"A\"}", answers[k], TP_END_CLOSED);
        cr_expect_eq(p.count, 0, "%s", answers[k]);
        play_end(&p);
    }
}
