/* SPDX-License-Identifier: MIT
 * Which request an answer belongs to, where records are missing: what cannot be proven is marked.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

TestSuite(pairing, .init = setup, .fini = teardown);

static void ask(const char *text)
{
    wire_move(&wire, TP_DIR_WRITE, text, strlen(text), false);
}

static void lose_asked(const char *text)
{
    wire_move(&wire, TP_DIR_WRITE, text, strlen(text), true);
}

static void answer(const char *text)
{
    wire_move(&wire, TP_DIR_READ, text, strlen(text), false);
}

static void lose_answer(const char *text)
{
    wire_move(&wire, TP_DIR_READ, text, strlen(text), true);
}

#define GET(name) "GET /" name " HTTP/1.1\r\nHost: x\r\n\r\n"
#define OK(id) "HTTP/1.1 200 OK\r\nX-Id: " id "\r\nContent-Length: 1\r\n\r\nz"
#define CHUNKED_OK(id) "HTTP/1.1 200 OK\r\nX-Id: " id "\r\nTransfer-Encoding: chunked\r\n\r\n"
#define CHUNKED_POST(name) "POST /" name " HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"

/* The exchange of the request /name, or NULL. */
static struct seen *asked_for(const char *name)
{
    for (struct seen *s = log_.first; s; s = s->next)
        if (s->request.head && strcmp(s->target + 1, name) == 0)
            return s;
    return NULL;
}

static bool is_marked(const struct seen *s)
{
    return s->why == TP_END_LOST || s->request.holes || s->response.holes;
}

static bool is_exact(const char *name)
{
    const struct seen *s = asked_for(name);
    return s && s->over && !is_marked(s) && strcmp(s->id, name) == 0;
}

/* No other answer, or the exchange says that something is missing. */
static bool is_safe(const char *name)
{
    const struct seen *s = asked_for(name);
    return !s || !s->response.head || strcmp(s->id, name) == 0 || is_marked(s);
}

Test(pairing, marks_an_answer_whose_interim_head_lost_a_byte)
{
    ask(GET("a"));
    answer("HTTP/1.1 100 Continue\r\nX-A: b\r\n\r");
    lose_answer("\n");
    answer(OK("a"));
    struct seen *s = asked_for("a");
    cr_expect_str_eq(s->id, "a");
    cr_expect_eq(s->response.hole_bytes, 1);
}

Test(pairing, gives_no_answer_behind_two_holes_to_a_request_before_them)
{
    ask(CHUNKED_POST("a") "5\r\nhello\r\n");
    lose_asked("0\r\n\r\n");
    lose_answer(OK("a"));
    lose_asked(GET("b"));
    answer(OK("b"));
    struct seen *a = asked_for("a");
    cr_expect_eq(a->why, TP_END_LOST);
    cr_expect_not(a->response.begun);
    cr_expect_str_eq(exchange_log_at(&log_, 1)->id, "b");
}

Test(pairing, keeps_an_answer_whose_request_lost_its_end)
{
    ask(CHUNKED_POST("a") "5\r\nhello\r\n");
    lose_asked("0\r\n\r\n");
    answer(OK("a"));
    ask(GET("b"));
    answer(OK("b"));
    cr_expect_str_eq(asked_for("a")->id, "a");
    cr_expect(is_marked(asked_for("a")));
    cr_expect(is_exact("b"));
}

Test(pairing, takes_requests_that_share_a_record_for_pipelined)
{
    ask(GET("0"));
    lose_answer(OK("0"));
    lose_asked(CHUNKED_POST("a"));
    ask("3\r\nabc\r\n0\r\n\r\n" GET("b"));
    answer(OK("a") OK("b"));
    cr_expect(is_safe("b"));
}

Test(pairing, takes_requests_between_which_no_answer_fits_for_pipelined)
{
    ask(GET("0"));
    answer(CHUNKED_OK("0") "1\r\nz\r\n");
    lose_answer("0\r\n\r\n");
    ask(GET("a"));
    ask(GET("b"));
    answer(OK("a"));
    answer(OK("b"));
    cr_expect(is_safe("a"));
    cr_expect(is_safe("b"));
}

Test(pairing, marks_an_answer_that_a_lost_request_may_own)
{
    ask(GET("0"));
    lose_answer(OK("0"));
    lose_asked(GET("a"));
    ask(GET("b"));
    answer(OK("a"));
    answer(OK("b"));
    cr_expect(is_safe("b"));
}

Test(pairing, trusts_a_request_before_which_the_lost_one_was_answered)
{
    lose_asked(GET("a"));
    answer(OK("a"));
    ask(GET("b"));
    answer(OK("b"));
    cr_expect(is_exact("b"));
}

Test(pairing, recovers_once_a_pipelined_connection_was_quiet)
{
    ask(GET("a") GET("b") GET("c"));
    lose_answer(OK("a"));
    answer(OK("b") OK("c"));
    for (const char *name = "abc"; *name; name++)
        cr_expect(is_safe((const char[]){*name, '\0'}));
    ask(GET("d"));
    answer(OK("d"));
    cr_expect(is_exact("d"));
    ask(GET("e") GET("f"));
    answer(OK("e") OK("f"));
    cr_expect(is_exact("e") && is_exact("f"));
}

/* One answer in, one request out, always two under way: after a loss nothing shows who is next. */
Test(pairing, never_trusts_requests_that_roll_after_a_loss)
{
    ask(GET("a") GET("b"));
    answer(OK("a"));
    ask(GET("c"));
    lose_answer(OK("b"));
    ask(GET("d"));
    answer(OK("c"));
    ask(GET("e"));
    answer(OK("d"));
    ask(GET("f"));
    answer(OK("e"));
    for (const char *name = "cdef"; *name; name++)
        cr_expect(is_safe((const char[]){*name, '\0'}), "%c", *name);
}

