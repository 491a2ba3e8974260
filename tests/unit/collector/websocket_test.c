/* SPDX-License-Identifier: MIT
 * WebSocket, from the upgrade on: masks, fragments, control frames, compression, holes.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "exchange_log.h"

#define UPGRADE                                                                                    \
    "GET /v1/responses HTTP/1.1\r\nHost: api.test\r\nConnection: Upgrade\r\n"                      \
    "Upgrade: websocket\r\n\r\n"
#define GRANTED "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
#define DEFLATE "Sec-WebSocket-Extensions: permessage-deflate"

static struct exchange_log log_;
static struct wire wire;
static uint32_t random_;
static size_t split; /* records of up to so many bytes; 0: whole frames */

static void begin(void)
{
    exchange_log_init(&log_);
    random_ = 1;
    split = 0;
    wire = (struct wire){.conns = tp_conns_new(&exchange_log_ops, &log_, NULL),
                         .conn = 1,
                         .generation = 1,
                         .now_ns = 1000};
}

static void end(void)
{
    cr_expect_eq(log_.misuses, 0);
    tp_conns_free(wire.conns, wire.now_ns);
    exchange_log_done(&log_);
}

TestSuite(websocket, .init = begin, .fini = end);

static uint32_t draw(uint32_t below)
{
    random_ = random_ * 1664525u + 1013904223u;
    return (random_ >> 8) % below;
}

static void move(enum tp_direction direction, const uint8_t *data, size_t n, bool drop)
{
    for (size_t at = 0; at < n;) {
        size_t piece = split ? 1 + draw((uint32_t)split) : n;
        if (piece > n - at)
            piece = n - at;
        wire_move(&wire, direction, data + at, piece, drop);
        at += piece;
    }
}

static void upgrade(const char *extensions)
{
    char head[400];
    snprintf(head, sizeof(head), GRANTED "%s%s\r\n", extensions, *extensions ? "\r\n" : "");
    move(TP_DIR_WRITE, (const uint8_t *)UPGRADE, strlen(UPGRADE), false);
    move(TP_DIR_READ, (const uint8_t *)head, strlen(head), false);
}

/* One frame; the client's are masked. Returns its length. */
static size_t frame(uint8_t *out, bool client, uint8_t first, const void *data, size_t n)
{
    size_t at = 0;
    uint8_t mask[4] = {0};
    out[at++] = first;
    if (n < 126) {
        out[at++] = (uint8_t)n;
    } else if (n < 65536) {
        out[at++] = 126;
        out[at++] = (uint8_t)(n >> 8);
        out[at++] = (uint8_t)n;
    } else {
        out[at++] = 127;
        for (int i = 7; i >= 0; i--)
            out[at++] = (uint8_t)(n >> (8 * i));
    }
    if (client) {
        out[1] |= 0x80;
        for (int i = 0; i < 4; i++)
            out[at++] = mask[i] = (uint8_t)draw(256);
    }
    for (size_t i = 0; i < n; i++)
        out[at++] = ((const uint8_t *)data)[i] ^ mask[i & 3];
    return at;
}

static void send_frame(bool client, uint8_t first, const void *data, size_t n, bool drop)
{
    uint8_t *out = malloc(n + 14);
    size_t len = frame(out, client, first, data, n);
    move(client ? TP_DIR_WRITE : TP_DIR_READ, out, len, drop);
    free(out);
}

static void ask(const char *text)
{
    send_frame(true, 0x81, text, strlen(text), false);
}

static void say(const char *text)
{
    send_frame(false, 0x81, text, strlen(text), false);
}

static const char *text_of(const struct seen_message *m)
{
    static char text[4][4096];
    static int at;
    at = (at + 1) % 4;
    snprintf(text[at], sizeof(text[at]), "%.*s", (int)m->body.len, m->body.data);
    return text[at];
}

