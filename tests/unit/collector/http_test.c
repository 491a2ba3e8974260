/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "exchange_log.h"

static struct exchange_log log_;
static struct wire wire;

static void setup(void)
{
    exchange_log_init(&log_);
    struct tp_conns *conns = tp_conns_new(&exchange_log_ops, &log_, NULL);
    wire = (struct wire){.conns = conns, .conn = 1, .generation = 1, .now_ns = 1000};
}

static void teardown(void)
{
    tp_conns_free(wire.conns, wire.now_ns);
    cr_expect_eq(log_.misuses, 0);
    exchange_log_done(&log_);
}

TestSuite(http, .init = setup, .fini = teardown);

static void ask(const char *text)
{
    wire_move(&wire, TP_DIR_WRITE, text, strlen(text), false);
}

static void answer(const char *text)
{
    wire_move(&wire, TP_DIR_READ, text, strlen(text), false);
}

static void lose_answer(const char *text)
{
    wire_move(&wire, TP_DIR_READ, text, strlen(text), true);
}

static bool answered(size_t i, const char *body)
{
    struct seen *s = exchange_log_at(&log_, i);
    return s && s->over && s->why == TP_END_COMPLETE && body_is(&s->response, body, strlen(body));
}

#define OK "HTTP/1.1 200 OK\r\nX-Id: 1\r\n"
#define GET "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

struct framing_case {
    char ask[128], answer[256], body[64];
};

