/* SPDX-License-Identifier: MIT
 * One call of which both ends are watched, told in any order.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "play.h"

#define MS 1000000ull

static const char request[] =
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";
static const char answer[] =
    "{\"object\":\"chat.completion\",\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":"
    "{\"role\":\"assistant\",\"content\":\"ho\"},\"finish_reason\":\"stop\"}],"
    "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1,\"total_tokens\":4}}";

static const struct tp_exchange_ops *const ops = &tp_calls_exchange_ops;

static void *ask(struct play *p, bool server, uint64_t time_ns)
{
    struct tp_conn_origin origin = {
        .pid = server ? 7 : 8, .conn = 1, .tls = "none", .server = server};
    const struct tp_http_head head = {.method = "POST",
                                      .target = "/v1/chat/completions",
                                      .version = "1.1",
                                      .fields = "host: a.test\n"};
    void *x = ops->request_begin(p->calls, &origin, &head, time_ns);
    ops->request_body(x, (const uint8_t *)request, strlen(request), time_ns);
    ops->request_end(x, time_ns);
    return x;
}

static void respond(void *x, uint64_t time_ns)
{
    const struct tp_http_head head = {.method = "",
                                      .target = "",
                                      .version = "1.1",
                                      .status = 200,
                                      .fields = "content-type: application/json\n"};
    ops->response_begin(x, &head, time_ns);
    ops->response_body(x, (const uint8_t *)answer, strlen(answer), time_ns);
    ops->response_end(x, TP_END_COMPLETE, time_ns);
}

Test(both_ends, are_one_call_where_the_client_is_told_first)
{
    struct play p;
    play_begin(&p, 0);
    void *client = ask(&p, false, 100 * MS);
    respond(ask(&p, true, 101 * MS), 110 * MS);
    respond(client, 111 * MS);
    tp_calls_settle(p.calls, UINT64_MAX);
    cr_expect_eq(p.count, 1);
    play_end(&p);
}

Test(both_ends, are_one_call_where_the_server_has_answered_before_the_client_is_told)
{
    struct play p;
    play_begin(&p, 0);
    respond(ask(&p, true, 101 * MS), 110 * MS);
    cr_expect_eq(p.count, 0);
    void *client = ask(&p, false, 100 * MS);
    respond(client, 111 * MS);
    tp_calls_settle(p.calls, UINT64_MAX);
    cr_assert_eq(p.count, 1);
    cr_expect_str_eq(play_value(&p, 0, "pid"), "8");
    play_end(&p);
}

Test(both_ends, of_which_one_is_watched_are_told_after_a_while)
{
    struct play p;
    play_begin(&p, 0);
    respond(ask(&p, true, 101 * MS), 110 * MS);
    tp_calls_settle(p.calls, 500 * MS);
    cr_expect_eq(p.count, 0);
    tp_calls_settle(p.calls, 2000 * MS);
    cr_assert_eq(p.count, 1);
    cr_expect_str_eq(play_value(&p, 0, "use.in"), "3");
    play_end(&p);
}