/* Exchange 0 is the upgrade itself. */
static const struct seen *call_at(size_t i)
{
    const struct seen *s = exchange_log_at(&log_, i + 1);
    cr_assert_not_null(s);
    return s;
}

Test(websocket, makes_each_message_of_the_client_a_request)
{
    upgrade("");
    ask("{\"a\":1}");
    say("{\"b\":\n1}");
    say("{\"last\":1}");
    ask("{\"a\":2}");
    say("{\"last\":2}");
    cr_assert_eq(log_.count, 3);
    cr_expect_eq(log_.over, 3);
    const struct seen *first = call_at(0);
    cr_expect_str_eq(first->target, "/v1/responses");
    cr_expect_str_eq(first->method, "POST");
    cr_expect_eq(first->status, 200);
    cr_expect_eq(first->why, TP_END_COMPLETE);
    cr_expect_str_eq(text_of(&first->request), "{\"a\":1}");
    cr_expect_str_eq(text_of(&first->response), "data: {\"b\": 1}\n\ndata: {\"last\":1}\n\n");
    cr_expect_str_eq(text_of(&call_at(1)->response), "data: {\"last\":2}\n\n");
    cr_expect_eq(log_.losses, 0);
}

Test(websocket, reads_fragments_with_control_frames_between_however_they_are_split)
{
    for (split = 1; split < 40; split += 3) {
        uint64_t conn = wire.conn;
        wire = (struct wire){.conns = wire.conns, .conn = conn + 1, .generation = 1, .now_ns = 9};
        size_t before = log_.count;
        upgrade("");
        send_frame(true, 0x01, "{\"a\"", 4, false);
        send_frame(true, 0x89, "ping", 4, false);
        send_frame(true, 0x00, ":", 1, false);
        send_frame(false, 0x8a, "ping", 4, false);
        send_frame(true, 0x80, "1}", 2, false);
        send_frame(false, 0x01, "{\"la", 4, false);
        send_frame(false, 0x89, "", 0, false);
        send_frame(false, 0x80, "st\":1}", 6, false);
        const struct seen *s = exchange_log_at(&log_, before + 1);
        cr_assert_not_null(s);
        cr_expect(s->over);
        cr_expect_str_eq(text_of(&s->request), "{\"a\":1}");
        cr_expect_str_eq(text_of(&s->response), "data: {\"last\":1}\n\n");
    }
    cr_expect_eq(log_.losses, 0);
}

Test(websocket, reads_long_messages)
{
    const size_t n = 300000;
    char *text = malloc(n);
    memset(text, 'x', n);
    upgrade("");
    split = 10000;
    send_frame(true, 0x81, text, n, false);
    send_frame(false, 0x81, text, n, false);
    say("last");
    cr_expect_eq(call_at(0)->request.body.len, n);
    cr_expect_eq(call_at(0)->response.body.len, n + 8 + strlen("data: last\n\n"));
    cr_expect(call_at(0)->over);
    free(text);
}

Test(websocket, forgets_what_asks_for_nothing_that_is_known)
{
    upgrade("");
    ask("{\"type\":\"?\"}");
    ask("{\"a\":1}");
    say("{\"last\":1}");
    say("{\"nobody\":1}");
    cr_expect_eq(log_.over, 3);
    cr_expect_not(call_at(0)->response.begun);
    cr_expect_str_eq(text_of(&call_at(1)->response), "data: {\"last\":1}\n\n");
}

Test(websocket, ends_what_is_open_with_its_connection)
{
    upgrade("");
    ask("{\"a\":1}");
    say("{\"b\":1}");
    wire_close(&wire);
    cr_expect(call_at(0)->over);
    cr_expect_eq(call_at(0)->why, TP_END_CLOSED);
}

/* Two threads of a process may report out of turn: the answer's reader before the request's writer.
 */
