/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zstd.h>

#include "common/pack.h"
#include "common/tokrec.h"
#include "common/unpack.h"

static int memory_file(void)
{
    char path[] = "/tmp/tokrec-test-XXXXXX";
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    unlink(path);
    return fd;
}

static void write_event(struct tp_tokrec_writer *w, uint64_t number, size_t padding)
{
    struct tp_pack p;
    char *text = calloc(1, padding + 1);
    memset(text, 'x', padding);
    tp_pack_init(&p);
    tp_pack_map_begin(&p);
    tp_pack_kv_u64(&p, "t", 1000 + number);
    tp_pack_kv_u64(&p, "number", number);
    tp_pack_kv_str(&p, "padding", text);
    tp_pack_end(&p);
    cr_assert_eq(tp_tokrec_write(w, p.buf.data, p.buf.size), 0);
    tp_pack_done(&p);
    free(text);
}

/* A recording of `frames` frames of `per_frame` events, numbered from 0; ret_ends gets each frame's
 * end. */
static int recording(int frames, int per_frame, off_t *ret_ends)
{
    struct tp_tokrec_writer *w;
    int fd = memory_file();
    uint64_t number = 0;
    cr_assert_eq(tp_tokrec_writer_new(&w, dup(fd), TP_TOKREC_FILE), 0);
    for (int f = 0; f < frames; f++) {
        for (int i = 0; i < per_frame; i++)
            write_event(w, number++, 20);
        cr_assert_eq(tp_tokrec_flush(w), 0);
        if (ret_ends)
            ret_ends[f] = lseek(fd, 0, SEEK_END);
    }
    cr_assert_eq(tp_tokrec_close(w), 0);
    return fd;
}

/* Reads all, checks that numbers run from 0, and returns how many there were. */
static uint64_t count_events(int fd, enum tp_tokrec_end *ret_end)
{
    struct tp_tokrec_reader *r;
    msgpack_object event;
    uint64_t n = 0, number;
    lseek(fd, 0, SEEK_SET);
    cr_assert_eq(tp_tokrec_reader_new(&r, fd), 0);
    while (tp_tokrec_next(r, &event) == 1) {
        cr_assert(tp_unpack_u64(tp_unpack_get(&event, "number"), &number));
        cr_assert_eq(number, n);
        n++;
    }
    cr_assert_eq(tp_tokrec_next(r, &event), 0);
    *ret_end = tp_tokrec_reader_end(r);
    tp_tokrec_reader_free(r);
    return n;
}

Test(tokrec, gives_back_what_was_written)
{
    enum tp_tokrec_end end;
    cr_expect_eq(count_events(recording(3, 5, NULL), &end), 15);
    cr_expect_eq(end, TP_TOKREC_WHOLE);
}

Test(tokrec, ends_frames_by_itself_and_takes_events_larger_than_a_frame)
{
    struct tp_tokrec_writer *w;
    enum tp_tokrec_end end;
    int fd = memory_file();
    cr_assert_eq(tp_tokrec_writer_new(&w, dup(fd), TP_TOKREC_FILE), 0);
    for (uint64_t i = 0; i < 40; i++)
        write_event(w, i, i == 7 ? 3 << 20 : 20000);
    cr_assert_gt(lseek(fd, 0, SEEK_END), 20);
    cr_assert_eq(tp_tokrec_close(w), 0);
    cr_expect_eq(count_events(fd, &end), 40);
    cr_expect_eq(end, TP_TOKREC_WHOLE);
}

Test(tokrec, without_events_is_whole)
{
    enum tp_tokrec_end end;
    cr_expect_eq(count_events(recording(0, 0, NULL), &end), 0);
    cr_expect_eq(end, TP_TOKREC_WHOLE);
}

Test(tokrec, cut_at_any_byte_gives_all_whole_frames, .timeout = 60)
{
    off_t ends[4];
    int fd = recording(4, 6, ends);
    off_t size = lseek(fd, 0, SEEK_END);
    char *whole = malloc((size_t)size);
    cr_assert_eq(pread(fd, whole, (size_t)size, 0), size);
    for (off_t cut = 0; cut < size; cut++) {
        enum tp_tokrec_end end;
        uint64_t expected = 0;
        int part = memory_file();
        cr_assert_eq(write(part, whole, (size_t)cut), cut);
        for (int f = 0; f < 4; f++)
            if (cut >= ends[f])
                expected = 6 * (uint64_t)(f + 1);
        cr_expect_eq(count_events(part, &end), expected, "cut at %ld", (long)cut);
        cr_expect_eq(end, TP_TOKREC_CUT, "cut at %ld", (long)cut);
    }
    free(whole);
    close(fd);
}

Test(tokrec, any_wrong_byte_never_gives_wrong_events, .timeout = 60)
{
    int fd = recording(3, 6, NULL);
    off_t size = lseek(fd, 0, SEEK_END);
    for (off_t at = 16; at < size; at++) {
        enum tp_tokrec_end end;
        uint8_t byte, wrong;
        int damaged = memory_file();
        char *copy = malloc((size_t)size);
        cr_assert_eq(pread(fd, copy, (size_t)size, 0), size);
        cr_assert_eq(write(damaged, copy, (size_t)size), size);
        byte = (uint8_t)copy[at];
        wrong = byte ^ 0x41;
        cr_assert_eq(pwrite(damaged, &wrong, 1, at), 1);
        cr_expect_eq(count_events(damaged, &end) % 6, 0, "byte %ld", (long)at);
        free(copy);
    }
    close(fd);
}

