/* SPDX-License-Identifier: MIT
 * HTTP/2 against nghttp2's own client and server.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "collector/http2.h"
#include "exchange_log.h"
#include "http2_talk.h"

static struct exchange_log log_;
static struct wire wire;
static struct talk talk;

static void begin(void)
{
    exchange_log_init(&log_);
    wire = (struct wire){.conns = tp_conns_new(&exchange_log_ops, &log_, NULL),
                         .conn = 1,
                         .generation = 1,
                         .now_ns = 1000};
}

static void end(void)
{
    tp_conns_free(wire.conns, wire.now_ns);
    exchange_log_done(&log_);
}

TestSuite(http2, .init = begin, .fini = end);

/* One move is seen in pieces of up to `step` bytes; 1 in `drop_one_of` records is lost. */
static void play(const struct talk_move *move, size_t step, uint32_t drop_one_of)
{
    enum tp_direction direction = move->answer ? TP_DIR_READ : TP_DIR_WRITE;
    for (size_t at = 0; at < move->len;) {
        size_t n = 1 + talk_draw(&talk, (uint32_t)step);
        if (n > move->len - at)
            n = move->len - at;
        bool drop = drop_one_of && talk_draw(&talk, drop_one_of) == 0;
        wire_move(&wire, direction, talk.bytes.data + move->at + at, n, drop);
        at += n;
    }
}

static void play_all(size_t from, size_t step, uint32_t drop_one_of)
{
    for (size_t i = from; i < talk.move_count; i++)
        play(&talk.moves[i], step, drop_one_of);
    wire_close(&wire);
}

static bool is_only(const struct tp_buf *body, char letter)
{
    for (size_t i = 0; i < body->len; i++)
        if (body->data[i] != (uint8_t)letter)
            return false;
    return true;
}

static const struct talk_stream *stream_of(const struct seen *s)
{
    const char *path = s->target[0] ? s->target : s->id;
    for (size_t i = 0; i < talk.count; i++)
        if (strcmp(talk.streams[i].path, path) == 0)
            return &talk.streams[i];
    return NULL;
}

/* Joined in the middle, names of fields may be unknown: `named` says whether x-id must be there. */
static size_t check_stream(const struct seen *s, bool named)
{
    const struct talk_stream *t = stream_of(s);
    cr_assert_not_null(t);
    if (!s->request.ended || s->why != TP_END_COMPLETE)
        return 0;
    cr_expect_eq(s->request.body.len, t->request_bytes, "%s", t->path);
    cr_expect_eq(s->response.body.len, t->answer_bytes, "%s", t->path);
    cr_expect(is_only(&s->request.body, t->letter) && is_only(&s->response.body, t->letter));
    cr_expect_eq(s->status, t->status);
    if (named)
        cr_expect_str_eq(s->id, t->path);
    return 1;
}

static size_t check_exact(const struct seen *s)
{
    return check_stream(s, true);
}

static void check_whole_talk(uint64_t seed, size_t streams, size_t step)
{
    size_t exact = 0;
    talk_make(&talk, seed, streams, true);
    begin();
    play_all(0, step, 0);
    cr_expect_eq(log_.count, streams);
    cr_expect_eq(log_.over, streams);
    cr_expect_eq(log_.losses, 0, "%s: %s", log_.last_where, log_.last_why);
    cr_expect_eq(log_.misuses, 0);
    for (struct seen *s = log_.first; s; s = s->next)
        exact += check_exact(s);
    cr_expect_eq(exact, streams, "seed %llu: %zu of %zu", (unsigned long long)seed, exact, streams);
    end();
    talk_done(&talk);
}

Test(http2_talks, of_200_streams_are_exact_however_they_are_split)
{
    static const size_t steps[] = {1, 7, 100, 5000, 100000};
    for (uint64_t seed = 1; seed <= 10; seed++)
        check_whole_talk(seed, 200, steps[seed % 5]);
}

Test(http2_talks, with_resets_end_each_exchange_once)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        talk_make(&talk, seed, 100, false);
        begin();
        play_all(0, 3000, 0);
        cr_expect_eq(log_.over, log_.count);
        cr_expect_eq(log_.misuses, 0);
        for (struct seen *s = log_.first; s; s = s->next) {
            const struct talk_stream *t = stream_of(s);
            cr_assert_not_null(t);
            cr_expect(is_only(&s->request.body, t->letter) &&
                      is_only(&s->response.body, t->letter));
            cr_expect(s->why == TP_END_COMPLETE || t->reset_by_client || t->reset_by_server);
        }
        end();
        talk_done(&talk);
    }
}

/* What is whole is exact, and no exchange gets another's bytes. */
static size_t check_lossy(uint64_t seed, size_t streams, uint32_t drop_one_of)
{
    struct tp_conn_stats stats;
    size_t whole = 0;
    uint64_t told = 0;
    talk_make(&talk, seed, streams, true);
    begin();
    play_all(0, 4000, drop_one_of);
    tp_conns_stats(wire.conns, &stats);
    for (struct seen *s = log_.first; s; s = s->next) {
        told += s->request.hole_bytes + s->response.hole_bytes;
        const struct talk_stream *t = stream_of(s);
        if (!t || s->request.holes || s->response.holes || !s->request.head || !s->response.head)
            continue;
        whole += check_stream(s, false);
        cr_expect(is_only(&s->request.body, t->letter) && is_only(&s->response.body, t->letter),
                  "seed %llu: %s", (unsigned long long)seed, t->path);
    }
    cr_expect_eq(log_.over, log_.count);
    cr_expect_eq(log_.misuses, 0);
    cr_expect_geq(told + log_.lost_bytes, stats.hole_bytes[0] + stats.hole_bytes[1]);
    end();
    talk_done(&talk);
    return whole;
}

