/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "play.h"

static const char *const empty_answer = "200\ncontent-type: application/json\n\n{}";

/* Identities of the request's blocks. */
static void blocks_of(const char *request, unsigned cut, char out[4096])
{
    struct play p;
    play_begin(&p, cut);
    play_exchange(&p, request, NULL, TP_END_CLOSED);
    cr_assert_eq(p.count, 1);
    snprintf(out, 4096, "%s | %s", play_value(&p, 0, "blk.h"), play_value(&p, 0, "blk"));
    play_end(&p);
}

static void expect_same(const char *a, const char *b, bool same)
{
    char of_a[4096], of_b[4096];
    blocks_of(a, 0, of_a);
    blocks_of(b, 7, of_b);
    cr_assert_gt(strlen(of_a), 32, "no blocks: %s", of_a);
    cr_expect(same == !strcmp(of_a, of_b), "%s\n%s\n%s\n%s", a, of_a, b, of_b);
}

/* The answer's blocks and the last blocks of a request that sends them again. */
static void expect_echo(const char *request, const char *answer, const char *next,
                        const char *shared)
{
    struct play p;
    play_begin(&p, 5);
    play_exchange(&p, request, answer, TP_END_COMPLETE);
    play_exchange(&p, next, empty_answer, TP_END_COMPLETE);
    cr_assert_eq(p.count, 2);
    cr_expect_str_eq(play_value(&p, 1, "par"), play_value(&p, 0, "id"));
    cr_expect_str_eq(play_value(&p, 1, "shr"), shared, "shared %s, new %s",
                     play_value(&p, 1, "shr"), play_value(&p, 1, "blk"));
    play_end(&p);
}

#define ANTHROPIC "POST /v1/messages\nhost: h\n\n"
#define CHAT "POST /v1/chat/completions\nhost: h\n\n"
#define RESPONSES "POST /v1/responses\nhost: h\n\n"
#define GOOGLE "POST /v1beta/models/m:generateContent\nhost: h\n\n"

Test(identity, a_string_is_an_array_of_one_text)
{
    expect_same(
        ANTHROPIC "{\"system\":\"S\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
        ANTHROPIC "{\"messages\":[{\"content\":[{\"text\":\"hi\",\"type\":\"text\"}],\"role\":"
                  "\"user\"}],\"system\":[{\"type\":\"text\",\"text\":\"S\"}]}",
        true);
    expect_same(
        CHAT "{\"messages\":[{\"role\":\"tool\",\"content\":\"r\",\"tool_call_id\":\"x\"}]}",
        CHAT "{\"messages\":[{\"tool_call_id\":\"x\",\"content\":[{\"type\":\"text\",\"text\":"
             "\"r\"}],\"role\":\"tool\"}]}",
        true);
    expect_same(RESPONSES "{\"input\":\"Q\"}",
                RESPONSES "{\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\","
                          "\"text\":\"Q\"}]}]}",
                true);
}

Test(identity, cache_marks_do_not_matter)
{
    expect_same(ANTHROPIC
                "{\"tools\":[{\"name\":\"f\",\"input_schema\":{\"a\":1,\"b\":[2]}}],\"messages\":[{"
                "\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}]}",
                ANTHROPIC
                "{\"tools\":[{\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"},\"name\":"
                "\"f\",\"input_schema\":{\"b\": [2.0], \"a\":1}}],\"messages\":[{\"role\":\"user\","
                "\"content\":[{\"type\":\"text\",\"text\":\"hi\",\"cache_control\":{\"type\":"
                "\"ephemeral\"}}]}]}",
                true);
}

Test(identity, escapes_do_not_matter_and_content_does)
{
    expect_same(CHAT "{\"messages\":[{\"role\":\"user\",\"content\":\"\\u0041\\u00e9/\"}]}",
                CHAT "{\"messages\":[{\"role\":\"user\",\"content\":\"A\xc3\xa9\\/\"}]}", true);
    expect_same(CHAT "{\"messages\":[{\"role\":\"user\",\"content\":\"A\"}]}",
                CHAT "{\"messages\":[{\"role\":\"user\",\"content\":\"B\"}]}", false);
    expect_same(CHAT "{\"messages\":[{\"role\":\"user\",\"content\":\"A\"}]}",
                CHAT "{\"messages\":[{\"role\":\"assistant\",\"content\":\"A\"}]}", false);
}

Test(identity, arguments_as_text_or_object_are_the_same)
{
    expect_same(
        CHAT "{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c\",\"function\":{"
             "\"name\":\"f\",\"arguments\":\"{\\\"a\\\": [1, \\\"x\\\"], \\\"b\\\": null}\"}}]}]}",
        CHAT "{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"function\":{\"arguments\":"
             "{\"b\":null,\"a\":[1,\"x\"]},\"name\":\"f\"},\"id\":\"c\"}]}]}",
        true);
}