static const struct framing_case framing_cases[] = {
    {GET, OK "Content-Length: 3\r\n\r\nabc", "abc"},
    {GET, OK "Content-Length: 3, 3\r\n\r\nabc", "abc"},
    {GET, OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n", "abcde"},
    {GET, OK "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nT: v\r\n\r\n", "a"},
    {GET, OK "Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", "a"},
    {GET,
     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\n" OK
     "Content-Length: 1\r\n\r\na",
     "a"},
    {GET, "HTTP/1.1 200\nContent-Length: 2\n\nab", "ab"},
    {GET, OK "X-Folded: a\r\n b\r\nContent-Length: 1\r\n\r\na", "a"},
    {"HEAD / HTTP/1.1\r\n\r\n", OK "Content-Length: 30\r\n\r\n", ""},
    {GET, "HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", ""},
    {GET, "HTTP/1.1 304 Not\r\nContent-Length: 5\r\n\r\n", ""},
};

Test(http, frames_each_kind_of_answer_whole_or_one_byte_at_a_time)
{
    for (size_t i = 0; i < sizeof(framing_cases) / sizeof(framing_cases[0]); i++) {
        const struct framing_case *c = &framing_cases[i];
        size_t count = log_.count;
        ask(c->ask);
        answer(c->answer);
        cr_expect(answered(count, c->body), "whole, case %zu", i);
        wire_move_split(&wire, TP_DIR_WRITE, c->ask, 1);
        wire_move_split(&wire, TP_DIR_READ, c->answer, 1);
        cr_expect(answered(count + 1, c->body), "bytes, case %zu", i);
    }
    cr_expect_eq(log_.losses, 0);
}

Test(http, ends_an_answer_without_length_with_the_connection)
{
    ask(GET);
    answer("HTTP/1.0 200 OK\r\n\r\nall of ");
    answer("it");
    wire_close(&wire);
    cr_expect(answered(0, "all of it"));
}

Test(http, tells_an_answer_that_the_connection_cut)
{
    ask(GET);
    answer(OK "Content-Length: 10\r\n\r\nabc");
    wire_close(&wire);
    cr_expect_eq(exchange_log_at(&log_, 0)->why, TP_END_CLOSED);
}

Test(http, stays_in_step_over_a_hole_inside_a_body)
{
    ask(GET);
    answer(OK "Content-Length: 9\r\n\r\nabc");
    lose_answer("def");
    answer("ghi" OK "Content-Length: 0\r\n\r\n");
    struct seen *s = exchange_log_at(&log_, 0);
    cr_assert(answered(0, "abcghi"));
    cr_expect_eq(s->response.hole_bytes, 3);
}

Test(http, finds_usage_after_a_hole_that_swallowed_a_chunk_head)
{
    ask(GET);
    answer(OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    lose_answer("4\r\nlost\r\n");
    answer("10\r\n{\"usage\": \"here\"\r\n0\r\n\r\n");
    cr_assert(answered(0, "hello{\"usage\": \"here\""));
    cr_expect_eq(exchange_log_at(&log_, 0)->response.hole_bytes, 9);
    ask(GET);
    answer(OK "Content-Length: 1\r\n\r\nz");
    cr_expect(answered(1, "z"));
    cr_expect_eq(exchange_log_at(&log_, 1)->response.holes, 0);
}

Test(http, gives_a_lost_answer_to_nobody_else)
{
    ask(GET);
    lose_answer(OK "Content-Length: 1\r\n\r\na");
    ask(GET);
    answer(OK "Content-Length: 1\r\n\r\nb");
    struct seen *s = exchange_log_at(&log_, 0);
    cr_expect_eq(s->why, TP_END_LOST);
    cr_expect_eq(s->response.holes, 1);
    cr_expect(answered(1, "b"));
}

Test(http, passes_on_an_answer_whose_head_was_lost)
{
    ask(GET);
    lose_answer(OK "Transfer-Encoding: chunked\r\n\r\n");
    answer("6\r\ndata: \r\n2\r\nok\r\n0\r\n\r\n");
    struct seen *s = exchange_log_at(&log_, 0);
    cr_expect(s->response.begun && !s->response.head);
    cr_expect(answered(0, "data: ok"));
}

Test(http, gives_an_answer_without_its_request_to_an_exchange_without_head)
{
    wire_move(&wire, TP_DIR_WRITE, GET, strlen(GET), true);
    answer(OK "Content-Length: 1\r\n\r\na");
    struct seen *s = exchange_log_at(&log_, 0);
    cr_assert(answered(0, "a"));
    cr_expect(!s->request.head && s->response.head);
    cr_expect_eq(s->request.hole_bytes, strlen(GET));
}

/* The reading thread's record came first: its peer offset is from before the request. */
Test(http, holds_an_answer_until_its_request_is_reported)
{
    uint64_t sent = wire.now_ns;
    wire.now_ns += 50;
    answer(OK "Content-Length: 1\r\n\r\na");
    wire.offset[TP_DIR_READ] = 0;
    wire.now_ns = sent;
    ask(GET);
    cr_assert(answered(0, "a"));
    cr_expect(exchange_log_at(&log_, 0)->request.head);
}

static size_t compress_text(const char *text, uint8_t *out, size_t room, int flush)
{
    static z_stream z;
    if (!z.state)
        deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
    z.next_in = (Bytef *)(uintptr_t)text;
    z.avail_in = (uInt)strlen(text);
    z.next_out = out;
    z.avail_out = (uInt)room;
    deflate(&z, flush);
    if (flush == Z_FINISH)
        deflateEnd(&z);
    return room - z.avail_out;
}

Test(http, decodes_each_flush_of_a_gzip_stream_as_it_comes)
{
    uint8_t out[200];
    ask(GET);
    answer("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n");
    wire_move(&wire, TP_DIR_READ, out, compress_text("data: a\n\n", out, 200, Z_SYNC_FLUSH), false);
    struct seen *s = exchange_log_at(&log_, 0);
    cr_expect(body_is(&s->response, "data: a\n\n", 9));
    wire_move(&wire, TP_DIR_READ, out, compress_text("data: b\n\n", out, 200, Z_FINISH), false);
    wire_close(&wire);
    cr_expect(answered(0, "data: a\n\ndata: b\n\n"));
    cr_expect_eq(log_.losses, 0);
}

Test(http, counts_a_coding_that_is_broken_and_goes_on_with_the_next_answer)
{
    ask(GET);
    answer(OK "Content-Encoding: gzip\r\nContent-Length: 8\r\n\r\nnot gzip");
    cr_expect_str_eq(log_.last_where, "encoding");
    cr_expect_eq(log_.lost_bytes, 8);
    cr_expect_eq(exchange_log_at(&log_, 0)->response.hole_bytes, 8);
    ask(GET);
    answer(OK "Content-Length: 1\r\n\r\nb");
    cr_expect(answered(1, "b"));
}

Test(http, stops_a_bomb_at_the_ceiling)
{
    struct tp_conn_limits limits = {65536, 65536, 100, 4u << 20};
    tp_conns_free(wire.conns, 0);
    wire.conns = tp_conns_new(&exchange_log_ops, &log_, &limits);
    size_t n = 16u << 20;
    uint8_t *zeros = calloc(1, n), *out = malloc(n);
    uLongf size = n;
    compress(out, &size, zeros, n);
    char head[200];
    snprintf(head, sizeof(head), OK "Content-Encoding: deflate\r\nContent-Length: %lu\r\n\r\n",
             size);
    ask(GET);
    answer(head);
    for (size_t at = 0; at < size; at += 1000)
        wire_move(&wire, TP_DIR_READ, out + at, size - at < 1000 ? size - at : 1000, false);
    struct seen *s = exchange_log_at(&log_, 0);
    cr_expect_eq(s->why, TP_END_COMPLETE);
    cr_expect_leq(s->response.body.len, 4u << 20);
    cr_expect_str_eq(log_.last_why, "too large");
    free(zeros);
    free(out);
}

Test(http, takes_what_begins_like_the_preface_of_http2_for_a_request)
{
    ask("P");
    ask("RI");
    ask(" /a HTTP/1.1\r\n\r\n");
    answer(OK "Content-Length: 0\r\n\r\n");
    cr_expect(answered(0, ""));
    cr_expect_str_eq(exchange_log_at(&log_, 0)->method, "PRI");
}

Test(http, stops_at_an_upgrade)
{
    ask(GET);
    answer("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n\x81\x05hello");
    cr_expect(answered(0, ""));
    cr_expect_eq(exchange_log_at(&log_, 0)->status, 101);
    ask(GET);
    cr_expect_eq(log_.count, 1);
}

Test(http, goes_on_with_http_inside_a_tunnel)
{
    ask("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n");
    answer("HTTP/1.1 200 Established\r\n\r\n");
    ask(GET);
    answer(OK "Content-Length: 1\r\n\r\na");
    cr_expect(answered(1, "a"));
}

Test(http, survives_a_head_past_its_ceiling_and_counts_it)
{
    struct tp_conn_limits limits = {1000, 65536, 100, 1u << 20};
    tp_conns_free(wire.conns, 0);
    wire.conns = tp_conns_new(&exchange_log_ops, &log_, &limits);
    ask("GET / HTTP/1.1\r\nX: ");
    for (int i = 0; i < 200; i++)
        ask("xxxxxxxxxxxxxxxxxxxxxxxx");
    ask("\r\n\r\n" GET);
    cr_expect_eq(log_.count, 1);
    answer(OK "Content-Length: 1\r\n\r\na");
    wire_close(&wire);
    cr_expect_gt(log_.lost_bytes, 1000);
}

Test(http, ends_what_is_open_when_the_process_or_the_recording_ends)
{
    ask(GET);
    tp_conns_process_exit(wire.conns, 100, wire.now_ns);
    cr_expect_eq(exchange_log_at(&log_, 0)->why, TP_END_CLOSED);
    wire.generation++;
    wire.offset[0] = wire.offset[1] = 0;
    ask(GET);
    tp_conns_free(wire.conns, wire.now_ns);
    wire.conns = NULL;
    cr_expect_eq(exchange_log_at(&log_, 1)->why, TP_END_SHUTDOWN);
}

/* Under sanitizers mallinfo2() tells nothing, and this only plays. */
Test(http, keeps_ten_thousand_idle_connections_in_little_memory)
{
    size_t before = mallinfo2().uordblks;
    log_.discard = true;
    for (uint64_t i = 0; i < 10000; i++) {
        wire.conn = i + 1;
        wire.offset[0] = wire.offset[1] = 0;
        wire_move_split(&wire, TP_DIR_WRITE, GET, 7);
        wire_move_split(&wire, TP_DIR_READ, OK "Content-Length: 5\r\n\r\nhello", 5);
    }
    size_t log_bytes = 10000 * (sizeof(struct seen) + 64);
    struct tp_conn_stats stats;
    tp_conns_stats(wire.conns, &stats);
    cr_expect_eq(stats.open, 10000);
    cr_expect_eq(log_.over, 10000);
    cr_expect_leq(mallinfo2().uordblks, before + log_bytes + 10000 * 1024);
}

/* The record of a connection's end fell into a hole: how far it had got is not known. */
Test(http, is_lost_where_another_connection_stands_at_its_place)
{
    ask(GET);
    answer(OK "\r\na body that ends with the connection");
    wire.generation++;
    wire.offset[0] = wire.offset[1] = 0;
    ask(GET);
    const struct seen *s = exchange_log_at(&log_, 0);
    cr_assert(s->over);
    cr_expect_eq(s->why, TP_END_LOST);
    cr_expect_eq(exchange_log_at(&log_, 1)->over, false);
}
