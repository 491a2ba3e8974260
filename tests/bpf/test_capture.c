/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <unistd.h>

#include "capture.h"

#define MIB (1024u * 1024u)
#define RING (64u * MIB)

static uint64_t lost(const struct capture *c)
{
    uint64_t sum = 0;
    for (int i = 0; i < TP_LOSS_REASONS; i++)
        sum += c->counters.lost_bytes[i];
    return sum;
}

static void run(struct capture *c, size_t ring_bytes, bool prescan, char *a, char *b, char *d,
                char *e)
{
    const char *why = capture_problem();
    if (why)
        cr_skip_test("%s", why);
    char *argv[] = {"python3", TP_SOURCE_DIR "/tests/bpf/tls_pair.py",
                    a,         (char *)capture_certificate(),
                    b,         d,
                    e,         NULL};
    int err = capture_run(c, argv, ring_bytes, prescan);
    unlink(capture_certificate());
    cr_assert_eq(err, 0, "session: %d", err);
    cr_assert_eq(c->exit_status, 0, "the workload itself failed");
}

/* What holds for each run, whatever was lost. */
static void expect_ledger_adds_up(const struct capture *c)
{
    cr_expect_eq(c->wrong_bytes, 0);
    cr_expect_eq(c->backwards, 0);
    cr_expect_eq(c->counters.seen_bytes, c->counters.copied_bytes + lost(c));
    cr_expect_eq(c->counters.copied_bytes, c->payload_bytes[0] + c->payload_bytes[1]);
    cr_expect_eq(c->counters.seen_bytes, c->final_bytes[0] + c->final_bytes[1]);
    cr_expect_eq(c->gap_bytes, lost(c), "gaps %lu, lost %lu", c->gap_bytes, lost(c));
    cr_expect_eq(c->stream_lost_bytes, lost(c));
    cr_expect_eq(c->failed_targets, 0);
}

static void expect_whole(const struct capture *c, uint64_t bytes)
{
    expect_ledger_adds_up(c);
    cr_expect_eq(lost(c), 0);
    cr_expect_eq(c->payload_bytes[TP_DIR_WRITE], bytes);
    cr_expect_eq(c->payload_bytes[TP_DIR_READ], bytes);
}

Test(capture, copies_small_calls_byte_for_byte)
{
    struct capture c;
    run(&c, RING, true, "memory", "1", "255", "257");
    expect_whole(&c, 513);
    cr_expect_eq(c.streams, 2);
}

Test(capture, copies_around_every_size_class_boundary)
{
    struct capture c;
    run(&c, RING, true, "memory", "65536", "65537", "4097");
    expect_whole(&c, 65536 + 65537 + 4097);
}

Test(capture, copies_sixteen_mebibytes_of_one_call_whole)
{
    struct capture c;
    run(&c, RING, true, "memory", "16777216", "1", "16383");
    expect_whole(&c, 16777216 + 1 + 16383);
    cr_expect_eq(c.largest_record, TP_CHUNK_BYTES_MAX);
}

Test(capture, counts_what_is_beyond_sixteen_mebibytes_in_one_call)
{
    struct capture c;
    run(&c, RING, true, "memory", "20000000", "7", NULL);
    expect_ledger_adds_up(&c);
    cr_expect_eq(c.counters.lost_bytes[TP_LOSS_TOO_LONG], 20000000 - TP_CALL_BYTES_MAX);
    cr_expect_eq(lost(&c), c.counters.lost_bytes[TP_LOSS_TOO_LONG]);
    cr_expect_eq(c.payload_bytes[TP_DIR_READ], 20000007);
}

Test(capture, counts_partial_writes_once)
{
    struct capture c;
    run(&c, RING, true, "partial", "3000001", NULL, NULL);
    expect_whole(&c, 3000001);
}

Test(capture, tells_reused_connection_objects_apart)
{
    struct capture c;
    run(&c, RING, true, "connections", "40", "3000", NULL);
    expect_whole(&c, 40 * 3000);
    cr_expect_eq(c.streams, 80);
}

Test(capture, goes_on_with_a_connection_that_one_of_its_owners_has_freed)
{
    struct capture c;
    const char *why = capture_problem();
    if (why)
        cr_skip_test("%s", why);
    char *argv[] = {TP_SHARED_OWNER, "libssl.so.3", (char *)capture_certificate(), NULL};
    int err = capture_run(&c, argv, RING, true);
    unlink(capture_certificate());
    if (c.exit_status == 77)
        cr_skip_test("needs libssl.so.3");
    cr_assert_eq(err, 0);
    cr_assert_eq(c.exit_status, 0);
    expect_whole(&c, 2 * 6000);
    cr_expect_eq(c.streams, 4);
}

Test(capture, places_every_hole_when_the_ring_is_too_small)
{
    struct capture c;
    run(&c, 128 * 1024, true, "memory", "4000000", "100", "200000");
    expect_ledger_adds_up(&c);
    cr_expect_gt(c.counters.lost_bytes[TP_LOSS_RING_FULL], 0);
    cr_expect_eq(c.counters.seen_bytes, 2 * (4000000 + 100 + 200000));
}

Test(capture, loses_what_no_record_can_hold_in_the_smallest_ring)
{
    struct capture c;
    run(&c, 4096, true, "memory", "65536", "100", "5000");
    expect_ledger_adds_up(&c);
    cr_expect_gt(lost(&c), 0);
}

Test(capture, finds_a_library_that_nobody_expected_and_says_that_it_was_late)
{
    struct capture c;
    run(&c, RING, false, "connections", "5", "70000", NULL);
    expect_whole(&c, 5 * 70000);
    cr_expect_gt(c.late_targets, 0);
}

Test(capture, follows_every_descendant_from_fork_to_exit)
{
    struct capture c;
    const char *why = capture_problem();
    if (why)
        cr_skip_test("%s", why);
    char line[1024];
    snprintf(line, sizeof(line), "p() { python3 %s memory %s 1000; }; (p) & (p) & p; wait",
             TP_SOURCE_DIR "/tests/bpf/tls_pair.py", capture_certificate());
    char *argv[] = {"sh", "-c", line, NULL};
    int err = capture_run(&c, argv, RING, true);
    unlink(capture_certificate());
    cr_assert_eq(err, 0);
    cr_assert_eq(c.exit_status, 0);
    expect_whole(&c, 3000);
    cr_expect_eq(c.streams, 6);
    cr_expect_geq(c.execs, 4);
    cr_expect_geq(c.exits, 4);
}