Test(tokrec, damaged_frame_stops_after_what_stood_before)
{
    off_t ends[3];
    enum tp_tokrec_end end;
    int fd = recording(3, 6, ends);
    uint8_t byte;
    cr_assert_eq(pread(fd, &byte, 1, ends[0] + 30), 1);
    byte ^= 0xff;
    cr_assert_eq(pwrite(fd, &byte, 1, ends[0] + 30), 1);
    cr_expect_eq(count_events(fd, &end), 6);
    cr_expect_eq(end, TP_TOKREC_DAMAGED);
}

Test(tokrec, bare_stream_goes_through_a_pipe_event_by_event)
{
    int ends[2];
    struct tp_tokrec_writer *w;
    enum tp_tokrec_end end;
    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(tp_tokrec_writer_new(&w, ends[1], TP_TOKREC_STREAM), 0);
    for (uint64_t i = 0; i < 10; i++)
        write_event(w, i, 30);
    cr_assert_eq(tp_tokrec_close(w), 0);
    cr_expect_eq(count_events(ends[0], &end), 10);
    cr_expect_eq(end, TP_TOKREC_WHOLE);
}

Test(tokrec, two_recordings_in_one_file_read_as_one)
{
    struct tp_tokrec_writer *w;
    enum tp_tokrec_end end;
    int fd = recording(1, 4, NULL);
    lseek(fd, 0, SEEK_END);
    cr_assert_eq(tp_tokrec_writer_new(&w, dup(fd), TP_TOKREC_FILE), 0);
    write_event(w, 4, 10);
    cr_assert_eq(tp_tokrec_close(w), 0);
    cr_expect_eq(count_events(fd, &end), 5);
    cr_expect_eq(end, TP_TOKREC_WHOLE);
}

Test(tokrec, other_files_are_no_recordings)
{
    static const char *const texts[] = {"{\"json\": 1}", "\x1f\x8b", "x", "\177ELF....."};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct tp_tokrec_reader *r;
        int fd = memory_file();
        cr_assert_gt(write(fd, texts[i], strlen(texts[i])), 0);
        lseek(fd, 0, SEEK_SET);
        cr_expect_eq(tp_tokrec_reader_new(&r, fd), -EBADMSG, "%zu", i);
    }
}

Test(tokrec, full_disk_is_told_and_leaves_whole_frames)
{
    enum tp_tokrec_end end;
    int fd = memory_file(), r = 0;
    struct tp_tokrec_writer *w;
    struct rlimit limit = {30000, 30000};
    char noise[20000] = {(char)0x81, (char)0xa1, 'x', (char)0xc5, 19994 >> 8, (char)(19994 & 0xff)};
    uint64_t written = 0;
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(tp_tokrec_writer_new(&w, dup(fd), TP_TOKREC_FILE), 0);
    write_event(w, 0, 10);
    cr_assert_eq(tp_tokrec_flush(w), 0);
    written = (uint64_t)lseek(fd, 0, SEEK_END);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    for (int i = 0; i < 100 && r == 0; i++) {
        for (size_t at = 6; at < sizeof(noise); at++)
            noise[at] = (char)random();
        r = tp_tokrec_write(w, noise, sizeof(noise));
    }
    cr_expect_eq(r, -EFBIG);
    cr_expect_eq(tp_tokrec_close(w), -EFBIG);
    cr_expect_eq((uint64_t)lseek(fd, 0, SEEK_END), written);
    cr_expect_eq(count_events(fd, &end), 1);
    cr_expect_eq(end, TP_TOKREC_CUT);
}

/* A frame is decoded to 64 MiB at the most, whatever it promises, and in no larger a window. */
Test(tokrec, stops_at_a_frame_that_is_a_bomb, .timeout = 60)
{
    static uint8_t packed[1 << 20];
    ZSTD_CCtx *z = ZSTD_createCCtx();
    ZSTD_outBuffer out = {packed, sizeof(packed), 0};
    uint8_t *blank = calloc(1, 1 << 20);
    for (int i = 0; i < 512; i++) {
        ZSTD_inBuffer in = {blank, 1 << 20, 0};
        ZSTD_compressStream2(z, &out, &in, i == 511 ? ZSTD_e_end : ZSTD_e_continue);
    }
    ZSTD_freeCCtx(z);
    free(blank);
    enum tp_tokrec_end end;
    struct rusage before, after;
    int fd = recording(1, 3, NULL);
    lseek(fd, 0, SEEK_END);
    cr_assert_eq(write(fd, packed, out.pos), (ssize_t)out.pos);
    getrusage(RUSAGE_SELF, &before);
    cr_expect_eq(count_events(fd, &end), 3);
    getrusage(RUSAGE_SELF, &after);
    cr_expect_eq(end, TP_TOKREC_DAMAGED);
#ifndef __SANITIZE_ADDRESS__ /* which keeps what was freed */
    cr_expect_lt(after.ru_maxrss - before.ru_maxrss, 160 * 1024);
#endif
}

Test(unpack, refuses_hostile_events_before_unpacking)
{
    static const struct {
        const char *bytes;
        size_t n;
        int expected;
    } cases[] = {
        {"\xdf\xff\xff\xff\xff", 5, -EBADMSG}, /* map of 4 G entries */
        {"\xdd\x7f\xff\xff\xff", 5, -EBADMSG}, /* array of 2 G */
        {"\xdb\xff\xff\xff\xff", 5, -EBADMSG}, /* string of 4 GiB */
        {"\xc1", 1, -EBADMSG},                 /* never used */
        {"\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\xc0", 18, -EBADMSG},
        {"\x81\xa1", 2, 0}, /* not all there */
        {"\x81\xa1v\x01", 4, 1},
        {"\x80", 1, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tp_unpack_scan scan = {0};
        cr_expect_eq(tp_unpack_scan(&scan, (const uint8_t *)cases[i].bytes, cases[i].n),
                     cases[i].expected, "%zu", i);
    }
}
