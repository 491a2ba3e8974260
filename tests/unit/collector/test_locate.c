/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collector/locate.h"
#include "collector/sites.h"
#include "collector/unlinked.h"
#include "collector/x86.h"

/* ---- instructions ---- */

static struct tp_elf_instruction decode(const char *bytes, size_t n)
{
    struct tp_elf_instruction insn = {0};
    int err = tp_x86_decode((const uint8_t *)bytes, n, 0x1000, &insn);
    cr_expect_eq(err, 0, "%02x %02x: %d", (uint8_t)bytes[0], (uint8_t)bytes[1], err);
    return insn;
}
#define DECODE(text) decode(text, sizeof(text) - 1)

Test(x86, knows_how_long_instructions_are)
{
    cr_expect_eq(DECODE("\x55").length, 1);                             /* push rbp */
    cr_expect_eq(DECODE("\x48\x89\xe5").length, 3);                     /* mov rbp,rsp */
    cr_expect_eq(DECODE("\xf3\x0f\x1e\xfa").length, 4);                 /* endbr64 */
    cr_expect_eq(DECODE("\x48\x83\xbf\x98\x00\x00\x00\x00").length, 8); /* cmp [rdi+..],0 */
    cr_expect_eq(DECODE("\xc7\x80\xc4\x00\x00\x00\x00\x00\x00\x00").length,
                 10);                                                       /* mov [rax+..],0 */
    cr_expect_eq(DECODE("\x64\x48\x8b\x04\x25\x28\x00\x00\x00").length, 9); /* mov rax,fs:[40] */
    cr_expect_eq(DECODE("\x66\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00").length, 10); /* nop */
    cr_expect_eq(DECODE("\x49\xb8\x01\x02\x03\x04\x05\x06\x07\x08").length, 10); /* movabs */
    cr_expect_eq(DECODE("\xf6\x45\x08\x01").length, 4);                          /* test byte,1 */
    cr_expect_eq(DECODE("\xf7\xd8").length, 2);                                  /* neg eax */
    cr_expect_eq(DECODE("\x66\xc7\x00\x34\x12").length, 5);                      /* mov word */
    cr_expect_eq(DECODE("\xc5\xf8\x77").length, 3);                              /* vzeroupper */
    cr_expect_eq(DECODE("\xc4\xe3\x7d\x39\xc1\x01").length, 6);                  /* vextracti128 */
    cr_expect_eq(DECODE("\x62\xf1\xfd\x48\x6f\x07").length, 6);         /* vmovdqa64 zmm0,[rdi] */
    cr_expect_eq(DECODE("\x66\x0f\x3a\x0f\xc1\x08").length, 6);         /* palignr */
    cr_expect_eq(DECODE("\x48\x8d\x84\xd8\x00\x01\x00\x00").length, 8); /* lea with SIB */
}

Test(x86, follows_jumps_and_constants)
{
    struct tp_elf_instruction insn = DECODE("\xe8\xfb\x0f\x00\x00");
    cr_expect_eq(insn.kind, TP_INSN_CALL);
    cr_expect_eq(insn.value, 0x2000);
    insn = DECODE("\xeb\xfe");
    cr_expect_eq(insn.kind, TP_INSN_JUMP);
    cr_expect_eq(insn.value, 0x1000);
    insn = DECODE("\x0f\x84\x00\x00\x00\x00");
    cr_expect_eq(insn.kind, TP_INSN_BRANCH);
    cr_expect_eq(DECODE("\xc3").kind, TP_INSN_RETURN);
    cr_expect_eq(DECODE("\xff\x50\x48").kind, TP_INSN_CALL);
    cr_expect_eq(DECODE("\xcc").kind, TP_INSN_TRAP);
    insn = DECODE("\x41\xb8\x6f\x00\x00\x00");
    cr_expect_eq(insn.kind, TP_INSN_CONSTANT);
    cr_expect_eq(insn.reg, 8);
    cr_expect_eq(insn.value, 0x6f);
    insn = DECODE("\x31\xf6");
    cr_expect_eq(insn.kind, TP_INSN_CONSTANT);
    cr_expect_eq(insn.reg, 6);
    cr_expect_eq(insn.value, 0);
    insn = DECODE("\x48\x8d\x15\xf9\xff\xff\xff");
    cr_expect_eq(insn.kind, TP_INSN_ADDRESS);
    cr_expect_eq(insn.reg, 2);
    cr_expect_eq(insn.value, 0x1000);
}

Test(x86, refuses_what_is_no_instruction_and_what_is_cut_off)
{
    struct tp_elf_instruction insn;
    cr_expect_eq(tp_x86_decode((const uint8_t *)"\x06", 1, 0, &insn), -EILSEQ);
    cr_expect_eq(tp_x86_decode((const uint8_t *)"\x48\x8b", 2, 0, &insn), -ENODATA);
    cr_expect_eq(tp_x86_decode((const uint8_t *)"", 0, 0, &insn), -ENODATA);
    uint8_t prefixes[TP_X86_BYTES_MAX + 1];
    memset(prefixes, 0x66, sizeof(prefixes));
    cr_expect_eq(tp_x86_decode(prefixes, sizeof(prefixes), 0, &insn), -EILSEQ);
}