Test(identity, a_streamed_messages_answer_is_its_echo)
{
    expect_echo(
        ANTHROPIC "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
        "200\ncontent-type: text/event-stream\n\n"
        "data: {\"type\":\"message_start\",\"message\":{\"type\":\"message\"}}\n\n"
        "data: "
        "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\","
        "\"thinking\":\"\"}}\n\n"
        "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"thinking\":\"th\"}}\n\n"
        "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"signature\":\"sig\"}}\n\n"
        "data: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
        "data: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"text\","
        "\"text\":\"\"}}\n\n"
        "data: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"text\":\"y\"}}\n\n"
        "data: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"text\":\"o\"}}\n\n"
        "data: {\"type\":\"content_block_stop\",\"index\":1}\n\n"
        "data: "
        "{\"type\":\"content_block_start\",\"index\":2,\"content_block\":{\"type\":\"tool_use\","
        "\"id\":\"t1\",\"name\":\"f\",\"input\":{}}}\n\n"
        "data: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"partial_json\":\"\"}}\n\n"
        "data: "
        "{\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"partial_json\":\"{\\\"p\\\": "
        "\"}}\n\n"
        "data: "
        "{\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"partial_json\":\"1}\"}}\n\n"
        "data: {\"type\":\"content_block_stop\",\"index\":2}\n\n"
        "data: {\"type\":\"message_stop\"}\n\n",
        ANTHROPIC "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\","
                  "\"content\":[{"
                  "\"type\":\"thinking\",\"thinking\":\"th\",\"signature\":\"sig\"},{\"type\":"
                  "\"text\",\"text\":"
                  "\"yo\"},{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{\"p\":1}}"
                  "]},{\"role\":"
                  "\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t1\","
                  "\"content\":\"r\"}]}]}",
        "4");
}

Test(identity, a_streamed_chat_answer_is_its_echo)
{
    expect_echo(
        CHAT "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
        "200\ncontent-type: text/event-stream\n\n"
        "data: "
        "{\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"y\"}}]}\n\n"
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"o\"}}]}\n\n"
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c\","
        "\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}}]}\n\n"
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{"
        "\"arguments\":\"{}\"}}]},\"finish_reason\":\"tool_calls\"}]}\n\ndata: [DONE]\n\n",
        CHAT "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\","
             "\"content\":\"yo\",\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\","
             "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\","
             "\"tool_call_id\":\"c\",\"content\":\"r\"}]}",
        "3");
}

Test(identity, a_streamed_gemini_answer_is_its_echo)
{
    expect_echo(
        GOOGLE "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}]}",
        "200\ncontent-type: text/event-stream\n\n"
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"y\"}]}}]}\n\n"
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"o\"}]}}]}\n\n"
        "data: "
        "{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\",\"args\":{"
        "\"a\":1}},\"thoughtSignature\":\"s\"}]},\"finishReason\":\"STOP\"}]}\n\n",
        GOOGLE
        "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]},{\"role\":\"model\","
        "\"parts\":[{\"text\":\"yo\"},{\"functionCall\":{\"name\":\"f\",\"args\":{\"a\":1}}}]},{"
        "\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"name\":\"f\",\"response\":{}}}]}]}",
        "3");
}

Test(identity, an_item_of_a_responses_answer_is_its_echo)
{
    expect_echo(
        RESPONSES "{\"input\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
        "200\ncontent-type: text/event-stream\n\n"
        "event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"item\":{"
        "\"id\":\"rs\",\"type\":\"reasoning\",\"summary\":[{\"type\":\"summary_text\",\"text\":"
        "\"sum\"}],"
        "\"encrypted_content\":\"enc\"}}\n\n"
        "event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"item\":{"
        "\"id\":\"fc\",\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":"
        "\"{}\"}}\n\n"
        "event: response.completed\ndata: "
        "{\"type\":\"response.completed\",\"response\":{\"status\":"
        "\"completed\"}}\n\n",
        RESPONSES
        "{\"input\":[{\"role\":\"user\",\"content\":\"hi\"},{\"type\":\"reasoning\",\"summary\":"
        "[],\"encrypted_content\":\"enc\"},{\"type\":\"function_call\",\"name\":\"f\","
        "\"arguments\":\"{}\",\"call_id\":\"c\"},{\"type\":\"function_call_output\",\"call_id\":"
        "\"c\",\"output\":\"r\"}]}",
        "3");
}

Test(privacy, a_canary_is_in_no_event)
{
    static const char request[] =
        "POST /v1/messages?key=CANARY1\nhost: h\nauthorization: Bearer CANARY2\nx-other: "
        "CANARY3\n\n"
        "{\"model\":\"m\",\"metadata\":{\"user_id\":\"CANARY4\"},\"messages\":[{\"role\":\"user\","
        "\"content\":\"CANARY5\"},{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\","
        "\"id\":"
        "\"t\",\"name\":\"f\",\"input\":{\"CANARY6\":\"CANARY7\"}},{\"type\":\"new_kind\","
        "\"field\":"
        "\"CANARY8\"}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":"
        "\"t\","
        "\"content\":\"CANARY9\"}]}]}";
    static const char answer[] = "200\ncontent-type: application/json\nx-user: "
                                 "CANARYa\n\n{\"type\":\"message\",\"content\":[{"
                                 "\"type\":\"text\",\"text\":\"CANARYb\"}],\"usage\":{\"input_"
                                 "tokens\":1,\"output_tokens\":1}}";
    struct play p;
    play_begin(&p, 0);
    play_exchange(&p, request, answer, TP_END_COMPLETE);
    cr_assert_eq(p.count, 1);
    cr_expect_not(play_leaks(&p, "CANARY"));
    play_end(&p);
    play_begin_with_content(&p, 3);
    play_exchange(&p, request, answer, TP_END_COMPLETE);
    cr_expect(play_leaks(&p, "CANARY5") && play_leaks(&p, "CANARY9") && play_leaks(&p, "CANARYb"));
    cr_expect(play_leaks(&p, "CANARY7"));
    cr_expect_not(play_leaks(&p, "CANARY1") || play_leaks(&p, "CANARY2") ||
                  play_leaks(&p, "CANARY4"));
    play_end(&p);
}