Test(websocket, waits_for_a_request_that_is_reported_after_its_answer)
{
    upgrade("");
    struct wire before = wire;
    send_frame(true, 0x81, "{\"a\":1}", 7, true);
    say("{\"last\":1}");
    struct wire after = wire;
    wire = before;
    ask("{\"a\":1}");
    wire = after;
    cr_expect_str_eq(text_of(&call_at(0)->request), "{\"a\":1}");
    cr_expect_str_eq(text_of(&call_at(0)->response), "data: {\"last\":1}\n\n");
    cr_expect_eq(call_at(0)->why, TP_END_COMPLETE);
    cr_expect_eq(log_.losses, 0);
}

/* ---- compression ---- */

static void deflate_init(z_stream *z)
{
    memset(z, 0, sizeof(*z));
    deflateInit2(z, 6, Z_DEFLATED, -12, 8, Z_DEFAULT_STRATEGY);
}

static void send_deflated(z_stream *z, bool client, const char *text, bool drop, bool alone)
{
    uint8_t out[4096];
    if (alone)
        deflateReset(z);
    z->next_in = (uint8_t *)(uintptr_t)text;
    z->avail_in = (unsigned)strlen(text);
    z->next_out = out;
    z->avail_out = sizeof(out);
    deflate(z, Z_SYNC_FLUSH);
    size_t n = sizeof(out) - z->avail_out - 4;
    send_frame(client, 0x41, out, n / 2, drop);
    send_frame(client, 0x80, out + n / 2, n - n / 2, drop);
}

static void talk_deflated(const char *extensions, bool alone)
{
    z_stream up, down;
    char text[300], want[400];
    deflate_init(&up);
    deflate_init(&down);
    upgrade(extensions);
    for (int i = 0; i < 5; i++) {
        snprintf(text, sizeof(text),
                 "{\"model\":\"some-model\",\"input\":\"the same text again %d\"}", i);
        send_deflated(&up, true, text, false, alone);
        cr_expect_str_eq(text_of(&call_at((size_t)i)->request), text);
        snprintf(text, sizeof(text), "{\"type\":\"response.last\",\"usage\":%d}", i);
        send_deflated(&down, false, text, false, alone);
        snprintf(want, sizeof(want), "data: %s\n\n", text);
        cr_expect_str_eq(text_of(&call_at((size_t)i)->response), want);
        cr_expect(call_at((size_t)i)->over);
    }
    cr_expect_eq(log_.losses, 0);
    deflateEnd(&up);
    deflateEnd(&down);
}

Test(websocket, inflates_messages_that_refer_to_earlier_ones)
{
    split = 5;
    talk_deflated(DEFLATE, false);
}

Test(websocket, inflates_messages_that_stand_alone)
{
    talk_deflated(DEFLATE "; server_no_context_takeover; client_no_context_takeover", true);
}

Test(websocket, counts_what_refers_to_a_message_that_was_missed)
{
    z_stream up, down;
    const char *usage = "{\"type\":\"response.last\",\"usage\":{\"input_tokens\":123}}";
    deflate_init(&up);
    deflate_init(&down);
    upgrade(DEFLATE);
    send_deflated(&up, true, "{\"a\":1}", false, false);
    send_deflated(&down, false, usage, true, false);
    send_deflated(&up, true, "{\"a\":2}", false, false);
    send_deflated(&down, false, usage, false, false);
    cr_expect_gt(log_.losses, 0);
    cr_expect(call_at(0)->over && call_at(0)->why == TP_END_LOST);
    cr_expect_gt(call_at(1)->response.holes, 0);
    deflateEnd(&up);
    deflateEnd(&down);
}

/* ---- holes ---- */

Test(websocket, goes_on_after_a_hole)
{
    upgrade("");
    ask("{\"a\":1}");
    send_frame(false, 0x81, "{\"last\":1}", 10, true);
    ask("{\"a\":2}");
    say("{\"last\":2}");
    cr_expect_eq(call_at(0)->why, TP_END_LOST);
    cr_expect_gt(call_at(0)->response.holes, 0);
    cr_expect_str_eq(text_of(&call_at(1)->response), "data: {\"last\":2}\n\n");
    cr_expect_eq(call_at(1)->why, TP_END_COMPLETE);
    cr_expect_eq(call_at(1)->response.holes, 0);
}

