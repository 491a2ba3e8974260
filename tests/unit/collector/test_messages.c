/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/channel.h"
#include "collector/hotline.h"
#include "collector/locate.h"
#include "collector/messages.h"

static int ends[2];

static void setup(void)
{
    cr_assert_eq(tp_channel_pair(ends), 0);
}

TestSuite(channel, .init = setup);

Test(channel, keeps_messages_apart)
{
    char got[8];
    cr_assert_eq(tp_channel_send(ends[0], "one", 3, NULL, 0, 0), 0);
    cr_assert_eq(tp_channel_send(ends[0], "three", 5, NULL, 0, 0), 0);
    cr_expect_eq(tp_channel_receive(ends[1], got, sizeof(got), 0), 3);
    cr_expect_eq(tp_channel_receive(ends[1], got, sizeof(got), 0), 5);
    cr_expect_eq(tp_channel_receive(ends[1], got, sizeof(got), 0), -EAGAIN);
}

Test(channel, notices_an_end_that_is_gone)
{
    char got[8];
    close(ends[0]);
    cr_expect_eq(tp_channel_receive(ends[1], got, sizeof(got), 0), 0);
    cr_expect_eq(tp_channel_send(ends[1], "x", 1, NULL, 0, 0), -EPIPE);
}

Test(channel, does_not_wait_for_ever)
{
    char block[4096] = {0};
    int err = 0;
    for (int i = 0; i < 100000 && !err; i++)
        err = tp_channel_send(ends[0], block, sizeof(block), NULL, 0, 1);
    cr_expect_eq(err, -EAGAIN);
}

Test(channel, refuses_what_is_too_long)
{
    char got[2];
    cr_assert_eq(tp_channel_send(ends[0], "three", 5, NULL, 0, 0), 0);
    cr_expect_eq(tp_channel_receive(ends[1], got, sizeof(got), 0), -EMSGSIZE);
}

Test(channel, hands_descriptors_over_and_leaves_none_behind)
{
    char got[8];
    int fds[3] = {-1, -1, -1}, next = dup(0);
    struct stat a, b;
    cr_assert_eq(tp_channel_send(ends[0], "x", 1, ends, 1, 0), 0);
    cr_assert_eq(tp_channel_receive_fds(ends[1], got, sizeof(got), fds, 1, 0), 1);
    fstat(fds[0], &a);
    fstat(ends[0], &b);
    cr_expect_eq(a.st_ino, b.st_ino);
    close(fds[0]);
    /* Another number than is wanted, and none at all. */
    cr_assert_eq(tp_channel_send(ends[0], "x", 1, ends, 2, 0), 0);
    cr_expect_eq(tp_channel_receive_fds(ends[1], got, sizeof(got), fds, 1, 0), -EBADMSG);
    cr_assert_eq(tp_channel_send(ends[0], "x", 1, ends, 2, 0), 0);
    cr_expect_eq(tp_channel_receive(ends[1], got, sizeof(got), 0), 1);
    close(next);
    cr_expect_eq(dup(0), next, "a descriptor was left open");
}

static int told;

static void count_told(void *cx, const struct tp_message *message)
{
    (void)cx;
    told += message->kind == TP_TELL_MISSING;
}

static void tell(uint32_t kind, uint32_t ticket, const char *program)
{
    struct tp_message m = {.kind = kind, .ticket = ticket};
    if (program)
        tp_message_text(m.program, sizeof(m.program), program);
    cr_assert_eq(tp_channel_send(ends[0], &m, sizeof(m), NULL, 0, 0), 0);
}

Test(channel, finds_an_answer_among_what_is_told)
{
    struct tp_hotline line = {.fd = ends[1], .told = count_told};
    const struct tp_process_record record = {.head.pid = 7, .comm = "sh"};
    char name[TP_PROGRAM_BYTES];
    tell(TP_TELL_MISSING, 0, NULL);
    tell(TP_ASK_PROGRAM, 77, "late");
    tell(TP_ASK_PROGRAM, 1, "agent.py");
    tp_hotline_program(&line, &record, name);
    cr_expect_str_eq(name, "agent.py");
    cr_expect_eq(told, 1);
    close(ends[0]);
    tp_hotline_program(&line, &record, name);
    cr_expect_str_eq(name, "sh");
    cr_expect(line.gone);
}

Test(message, carries_a_target)
{
    struct tp_target target = {.file = "libssl.so.3",
                               .build_id = "0123",
                               .stack = "openssl",
                               .how = "mmap",
                               .confidence = 80,
                               .late_ns = 5};
    struct tp_message m;
    tp_message_put_target(&m, &target);
    const struct tp_target got = tp_message_target(&m);
    cr_expect_str_eq(got.file, "libssl.so.3");
    cr_expect_str_eq(got.build_id, "0123");
    cr_expect_str_eq(got.how, "mmap");
    cr_expect_null(got.error);
    target.error = "no";
    tp_message_put_target(&m, &target);
    cr_expect_str_eq(tp_message_target(&m).error, "no");
}

/* As an honest locator says it of a library of so many bytes. */
static struct tp_location honest(void)
{
    struct tp_location l = {.found_count = 1, .build_id = "00ff"};
    l.found[0].at.count = 1;
    l.found[0].at.confidence = 100;
    l.found[0].at.sites[0].file_offset = 99;
    return l;
}

Test(location, is_refused_where_it_cannot_be_true)
{
    struct tp_location l = honest();
    cr_expect(tp_location_sound(&l, 100));
    cr_expect_not(tp_location_sound(&l, 99), "a place beyond the file");
    l = honest();
    l.found_count = TP_STACKS_MAX + 1;
    cr_expect_not(tp_location_sound(&l, 100), "too many stacks");
    l = honest();
    l.found[0].at.count = TP_TLS_SITES_MAX + 1;
    cr_expect_not(tp_location_sound(&l, 100), "too many sites");
    l = honest();
    l.found[0].at.sites[0].kind = TP_TLS_SITE_KINDS;
    cr_expect_not(tp_location_sound(&l, 100), "an unknown kind");
    l = honest();
    l.found[0].stack = 12345;
    cr_expect_not(tp_location_sound(&l, 100), "an unknown stack");
    l = honest();
    memset(l.build_id, 'a', sizeof(l.build_id));
    cr_expect_not(tp_location_sound(&l, 100), "a build id without end");
    l = honest();
    l.found[0].at.reason[0] = 27;
    cr_expect_not(tp_location_sound(&l, 100), "what a terminal would obey");
    l = honest();
    l.found[0].at.confidence = 101;
    cr_expect_not(tp_location_sound(&l, 100), "surer than sure");
}