/* ---- looking into programs ---- */

static void look(const char *sample, struct tp_location *ret)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s_stripped", TP_SAMPLES, sample);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0, "%s", path);
    cr_assert_eq(tp_locate(NULL, fd, path, ret), 0);
    close(fd);
}

/* Where the twin that has its symbols says that it is; stripping moves nothing. */
static uint64_t true_place(const char *sample, const char *symbol)
{
    char path[512];
    struct tp_elf *elf = NULL;
    uint64_t offset = 0;
    snprintf(path, sizeof(path), "%s/%s", TP_SAMPLES, sample);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert_eq(tp_elf_open(&elf, fd, path), 0);
    const struct tp_elf_view *view = tp_elf_view(elf);
    cr_assert_eq(view->symbol(view->host, symbol, &offset), 0);
    tp_elf_close(elf);
    close(fd);
    return offset;
}

static const struct tp_tls_site *site_at(const struct tp_location *l, uint64_t offset)
{
    for (uint32_t i = 0; i < l->found_count; i++)
        for (uint32_t k = 0; k < l->found[i].at.count; k++)
            if (l->found[i].at.sites[k].file_offset == offset)
                return &l->found[i].at.sites[k];
    return NULL;
}

static void expect_site(const char *sample, const struct tp_location *l, const char *symbol,
                        int kind)
{
    const struct tp_tls_site *site = site_at(l, true_place(sample, symbol));
    cr_assert_not_null(site, "%s of %s was not found: %s", symbol, sample, l->found[0].at.reason);
    cr_expect_eq(site->kind, kind);
}

static struct tp_location found;

Test(locate, finds_boringssl_by_the_errors_of_its_calls)
{
    static const char *const samples[] = {"sample_boringssl", "sample_boringssl_pie"};
    for (size_t i = 0; i < 2; i++) {
        look(samples[i], &found);
        cr_assert_eq(found.found_count, 1);
        cr_expect_str_eq(tp_stack_name((uint16_t)found.found[0].stack), "boringssl");
        cr_expect_eq(found.found[0].at.count, 2);
        expect_site(samples[i], &found, "sample_read", TP_TLS_READ);
        expect_site(samples[i], &found, "sample_write", TP_TLS_WRITE);
    }
}

Test(locate, refuses_two_functions_that_look_alike_and_says_so)
{
    look("sample_boringssl_twice", &found);
    cr_assert_eq(found.found_count, 1);
    cr_expect_eq(found.found[0].at.count, 0);
    cr_expect_neq(found.found[0].at.reason[0], 0);
}

Test(locate, finds_the_cipher_functions_of_aws_lc)
{
    look("sample_aead", &found);
    cr_assert_eq(found.found_count, 1);
    cr_expect_str_eq(tp_stack_name((uint16_t)found.found[0].stack), "rustls");
    expect_site("sample_aead", &found, "sample_seal", TP_TLS_SEAL);
    expect_site("sample_aead", &found, "sample_seal_scatter", TP_TLS_SEAL);
    expect_site("sample_aead", &found, "sample_open", TP_TLS_OPEN);
    expect_site("sample_aead", &found, "sample_open_gather", TP_TLS_OPEN);
}

Test(locate, finds_openssl_by_names_and_where_its_count_stands)
{
    look("sample_openssl", &found);
    expect_site("sample_openssl", &found, "sample_read", TP_TLS_READ);
    expect_site("sample_openssl", &found, "sample_write", TP_TLS_WRITE);
    cr_expect_eq(site_at(&found, true_place("sample_openssl", "sample_write"))->count.base,
                 TP_BASE_ARG5);
    look("sample_openssl_old", &found);
    cr_expect_eq(site_at(&found, true_place("sample_openssl_old", "sample_write"))->count.base,
                 TP_BASE_ARG4);
}

Test(locate, finds_nothing_in_a_program_that_only_speaks_of_it)
{
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    cr_assert_eq(tp_locate(NULL, fd, "self", &found), 0);
    for (uint32_t i = 0; i < found.found_count; i++)
        cr_expect_eq(found.found[i].at.count, 0);
    close(fd);
}

/* What comes out of any file must be fit for the kernel. */
static void look_at_bytes(const uint8_t *data, size_t n)
{
    int fd = memfd_create("sample", MFD_CLOEXEC);
    cr_assert_eq(write(fd, data, n), (ssize_t)n);
    if (tp_locate(NULL, fd, "x", &found) == 0)
        cr_expect(tp_location_sound(&found, n));
    close(fd);
}

