/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "collector/eventstream.h"
#include "play.h"

/* Answers in frames, written here so that the decoder is checked against another's arithmetic. */
struct frames {
    unsigned char data[8192];
    size_t n;
};

static void put_number(struct frames *f, uint32_t number)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        f->data[f->n++] = (unsigned char)(number >> shift);
}

static size_t put_header(unsigned char *out, const char *name, const char *value)
{
    size_t n = strlen(name), m = strlen(value);
    out[0] = (unsigned char)n;
    memcpy(out + 1, name, n);
    out[n + 1] = 7;
    out[n + 2] = (unsigned char)(m >> 8);
    out[n + 3] = (unsigned char)m;
    memcpy(out + n + 4, value, m);
    return n + m + 4;
}

static void put_frame(struct frames *f, const char *kind, const char *event, const char *payload)
{
    unsigned char headers[256];
    char name[32];
    size_t start = f->n, m = strlen(payload);
    snprintf(name, sizeof(name), ":%s-type", kind);
    size_t n = put_header(headers, name, event);
    n += put_header(headers + n, ":content-type", "application/json");
    n += put_header(headers + n, ":message-type", kind);
    put_number(f, (uint32_t)(16 + n + m));
    put_number(f, (uint32_t)n);
    put_number(f, (uint32_t)crc32(0, f->data + start, 8));
    memcpy(f->data + f->n, headers, n);
    memcpy(f->data + f->n + n, payload, m);
    f->n += n + m;
    put_number(f, (uint32_t)crc32(0, f->data + start, (uInt)(f->n - start)));
}