Test(http2_talks, with_holes_are_marked_or_exact)
{
    size_t whole = 0;
    for (uint64_t seed = 1; seed <= 60; seed++)
        whole += check_lossy(seed, 40, seed % 2 ? 100 : 20);
    cr_expect_gt(whole, 300, "%zu", whole);
}

/* A body that holds text of two streams would be two requests glued together. */
Test(http2_talks, with_holes_never_mix_bodies)
{
    for (uint64_t seed = 100; seed <= 140; seed++) {
        talk_make(&talk, seed, 40, true);
        begin();
        play_all(0, 4000, 30);
        for (struct seen *s = log_.first; s; s = s->next) {
            const struct tp_buf *b = &s->response.body;
            for (size_t i = 1; i < b->len; i++)
                cr_assert_eq(b->data[i], b->data[0], "seed %llu: %s", (unsigned long long)seed,
                             s->target);
        }
        end();
        talk_done(&talk);
    }
}

Test(http2_talks, joined_in_the_middle_go_on_exactly)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        size_t exact = 0;
        talk_make(&talk, seed, 60, true);
        begin();
        play_all(40, 100000, 0);
        for (struct seen *s = log_.first; s; s = s->next)
            if (s->request.head && s->response.head && stream_of(s))
                exact += check_stream(s, false);
        cr_expect_gt(exact, 5, "seed %llu: %zu", (unsigned long long)seed, exact);
        cr_expect_eq(log_.misuses, 0);
        end();
        talk_done(&talk);
    }
}

Test(http2, is_told_by_its_preface_or_its_first_frame)
{
    static const uint8_t settings[] = {0, 0, 0, 4, 0, 0, 0, 0, 0};
    static const uint8_t ping[] = {0, 0, 8, 6, 0, 0, 0, 0, 0};
    static const uint8_t none[] = {0, 0, 7, 6, 0, 0, 0, 0, 0};
    cr_expect_eq(tp_http2_look((const uint8_t *)"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24),
                 TP_HTTP2_CLIENT);
    cr_expect_eq(tp_http2_look((const uint8_t *)"PRI ", 4), TP_HTTP2_UNSURE);
    cr_expect_eq(tp_http2_look((const uint8_t *)"POST ", 5), TP_HTTP2_ABSENT);
    cr_expect_eq(tp_http2_look(settings, 9), TP_HTTP2_SERVER);
    cr_expect_eq(tp_http2_look(settings, 8), TP_HTTP2_UNSURE);
    cr_expect_eq(tp_http2_look(ping, 9), TP_HTTP2_MIDDLE);
    cr_expect_eq(tp_http2_look(none, 9), TP_HTTP2_ABSENT);
}

/* A client that has all of the bytes that the head promised need not read on. */
static enum tp_exchange_end end_of_answer(char length)
{
    static const uint8_t asked[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                                   "\0\0\0\x04\0\0\0\0\0"
                                   "\0\0\x03\x01\x05\0\0\0\x01\x83\x84\x87";
    uint8_t answered[] = "\0\0\0\x04\0\0\0\0\0"
                         "\0\0\x05\x01\x04\0\0\0\x01\x88\x0f\x0d\x01?"
                         "\0\0\x02\0\0\0\0\0\x01{}";
    answered[22] = (uint8_t)length;
    begin();
    wire_move(&wire, TP_DIR_WRITE, asked, sizeof(asked) - 1, false);
    wire_move(&wire, TP_DIR_READ, answered, sizeof(answered) - 1, false);
    wire_close(&wire);
    enum tp_exchange_end why = exchange_log_at(&log_, 0)->why;
    end();
    return why;
}

Test(http2_talks, end_where_their_heads_said)
{
    cr_expect_eq(end_of_answer('2'), TP_END_COMPLETE);
    cr_expect_eq(end_of_answer('3'), TP_END_CLOSED);
    cr_expect_eq(end_of_answer('1'), TP_END_CLOSED);
    cr_expect_eq(end_of_answer('x'), TP_END_CLOSED);
}

Test(http2_talks, wait_for_a_request_that_is_reported_after_its_answer)
{
    talk_make(&talk, 3, 1, true);
    size_t last_request = 0, first_answer = 0;
    begin();
    for (size_t i = 0; i < talk.move_count; i++)
        if (!talk.moves[i].answer)
            last_request = i;
    (void)first_answer;
    for (size_t i = 0; i < talk.move_count; i++)
        if (talk.moves[i].answer && i < last_request)
            play(&talk.moves[i], 100000, 0);
    for (size_t i = 0; i < talk.move_count; i++)
        if (!talk.moves[i].answer)
            play(&talk.moves[i], 100000, 0);
    for (size_t i = last_request; i < talk.move_count; i++)
        if (talk.moves[i].answer)
            play(&talk.moves[i], 100000, 0);
    wire_close(&wire);
    cr_assert_eq(log_.count, 1);
    cr_expect_eq(check_exact(log_.first), 1);
    end();
    talk_done(&talk);
}