Test(locate, survives_files_cut_anywhere_and_flipped_bytes)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/sample_boringssl_stripped", TP_SAMPLES);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t size = (size_t)lseek(fd, 0, SEEK_END);
    uint8_t *data = malloc(size);
    cr_assert_eq(pread(fd, data, size, 0), (ssize_t)size);
    for (size_t n = 0; n < size; n += size / 41 + 1)
        look_at_bytes(data, n);
    for (size_t at = 0; at < size; at += size / 997 + 1) {
        data[at] ^= 0xff;
        look_at_bytes(data, size);
        data[at] ^= 0xff;
    }
    free(data);
    close(fd);
}

/* ---- what the kernel is told ---- */

Test(sites, registers_become_places_in_the_kernels_record_of_them)
{
    struct tp_site_row row;
    const struct tp_tls_site site = {.kind = TP_TLS_SEAL,
                                     .result = TP_TLS_ALL,
                                     .conn = TP_ARGUMENT(1),
                                     .data = TP_ON_STACK(8),
                                     .length = TP_IN_REGISTER(0)};
    cr_assert_eq(tp_site_row_make(&row, &site, 7), 0);
    cr_expect_eq(row.kind, TP_SITE_SEAL);
    cr_expect_eq(row.stack, 7);
    cr_expect_eq(row.value[TP_VALUE_AD].reg, TP_NO_REGISTER);
    cr_expect_eq(row.value[TP_VALUE_DATA].loads, 1);
    cr_expect_eq(row.value[TP_VALUE_DATA].offset[0], 8);
#if defined(__x86_64__)
    cr_expect_eq(row.value[TP_VALUE_CONN].reg, 14 * 8);
    cr_expect_eq(row.value[TP_VALUE_LENGTH].reg, 10 * 8);
    cr_expect_eq(row.value[TP_VALUE_DATA].reg, 19 * 8);
#endif
}

Test(sites, unknown_values_are_refused)
{
    struct tp_site_row row;
    struct tp_tls_site site = {.kind = TP_TLS_WRITE, .conn = {.base = 20}};
    cr_expect_eq(tp_site_row_make(&row, &site, 0), -EINVAL);
    site.conn = (struct tp_tls_value)TP_IN_REGISTER(40);
    cr_expect_eq(tp_site_row_make(&row, &site, 0), -EOPNOTSUPP);
    site.conn = (struct tp_tls_value){.base = TP_BASE_ARG1, .loads = 3};
    cr_expect_eq(tp_site_row_make(&row, &site, 0), -EINVAL);
}

/* ---- contexts and their sockets ---- */

struct heard {
    char text[64];
    uint64_t conn[8], offset[8];
    size_t count;
};

static void hear(void *cx, const struct tp_data_record *r, const uint8_t *payload, const char *tls)
{
    struct heard *h = cx;
    (void)tls;
    h->conn[h->count] = r->conn;
    h->offset[h->count++] = r->offset;
    strncat(h->text, (const char *)payload, r->length);
}

static void say(struct tp_unlinked *u, uint64_t conn, uint64_t offset, const char *text,
                bool linked)
{
    const struct tp_data_record r = {.head = {.pid = 5},
                                     .conn = conn,
                                     .generation = 1,
                                     .offset = offset,
                                     .length = (uint32_t)strlen(text),
                                     .unlinked = !linked};
    tp_unlinked_data(u, &r, (const uint8_t *)text, "rustls");
}

Test(unlinked, bytes_wait_for_their_socket_and_take_its_name)
{
    struct heard h = {0};
    struct tp_unlinked *u = tp_unlinked_new(hear, &h);
    const struct tp_link_record link = {
        .head = {.pid = 5}, .from = 77, .from_generation = 1, .conn = 99, .offset = 100};
    say(u, 77, 0, "ab", false);
    say(u, 77, 2, "cd", false);
    cr_expect_eq(h.count, 0);
    say(u, 88, 0, "-", true);
    tp_unlinked_link(u, &link);
    cr_expect_str_eq(h.text, "-abcd");
    cr_expect_eq(h.conn[0], 88);
    cr_expect_eq(h.conn[1], 99);
    cr_expect_eq(h.offset[1], 100);
    cr_expect_eq(h.offset[2], 102);
    tp_unlinked_link(u, &link);
    cr_expect_eq(h.count, 3);
    tp_unlinked_free(u);
}

Test(unlinked, what_finds_no_socket_goes_on_under_its_own_name)
{
    struct heard h = {0};
    struct tp_unlinked *u = tp_unlinked_new(hear, &h);
    say(u, 77, 0, "ab", false);
    say(u, 78, 0, "xy", false);
    tp_unlinked_release(u, 5, 77);
    cr_expect_str_eq(h.text, "ab");
    cr_expect_eq(h.conn[0], 77);
    tp_unlinked_release(u, 6, 0);
    cr_expect_eq(h.count, 1);
    tp_unlinked_release(u, 0, 0);
    cr_expect_eq(h.count, 2);
    tp_unlinked_free(u);
}