static void put_chunk(struct frames *f, const char *document)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char payload[2048] = "{\"bytes\":\"";
    size_t n = strlen(payload), m = strlen(document);
    for (size_t i = 0; i < m; i += 3) {
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (i + k < m ? (unsigned char)document[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            payload[n++] = i + k > m ? '=' : digits[bits >> (18 - 6 * k) & 63];
    }
    snprintf(payload + n, sizeof(payload) - n, "\",\"p\":\"abcdef\"}");
    put_frame(f, "event", "chunk", payload);
}

#define HEAD "200\ncontent-type: application/vnd.amazon.eventstream\n\n"
#define CONVERSE                                                                                   \
    "POST /model/us.vendor.model-v1%3A0/converse-stream\nhost: "                                   \
    "bedrock-runtime.us-east-1.amazonaws.com\n\n{\"system\":[{\"text\":\"S\"},{\"cachePoint\":{"   \
    "\"type\":\"default\"}}],\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"f\","            \
    "\"inputSchema\":{\"json\":{}}}}]},\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":"   \
    "\"U\"},{\"image\":{\"format\":\"png\",\"source\":{\"bytes\":\"AAAA\"}}}]},{\"role\":"         \
    "\"assistant\",\"content\":[{\"toolUse\":{\"toolUseId\":\"t1\",\"name\":\"f\",\"input\":{"     \
    "\"a\":1}}}]},{\"role\":\"user\",\"content\":[{\"toolResult\":{\"toolUseId\":\"t1\","          \
    "\"content\":[{\"text\":\"r\"},{\"json\":{\"k\":2}}],\"status\":\"success\"}}]}]}"

static void converse_frames(struct frames *f)
{
    f->n = 0;
    put_frame(f, "event", "messageStart", "{\"role\":\"assistant\"}");
    put_frame(f, "event", "contentBlockDelta",
              "{\"contentBlockIndex\":0,\"delta\":{\"reasoningContent\":{\"text\":\"hm\"}}}");
    put_frame(f, "event", "contentBlockDelta",
              "{\"contentBlockIndex\":1,\"delta\":{\"text\":\"He\"},\"p\":\"abc\"}");
    put_frame(f, "event", "contentBlockDelta",
              "{\"contentBlockIndex\":1,\"delta\":{\"text\":\"llo\"},\"p\":\"a\"}");
    put_frame(
        f, "event", "contentBlockStart",
        "{\"contentBlockIndex\":2,\"start\":{\"toolUse\":{\"name\":\"f\",\"toolUseId\":\"t2\"}}}");
    put_frame(f, "event", "contentBlockDelta",
              "{\"contentBlockIndex\":2,\"delta\":{\"toolUse\":{\"input\":\"{\\\"a\\\":2}\"}}}");
    put_frame(f, "event", "contentBlockStop", "{\"contentBlockIndex\":2}");
    put_frame(f, "event", "messageStop", "{\"stopReason\":\"tool_use\"}");
    put_frame(f, "event", "metadata",
              "{\"metrics\":{\"latencyMs\":9},\"usage\":{\"inputTokens\":11,\"outputTokens\":7,"
              "\"totalTokens\":48,\"cacheReadInputTokens\":20,\"cacheWriteInputTokens\":10,"
              "\"cacheDetails\":[{\"ttl\":\"5m\",\"inputTokens\":4},{\"ttl\":\"1h\","
              "\"inputTokens\":6}]}}");
}

static void expect(const struct play *p, const char *key, const char *wanted)
{
    cr_expect_str_eq(play_value(p, 0, key), wanted, "%s is %s, not %s", key, play_value(p, 0, key),
                     wanted);
}

Test(frames, carry_a_converse_stream_however_they_are_cut)
{
    static struct frames f;
    converse_frames(&f);
    for (unsigned cut = 0; cut < 20; cut++) {
        struct play p;
        play_begin(&p, cut);
        play_exchange_bytes(&p, CONVERSE, HEAD, f.data, f.n, 0, 0);
        cr_assert_eq(p.count, 1);
        expect(&p, "api", "bedrock.converse");
        expect(&p, "prov", "aws-bedrock");
        expect(&p, "model", "us.vendor.model-v1:0");
        expect(&p, "out", "ok");
        expect(&p, "cpl", "true");
        expect(&p, "stop", "tool_use");
        expect(&p, "use.in", "41");
        expect(&p, "use.cr", "20");
        expect(&p, "use.cw", "10");
        expect(&p, "use.cw5", "4");
        expect(&p, "use.cw1", "6");
        expect(&p, "use.out", "7");
        expect(&p, "blk", "tool_schema:f system user image tool_call:f:t1 tool_result:t1");
        expect(&p, "outb", "reasoning assistant tool_call:f:t2");
        play_end(&p);
    }
}

Test(frames, after_a_hole_are_found_again_by_their_checksum)
{
    static struct frames f;
    converse_frames(&f);
    size_t usage = f.n - 300; /* the last frame is longer than that */
    for (size_t at = 0; at + 40 < usage; at += 7) {
        struct play p;
        play_begin(&p, at % 2 ? 0 : 5);
        play_exchange_bytes(&p, CONVERSE, HEAD, f.data, f.n, at, 31);
        expect(&p, "cpl", "false");
        expect(&p, "use.in", at + 31 + 400 < f.n ? "41" : play_value(&p, 0, "use.in"));
        play_end(&p);
    }
}

Test(frames, with_an_exception_are_a_failed_call)
{
    static struct frames f;
    struct play p;
    f.n = 0;
    put_frame(&f, "event", "messageStart", "{\"role\":\"assistant\"}");
    put_frame(&f, "exception", "throttlingException", "{\"message\":\"slow down\"}");
    play_begin(&p, 0);
    play_exchange_bytes(&p, CONVERSE, HEAD, f.data, f.n, 0, 0);
    expect(&p, "out", "error");
    play_end(&p);
}

Test(frames, of_an_invoked_model_hold_its_vendors_own_events)
{
    static struct frames f;
    f.n = 0;
    put_chunk(&f, "{\"type\":\"message_start\",\"message\":{\"id\":\"m1\",\"model\":\"claude-x\","
                  "\"usage\":{\"input_tokens\":5,\"cache_read_input_tokens\":3}}}");
    put_chunk(&f, "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
                  "\"text_delta\",\"text\":\"hi\"}}");
    put_chunk(&f, "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":"
                  "{\"output_tokens\":9}}");
    put_chunk(&f, "{\"type\":\"message_stop\",\"amazon-bedrock-invocationMetrics\":{"
                  "\"inputTokenCount\":5,\"outputTokenCount\":9}}");
    static const char request[] =
        "POST /model/anthropic.claude-x-v1%3A0/invoke-with-response-stream\nhost: h\n\n{"
        "\"anthropic_version\":\"bedrock-2023-05-31\",\"messages\":[{\"role\":\"user\","
        "\"content\":\"Q\"}]}";
    for (unsigned i = 0; i < 20; i++) {
        struct play p;
        play_begin(&p, i);
        play_exchange_bytes(&p, request, HEAD, f.data, f.n, 0, 0);
        cr_assert_eq(p.count, 1);
        expect(&p, "api", "anthropic.messages");
        expect(&p, "model", "claude-x");
        expect(&p, "rqm", "anthropic.claude-x-v1:0");
        expect(&p, "stop", "end_turn");
        expect(&p, "use.in", "8");
        expect(&p, "use.cr", "3");
        expect(&p, "use.out", "9");
        expect(&p, "outb", "assistant");
        play_end(&p);
    }
}

Test(frames, hold_documents_of_any_length)
{
    static struct frames f;
    for (int length = 150; length < 800; length += 50) {
        char document[1200];
        struct play p;
        snprintf(document, sizeof(document),
                 "{\"outputs\":[{\"text\":\"%0*d\",\"stop_reason\":\"stop\"}],\"amazon-bedrock-"
                 "invocationMetrics\":{\"inputTokenCount\":5,\"outputTokenCount\":9}}",
                 length, 0);
        f.n = 0;
        put_chunk(&f, document);
        play_begin(&p, (unsigned)length);
        play_exchange_bytes(&p,
                            "POST /model/mistral.m-v1%3A0/invoke-with-response-stream\nhost: "
                            "h\n\n{\"prompt\":\"Q\"}",
                            HEAD, f.data, f.n, 0, 0);
        expect(&p, "cpl", "true");
        expect(&p, "stop", "stop");
        expect(&p, "use.in", "5");
        expect(&p, "use.out", "9");
        play_end(&p);
    }
}

Test(frames, of_a_profile_that_hides_its_model_tell_it_themselves)
{
    static struct frames f;
    struct play p;
    f.n = 0;
    put_chunk(&f, "{\"type\":\"message_start\",\"message\":{\"model\":\"claude-x\",\"usage\":{"
                  "\"input_tokens\":5}}}");
    put_chunk(&f, "{\"type\":\"message_stop\",\"amazon-bedrock-invocationMetrics\":{"
                  "\"inputTokenCount\":5,\"outputTokenCount\":9}}");
    play_begin(&p, 0);
    play_exchange_bytes(&p,
                        "POST /model/a1b2c3/invoke-with-response-stream\nhost: h\n\n"
                        "{\"messages\":[{\"role\":\"user\",\"content\":\"Q\"}]}",
                        HEAD, f.data, f.n, 0, 0);
    cr_assert_eq(p.count, 1);
    expect(&p, "api", "anthropic.messages");
    expect(&p, "rqm", "a1b2c3");
    expect(&p, "use.in", "5");
    play_end(&p);
}

Test(frames, of_another_vendors_model_end_with_the_services_counts)
{
    static struct frames f;
    struct play p;
    f.n = 0;
    put_chunk(&f, "{\"generation\":\"hi\",\"prompt_token_count\":4}");
    put_chunk(&f, "{\"generation\":\"\",\"stop_reason\":\"stop\",\"generation_token_count\":2,"
                  "\"amazon-bedrock-invocationMetrics\":{\"inputTokenCount\":4,"
                  "\"outputTokenCount\":2}}");
    play_begin(&p, 3);
    play_exchange_bytes(&p,
                        "POST /model/meta.llama-x/invoke-with-response-stream\nhost: h\n\n"
                        "{\"prompt\":\"Q\"}",
                        HEAD, f.data, f.n, 0, 0);
    cr_assert_eq(p.count, 1);
    expect(&p, "api", "bedrock.invoke");
    expect(&p, "model", "meta.llama-x");
    expect(&p, "stop", "stop");
    expect(&p, "use.in", "4");
    expect(&p, "use.out", "2");
    play_end(&p);
}

Test(frames, are_found_though_no_type_says_so)
{
    static struct frames f;
    struct play p;
    converse_frames(&f);
    for (unsigned i = 0; i < 4; i++) {
        play_begin(&p, i);
        play_exchange_bytes(&p, CONVERSE, "200\nx: y\n\n", f.data, f.n, 0, 0);
        expect(&p, "use.in", "41");
        expect(&p, "cpl", "true");
        play_end(&p);
    }
}

/* Long enough that a counter of digits of one byte would come round. */
Test(frames, hold_documents_of_any_length_in_base64)
{
    static struct frames f;
    for (int n = 1; n < 600; n += 37) {
        struct play p;
        char document[1024];
        f.n = 0;
        snprintf(document, sizeof(document),
                 "{\"generation\":\"%0*d\",\"prompt_token_count\":4,"
                 "\"generation_token_count\":%d}",
                 n, 7, n);
        put_chunk(&f, document);
        play_begin(&p, n % 3 ? 0 : 2);
        play_exchange_bytes(&p, "POST /model/meta.x/invoke-with-response-stream\n\n{\"prompt\":1}",
                            HEAD, f.data, f.n, 0, 0);
        cr_assert_eq(p.count, 1, "%d", n);
        expect(&p, "use.in", "4");
        play_end(&p);
    }
}

/* Claude's older API, which is not Messages. */
Test(frames, of_claudes_text_completions_are_an_invoked_models)
{
    static struct frames f;
    struct play p;
    f.n = 0;
    put_chunk(&f,
              "{\"type\":\"completion\",\"completion\":\"hi\",\"stop_reason\":\"stop_sequence\","
              "\"amazon-bedrock-invocationMetrics\":{\"inputTokenCount\":6,"
              "\"outputTokenCount\":3}}");
    play_begin(&p, 0);
    play_exchange_bytes(&p,
                        "POST /model/anthropic.claude-x/invoke-with-response-stream\n\n"
                        "{\"prompt\":\"Human: Q Assistant:\"}",
                        HEAD, f.data, f.n, 0, 0);
    cr_assert_eq(p.count, 1);
    expect(&p, "api", "bedrock.invoke");
    expect(&p, "stop", "stop_sequence");
    expect(&p, "use.in", "6");
    expect(&p, "use.out", "3");
    play_end(&p);
}

static size_t last_frame(const struct frames *f)
{
    size_t at = 0, next = 0;
    while (next < f->n) {
        at = next;
        next += (size_t)f->data[at + 2] << 8 | f->data[at + 3];
    }
    return at;
}

Test(frames, with_a_wrong_checksum_are_lost_and_those_behind_them_are_read)
{
    static struct frames f;
    converse_frames(&f);
    size_t usage = last_frame(&f);
    for (size_t i = 0; i < f.n; i += 5) {
        struct play p;
        f.data[i] ^= 0x10;
        play_begin(&p, 0);
        play_exchange_bytes(&p, CONVERSE, HEAD, f.data, f.n, 0, 0);
        cr_assert_geq(p.count, 1);
        cr_expect(p.count > 1, "damage at %zu is told", i);
        expect(&p, "cpl", "false");
        if (i < usage)
            expect(&p, "use.in", "41");
        cr_expect_str_eq(play_value(&p, 1, "where"), "frames");
        play_end(&p);
        f.data[i] ^= 0x10;
    }
}
