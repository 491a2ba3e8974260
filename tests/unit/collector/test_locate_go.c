/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collector/elf.h"
#include "collector/locate.h"

static const char *const layouts[] = {"12", "116", "118"};
#define LAYOUTS (sizeof(layouts) / sizeof(layouts[0]))
#define PROGRAM_BYTES_MAX 65536

static struct tp_location found;

/* The bytes of a sample; how many. */
static size_t program(const char *layout, const char *ending, uint8_t *ret)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/sample_go_%s%s", TP_SAMPLES, layout, ending);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0, "%s", path);
    ssize_t n = read(fd, ret, PROGRAM_BYTES_MAX);
    cr_assert(n > 0 && n < PROGRAM_BYTES_MAX);
    close(fd);
    return (size_t)n;
}

static void look(const uint8_t *bytes, size_t n)
{
    int fd = memfd_create("program", MFD_CLOEXEC);
    cr_assert_eq(write(fd, bytes, n), (ssize_t)n);
    cr_assert_eq(tp_locate(NULL, fd, "program", &found), 0);
    close(fd);
}

/* Where the twin with symbols says that it is. */
static uint64_t true_place(const char *layout, const char *symbol)
{
    char path[512];
    struct tp_elf *elf = NULL;
    uint64_t offset = 0;
    snprintf(path, sizeof(path), "%s/sample_go_%s", TP_SAMPLES, layout);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert_eq(tp_elf_open(&elf, fd, path), 0);
    const struct tp_elf_view *view = tp_elf_view(elf);
    cr_assert_eq(view->symbol(view->host, symbol, &offset), 0, "%s", symbol);
    tp_elf_close(elf);
    close(fd);
    return offset;
}

static uint8_t *at(uint8_t *bytes, size_t n, const void *what, size_t length)
{
    uint8_t *hit = memmem(bytes, n, what, length);
    cr_assert_not_null(hit);
    return hit;
}

static void expect_found(const char *layout)
{
    cr_assert_eq(found.found_count, 1, "layout %s", layout);
    const struct tp_tls_location *l = &found.found[0].at;
    cr_expect_str_eq(tp_stack_name((uint16_t)found.found[0].stack), "go");
    cr_assert_eq(l->count, 4, "layout %s: %s", layout, l->reason);
    cr_expect_eq(l->confidence, 100);
    cr_expect_eq(l->sites[0].kind, TP_TLS_WRITE);
    cr_expect_eq(l->sites[1].kind, TP_TLS_LEAVE);
    cr_expect_eq(l->sites[2].kind, TP_TLS_READ);
    cr_expect_eq(l->sites[3].kind, TP_TLS_LEAVE);
}

Test(locate_go, finds_functions_by_each_layout_of_the_table_of_functions)
{
    static uint8_t bytes[PROGRAM_BYTES_MAX];
    for (size_t i = 0; i < LAYOUTS; i++) {
        look(bytes, program(layouts[i], "_stripped", bytes));
        expect_found(layouts[i]);
        const struct tp_tls_site *sites = found.found[0].at.sites;
        cr_expect_eq(sites[0].file_offset, true_place(layouts[i], "go_write"));
        cr_expect_eq(sites[2].file_offset, true_place(layouts[i], "go_read"));
        cr_expect_eq(bytes[sites[1].file_offset], 0xc3); /* ret */
        cr_expect_eq(bytes[sites[3].file_offset], 0xc3);
    }
}

Test(locate_go, tells_by_how_functions_begin_where_their_arguments_are)
{
    static uint8_t bytes[PROGRAM_BYTES_MAX];
    look(bytes, program("116", "_stripped", bytes));
    const struct tp_tls_site *sites = found.found[0].at.sites;
    cr_expect_eq(sites[0].conn.base, TP_BASE_STACK);
    cr_expect_eq(sites[0].thread.base, TP_BASE_THREAD);
    cr_expect_eq(sites[0].thread.offset[0], -8);
    cr_expect_eq(sites[1].length.base, TP_BASE_STACK); /* the result */
    look(bytes, program("118", "_stripped", bytes));
    cr_expect_geq(sites[0].conn.base, TP_BASE_REGISTER);
    cr_expect_geq(sites[0].thread.base, TP_BASE_REGISTER);
    cr_expect_eq(sites[1].length.base, TP_BASE_NONE);
}

