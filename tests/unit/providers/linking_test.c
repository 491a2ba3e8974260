/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "play.h"

/* A chat of which each letter is a message: capitals the user's, small ones the assistant's. */
static const char *system_text = "S";

static void ask(struct play *p, const char *messages, const char *status, const char *answer)
{
    char request[4096], whole[512];
    int n = snprintf(
        request, sizeof(request),
        "POST /v1/chat/completions\nhost: h\n\n{\"tools\":[{\"function\":{\"name\":\"f\"}}],"
        "\"messages\":[{\"role\":\"system\",\"content\":\"%s\"}",
        system_text);
    for (const char *m = messages; *m; m++)
        n +=
            snprintf(request + n, sizeof(request) - (size_t)n,
                     ",{\"role\":\"%s\",\"content\":\"%c\"}", *m >= 'a' ? "assistant" : "user", *m);
    snprintf(request + n, sizeof(request) - (size_t)n, "]}");
    snprintf(
        whole, sizeof(whole),
        "%s\ncontent-type: application/json\n\n{\"choices\":[{\"message\":{\"role\":\"assistant\","
        "\"content\":\"%s\"}}]}",
        status, answer);
    play_exchange(p, request, whole, TP_END_COMPLETE);
}

static void expect_link(const struct play *p, size_t call, int parent, const char *shared,
                        const char *blocks)
{
    const char *id = parent < 0 ? "" : play_value(p, (size_t)parent, "id");
    cr_expect_str_eq(play_value(p, call, "par"), id, "parent of call %zu", call);
    cr_expect_str_eq(play_value(p, call, "shr"), shared, "call %zu shares %s", call,
                     play_value(p, call, "shr"));
    cr_expect_str_eq(play_value(p, call, "blk"), blocks, "call %zu: %s", call,
                     play_value(p, call, "blk"));
}

#define ROOT "tool_schema:f system user"

Test(linking, a_context_that_grows_carries_only_what_is_new)
{
    struct play p;
    play_begin(&p, 0);
    ask(&p, "A", "200", "b");
    ask(&p, "AbC", "200", "d");
    ask(&p, "AbCdE", "200", "f");
    expect_link(&p, 0, -1, "", ROOT);
    expect_link(&p, 1, 0, "4", "user");
    expect_link(&p, 2, 1, "6", "user");
    cr_expect_str_eq(play_value(&p, 1, "chk"), play_value(&p, 0, "chk"));
    play_end(&p);
}

Test(linking, an_edited_history_is_a_branch_that_knows_its_parent)
{
    struct play p;
    play_begin(&p, 0);
    ask(&p, "A", "200", "b");
    ask(&p, "AbC", "200", "d");
    ask(&p, "AbX", "200", "y");
    expect_link(&p, 2, 1, "4", "user");
    play_end(&p);
}

Test(linking, a_retry_extends_the_call_that_failed_by_nothing)
{
    struct play p;
    play_begin(&p, 0);
    ask(&p, "A", "529", "");
    ask(&p, "A", "200", "b");
    expect_link(&p, 1, 0, "3", "");
    play_end(&p);
}

Test(linking, conversations_that_share_only_tools_and_system_are_two)
{
    struct play p;
    play_begin(&p, 0);
    ask(&p, "A", "200", "b");
    ask(&p, "X", "200", "y");
    expect_link(&p, 1, -1, "", ROOT);
    play_end(&p);
}

Test(linking, the_same_conversation_held_twice_is_two)
{
    struct play p;
    play_begin(&p, 0);
    ask(&p, "A", "200", "b");
    ask(&p, "AbC", "200", "d");
    ask(&p, "A", "200", "b");
    ask(&p, "AbC", "200", "d");
    expect_link(&p, 2, -1, "", ROOT);
    expect_link(&p, 3, 2, "4", "user");
    play_end(&p);
}

Test(linking, a_compaction_begins_anew)
{
    struct play p;
    play_begin(&p, 0);
    ask(&p, "A", "200", "b");
    ask(&p, "AbC", "200", "d");
    ask(&p, "Z", "200", "e");
    ask(&p, "ZeF", "200", "g");
    expect_link(&p, 2, -1, "", ROOT);
    expect_link(&p, 3, 2, "4", "user");
    play_end(&p);
}

Test(linking, a_request_with_a_hole_is_nobodys_prefix)
{
    static const char request[] = "POST /v1/chat/completions\nhost: "
                                  "h\n\n{\"messages\":[{\"role\":\"user\",\"content\":\"A\"},{"
                                  "\"role\":\"user\",\"content\":\"B\"}]}";
    static const char answer[] =
        "200\n\n{\"choices\":[{\"message\":{\"content\":\"b\"}}],\"usage\":{"
        "\"prompt_tokens\":3,\"completion_tokens\":1}}";
    struct play p;
    play_begin(&p, 0);
    play_exchange_request_hole(&p, request, answer, 50, 20);
    play_exchange(&p, request, answer, TP_END_COMPLETE);
    cr_assert_eq(p.count, 3);
    cr_expect_str_eq(play_value(&p, 0, "cpl"), "false");
    cr_expect_str_eq(play_value(&p, 0, "use.in"), "3");
    cr_expect_str_eq(play_value(&p, 0, "chn"), "");
    cr_expect_str_eq(play_value(&p, 1, "k"), "loss");
    cr_expect_str_eq(play_value(&p, 1, "call"), play_value(&p, 0, "id"));
    cr_expect_str_eq(play_value(&p, 2, "par"), "");
    cr_expect_str_eq(play_value(&p, 2, "cpl"), "true");
    play_end(&p);
}

Test(linking, a_previous_response_id_names_the_parent)
{
    struct play p;
    play_begin(&p, 0);
    play_exchange(&p, "POST /v1/responses\nhost: h\n\n{\"input\":\"Q\"}",
                  "200\n\n{\"id\":\"r1\",\"object\":\"response\",\"status\":\"completed\"}",
                  TP_END_COMPLETE);
    play_exchange(
        &p, "POST /v1/responses\nhost: h\n\n{\"previous_response_id\":\"r1\",\"input\":\"R\"}",
        "200\n\n{\"id\":\"r2\",\"object\":\"response\",\"status\":\"completed\"}", TP_END_COMPLETE);
    expect_link(&p, 1, 0, "", "user");
    cr_expect_str_eq(play_value(&p, 1, "prid"), "r1");
    play_end(&p);
}

Test(linking, a_system_text_that_changes_does_not_part_a_conversation)
{
    struct play p;
    play_begin(&p, 0);
    system_text = "10:00";
    ask(&p, "A", "200", "b");
    system_text = "10:01";
    ask(&p, "AbC", "200", "d");
    expect_link(&p, 1, 0, "1", "system user assistant user");
    system_text = "10:02";
    ask(&p, "AbCdE", "200", "f");
    expect_link(&p, 2, 1, "1", "system user assistant user assistant user");
    play_end(&p);
}
