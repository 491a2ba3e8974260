/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

#include "collector/options.h"
#include "collector/summary.h"

static void expect_line(const struct tp_summary *summary, const char *want)
{
    char line[512];
    tp_summary_format(summary, line, sizeof(line));
    cr_expect_str_eq(line, want, "got: %s", line);
}

static struct tp_summary good_run(void)
{
    return (struct tp_summary){
        .output = "run.tokrec",
        .calls = {.calls = 14,
                  .complete_calls = 14,
                  .input_tokens = 412310,
                  .cache_read_tokens = 375202,
                  .output_tokens = 5120},
        .cost_nano = 940000000,
        .currency = "USD",
    };
}

Test(summary, tells_calls_tokens_cost_and_where)
{
    const struct tp_summary s = good_run();
    expect_line(&s, "14 calls, 412,310 input tokens (91 % cached), 5,120 output, $0.94, 0 lost; "
                    "wrote run.tokrec");
}

Test(summary, leaves_out_a_price_that_nobody_knows)
{
    struct tp_summary s = good_run();
    s.currency[0] = 0;
    expect_line(
        &s, "14 calls, 412,310 input tokens (91 % cached), 5,120 output, 0 lost; wrote run.tokrec");
}

Test(summary, says_in_words_what_was_lost)
{
    struct tp_summary s = good_run();
    s.calls.complete_calls = 11;
    s.counters.lost_bytes[TP_LOSS_RING_FULL] = 1048576;
    expect_line(
        &s,
        "14 calls, 412,310 input tokens (91 % cached), 5,120 output, $0.94, 3 calls incomplete, "
        "1,048,576 bytes lost; wrote run.tokrec");
}

Test(summary, counts_lost_records_that_had_no_bytes)
{
    struct tp_summary s = {.output = "-"};
    s.counters.lost_records[TP_LOSS_NO_ENTRY] = 1;
    expect_line(&s, "0 calls, 0 input tokens, 0 output, 1 record lost; wrote standard output");
}

Test(summary, tells_what_went_past_the_probes)
{
    struct tp_summary s = {.output = "-"};
    s.counters.unseen[TP_UNSEEN_QUIC] = 2;
    s.counters.unseen[TP_UNSEEN_KTLS] = 1;
    expect_line(&s,
                "0 calls, 0 input tokens, 0 output, 0 lost, 3 operations past the probes; wrote "
                "standard output");
}

Test(size, takes_powers_of_two_with_units)
{
    size_t n = 0;
    cr_expect_eq(tp_size_parse("4096", &n), 0);
    cr_expect_eq(n, 4096);
    cr_expect_eq(tp_size_parse("64M", &n), 0);
    cr_expect_eq(n, 64u << 20);
    cr_expect_eq(tp_size_parse("256k", &n), 0);
    cr_expect_eq(n, 256u << 10);
}

Test(size, refuses_everything_else)
{
    static const char *const bad[] = {
        "", "0", "2048", "5000", "-4096", "64G", "4096x", "99999999999999999999", "2048M"};
    size_t n = 7;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect_eq(tp_size_parse(bad[i], &n), -EINVAL, "%s", bad[i]);
    cr_expect_eq(n, 7);
}

Test(options, takes_processes_in_place_of_a_command)
{
    struct tp_record_options o;
    char *argv[] = {"tokprof record", "-p", "12", "-p", "7", NULL};
    cr_assert_eq(tp_record_options_parse(&o, 5, argv), 0);
    cr_expect_eq(o.pid_count, 2);
    cr_expect_eq(o.pids[1], 7);
    cr_expect_null(o.command);
    cr_expect_not(o.all);
}

Test(options, knows_a_process_id_when_it_sees_one)
{
    uint32_t pid = 3;
    cr_expect_eq(tp_pid_parse("1", &pid), 0);
    cr_expect_eq(pid, 1);
    cr_expect_eq(tp_pid_parse("0", &pid), -EINVAL);
    cr_expect_eq(tp_pid_parse("-1", &pid), -EINVAL);
    cr_expect_eq(tp_pid_parse("12x", &pid), -EINVAL);
    cr_expect_eq(tp_pid_parse("4294967297", &pid), -EINVAL);
    cr_expect_eq(tp_pid_parse("", &pid), -EINVAL);
}