Test(websocket, keeps_in_step_over_a_hole_inside_a_message)
{
    uint8_t out[64];
    upgrade("");
    ask("{\"a\":1}");
    size_t n = frame(out, false, 0x81, "{\"b\":\"0123456789\"}", 18);
    wire_move(&wire, TP_DIR_READ, out, 8, false);
    wire_move(&wire, TP_DIR_READ, out + 8, 6, true);
    wire_move(&wire, TP_DIR_READ, out + 14, n - 14, false);
    say("{\"last\":1}");
    cr_expect_eq(call_at(0)->response.hole_bytes, 6);
    cr_expect(call_at(0)->over);
    cr_expect_eq(call_at(0)->why, TP_END_COMPLETE);
}

Test(websocket, is_known_in_the_middle_by_a_frame_of_json)
{
    ask("{\"a\":1}");
    say("{\"last\":1}");
    const struct seen *s = exchange_log_at(&log_, 0);
    cr_assert_not_null(s);
    cr_expect_str_eq(s->method, "POST");
    cr_expect_str_eq(s->target, "");
    cr_expect_str_eq(text_of(&s->request), "{\"a\":1}");
    cr_expect_str_eq(text_of(&s->response), "data: {\"last\":1}\n\n");
    cr_expect(s->over);
}

Test(websocket, is_known_in_the_middle_by_records_of_any_size)
{
    for (split = 1; split < 12; split++) {
        wire = (struct wire){.conns = wire.conns, .conn = 50 + split, .generation = 1, .now_ns = 9};
        size_t before = log_.count;
        ask("{\"a\":1}");
        say("{\"last\":1}");
        cr_assert_eq(log_.count, before + 1);
        cr_expect_str_eq(text_of(&exchange_log_at(&log_, before)->request), "{\"a\":1}");
        wire_close(&wire);
    }
    cr_expect_eq(log_.losses, 0);
}

Test(websocket, never_gives_the_answer_of_an_unseen_request_to_the_next_one)
{
    upgrade("");
    send_frame(true, 0x81, "{\"a\":1}", 7, true);
    say("{\"b\":1}");
    ask("{\"a\":2}");
    say("{\"last\":2}");
    cr_assert_eq(log_.count, 3);
    cr_expect_eq(call_at(0)->why, TP_END_LOST);
    cr_expect_str_eq(text_of(&call_at(1)->request), "{\"a\":2}");
    cr_expect_str_eq(text_of(&call_at(1)->response), "data: {\"last\":2}\n\n");
    cr_expect_eq(call_at(1)->why, TP_END_COMPLETE);
}

Test(websocket, ends_every_exchange_once_whatever_is_lost)
{
    for (int round = 0; round < 300; round++) {
        wire = (struct wire){
            .conns = wire.conns, .conn = 100 + (uint64_t)round, .generation = 1, .now_ns = 9};
        split = 30;
        upgrade("");
        for (int i = 0; i < 6; i++) {
            send_frame(true, 0x81, "{\"a\":1234567}", 13, draw(6) == 0);
            send_frame(false, 0x81, "{\"b\":1234567}", 13, draw(6) == 0);
            send_frame(false, 0x81, "{\"last\":12345}", 14, draw(6) == 0);
        }
        wire_close(&wire);
    }
    cr_expect_eq(log_.over, log_.count);
    for (struct seen *s = log_.first; s; s = s->next) {
        if (!s->request.body.len || s->request.holes || s->response.holes || !s->response.begun)
            continue;
        cr_expect_str_eq(text_of(&s->response),
                         "data: {\"b\":1234567}\n\ndata: {\"last\":12345}\n\n");
    }
}