Test(locate_go, finds_the_table_where_all_sections_are_gone)
{
    static uint8_t bytes[PROGRAM_BYTES_MAX];
    for (size_t i = 0; i < LAYOUTS; i++) {
        size_t n = program(layouts[i], "_stripped", bytes);
        Elf64_Ehdr *head = (void *)bytes;
        head->e_shoff = 0;
        head->e_shnum = head->e_shstrndx = 0;
        look(bytes, n);
        expect_found(layouts[i]);
    }
}

Test(locate_go, finds_the_text_where_the_table_does_not_say_it_right)
{
    static uint8_t bytes[PROGRAM_BYTES_MAX];
    size_t n = program("118", "_stripped", bytes);
    memset(at(bytes, n, "\xf1\xff\xff\xff\0\0\1\x8", 8) + 24, 0, 8);
    look(bytes, n);
    expect_found("118");
    cr_expect_eq(found.found[0].at.sites[0].file_offset, true_place("118", "go_write"));
}

Test(locate_go, refuses_functions_that_begin_otherwise_and_says_so)
{
    static uint8_t bytes[PROGRAM_BYTES_MAX];
    for (size_t i = 0; i < LAYOUTS; i++) {
        size_t n = program(layouts[i], "_stripped", bytes);
        bytes[true_place(layouts[i], "go_read")] = 0x90;
        look(bytes, n);
        cr_assert_eq(found.found_count, 1);
        cr_expect_eq(found.found[0].at.count, 0);
        cr_expect_not_null(strstr(found.found[0].at.reason, "begin"));
    }
}

Test(locate_go, refuses_two_functions_of_one_name)
{
    static uint8_t bytes[PROGRAM_BYTES_MAX];
    for (size_t i = 0; i < LAYOUTS; i++) {
        size_t n = program(layouts[i], "_stripped", bytes);
        /* The description of Read gets the name of Write: the word after where it begins. */
        uint8_t *table = at(bytes, n, "\xff\xff\xff\0\0\1\x8", 7) - 1;
        uint8_t *names = at(bytes, n, "\0crypto/tls.(*Conn).Write", 26) + 1;
        uint32_t base = 0, write_name;
        if (i > 0) /* names are told from the first one */
            base = (uint32_t)(at(bytes, n, "main.crypto/tls", 15) - table);
        write_name = (uint32_t)(names - table) - base;
        uint32_t read_name =
            (uint32_t)(at(bytes, n, "\0crypto/tls.(*Conn).Read", 25) + 1 - table) - base;
        memcpy(at(table, n - (size_t)(table - bytes), &read_name, 4), &write_name, 4);
        look(bytes, n);
        cr_expect(found.found_count == 0 || found.found[0].at.count == 0, "layout %s", layouts[i]);
    }
}

/* Whatever stands in the table, what is found is fit for the kernel: nothing, or within the file.
 */
Test(locate_go, survives_any_byte_of_the_table_changed, .timeout = 120)
{
    static uint8_t bytes[PROGRAM_BYTES_MAX];
    for (size_t i = 0; i < LAYOUTS; i++) {
        size_t n = program(layouts[i], "_stripped", bytes);
        uint8_t *table = at(bytes, n, "\xff\xff\xff\0\0\1\x8", 7) - 1;
        for (size_t k = 0; k < 256 && table + k < bytes + n; k++) {
            for (int bit = 0; bit < 8; bit += 3) {
                table[k] ^= (uint8_t)(1 << bit);
                look(bytes, n);
                cr_assert(tp_location_sound(&found, n), "layout %s, byte %zu", layouts[i], k);
                table[k] ^= (uint8_t)(1 << bit);
            }
        }
    }
}

Test(locate_go, survives_a_table_cut_anywhere)
{
    static uint8_t bytes[PROGRAM_BYTES_MAX];
    for (size_t i = 0; i < LAYOUTS; i++) {
        size_t n = program(layouts[i], "_stripped", bytes);
        size_t table = (size_t)(at(bytes, n, "\xff\xff\xff\0\0\1\x8", 7) - 1 - bytes);
        for (size_t cut = table; cut < n && cut < table + 300; cut += 3) {
            look(bytes, cut);
            cr_assert(tp_location_sound(&found, cut), "layout %s, cut at %zu", layouts[i], cut);
        }
    }
}