Test(pairing, finds_the_end_of_an_answer_with_trailers_after_a_hole)
{
    ask(GET("a"));
    answer(CHUNKED_OK("a") "5\r\nhello\r\n");
    lose_answer("4\r\nlost\r\n");
    answer("3\r\nend\r\n0\r\nX-Sum: 1\r\nX-T: 2\r\n\r\n");
    struct seen *s = asked_for("a");
    cr_expect(s->over && s->why == TP_END_COMPLETE);
    cr_expect(body_is(&s->response, "helloend", 8));
    ask(GET("b"));
    answer(OK("b"));
    cr_expect(is_exact("b"));
}

static void answer_much(const char *id, size_t n, size_t step)
{
    char *text = malloc(n + 200);
    size_t head = (size_t)snprintf(
        text, 200, "HTTP/1.1 200 OK\r\nX-Id: %s\r\nContent-Length: %zu\r\n\r\n", id, n);
    memset(text + head, 'x', n);
    text[head + n] = '\0';
    wire_move_split(&wire, TP_DIR_READ, text, step);
    free(text);
}

Test(pairing, holds_an_answer_read_byte_by_byte_until_its_request_is_whole)
{
    ask("GET /a HTTP/1.1\r\nHos");
    answer_much("a", 200000, 1);
    cr_expect_eq(log_.count, 0);
    ask("t: x\r\n\r\n");
    cr_expect(is_exact("a"));
    cr_expect_eq(asked_for("a")->response.body.len, 200000);
}

Test(pairing, gives_an_answer_too_large_to_hold_to_the_request_that_is_coming_in)
{
    ask("POST /a HTTP/1.1\r\nContent-Le");
    answer_much("a", 400000, 16384);
    cr_expect_eq(log_.count, 1);
    ask("ngth: 2\r\n\r\nhi");
    struct seen *s = exchange_log_at(&log_, 0);
    cr_expect(s->over && s->why == TP_END_COMPLETE);
    cr_expect(body_is(&s->request, "hi", 2));
    cr_expect_gt(s->request.holes, 0);
    cr_expect_eq(s->response.body.len, 400000);
    ask(GET("b"));
    answer(OK("b"));
    cr_expect(is_exact("b"));
}

Test(pairing, ends_an_early_answer_whose_request_never_became_whole)
{
    ask("POST /a HTTP/1.1\r\nContent-Le");
    answer_much("a", 400000, 16384);
    lose_asked("ngth: 0\r\n\r\n");
    ask(GET("b"));
    answer(OK("b"));
    cr_expect(exchange_log_at(&log_, 0)->over);
    cr_expect(is_safe("b"));
}

/* One thread reads the answer before the other's write has returned: offsets as at the returns. */
Test(pairing, takes_a_request_reported_after_its_answer)
{
    uint64_t sent = wire.now_ns;
    wire.now_ns += 50;
    answer(OK("a"));
    wire.now_ns = sent;
    ask(GET("a"));
    cr_expect(is_exact("a"));
}

/* The head that follows the hole is only half in when its answer comes. */
Test(pairing, lets_a_request_wait_for_no_other_answer_once_its_own_came_early)
{
    ask(GET("0"));
    answer(OK("0"));
    lose_asked("GET /a HT");
    ask("TP/1.1\r\nHost: x\r\n\r\n");
    answer(OK("a"));
    ask("GET /b HTTP/1.1\r\nHo");
    answer(OK("b"));
    ask("st: x\r\n\r\n");
    ask(GET("c"));
    answer(OK("c"));
    cr_expect(is_safe("b"));
    cr_expect(is_exact("c"));
}

Test(pairing, gives_an_answer_behind_a_hole_to_the_request_whose_head_is_coming_in)
{
    ask(GET("a"));
    lose_answer(OK("a"));
    ask("GET /b HTTP/1.1\r\nHo");
    answer(OK("b"));
    ask("st: x\r\n\r\n");
    cr_expect_eq(asked_for("a")->why, TP_END_LOST);
    cr_expect(is_exact("b"));
}

Test(pairing, takes_the_rest_of_a_request_answered_early_for_no_other)
{
    ask(CHUNKED_POST("a") "5\r\nhello\r\n");
    answer(OK("a"));
    lose_asked("20\r\n0123456789abcdef0123456789abcdef\r\n");
    ask("5\r\nhello\r\n");
    lose_asked("20\r\n0123456789abcdef0123456789abcdef\r\n0\r\n\r\n");
    ask(GET("b"));
    answer(OK("b"));
    ask(GET("c"));
    answer(OK("c"));
    cr_expect_str_eq(asked_for("a")->id, "a");
    cr_expect(is_marked(asked_for("a")));
    cr_expect_str_eq(asked_for("b")->id, "b");
    cr_expect(is_exact("c"));
}

/* The last bytes of a lost request hide that the next one did not wait for its answer. */
Test(pairing, marks_all_that_overlap_with_one_who_may_have_got_another_answer)
{
    ask(GET("0"));
    lose_answer(OK("0"));
    lose_asked("POST /a HTTP/1.1\r\nContent-Length: 8\r\n\r\nabcd");
    ask("efgh" GET("b"));
    ask(GET("c"));
    answer(OK("a"));
    answer(OK("b"));
    answer(OK("c"));
    cr_expect(is_safe("b"));
    cr_expect(is_safe("c"));
}

Test(pairing, tells_every_missing_byte)
{
    ask(GET("a"));
    lose_answer("0123456789");
    wire_close(&wire);
    cr_expect_eq(asked_for("a")->response.hole_bytes + log_.lost_bytes, 10);
}
