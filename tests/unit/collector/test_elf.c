/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collector/elf.h"
#include "collector/elf_hash.h"

/* Something to be found in this very program: in .symtab, for it is not exported. */
int tp_test_marker(int n);
int tp_test_marker(int n)
{
    return n * 3;
}

static struct tp_elf *open_self(int *ret_fd)
{
    struct tp_elf *elf = NULL;
    *ret_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    cr_assert_eq(tp_elf_open(&elf, *ret_fd, "self"), 0);
    return elf;
}

Test(elf, gives_the_file_offset_of_a_function)
{
    int fd;
    uint64_t offset = 0;
    uint8_t there[8];
    struct tp_elf *elf = open_self(&fd);
    const struct tp_elf_view *view = tp_elf_view(elf);
    cr_assert_eq(view->symbol(view->host, "tp_test_marker", &offset), 0);
    cr_assert_eq(pread(fd, there, sizeof(there), (off_t)offset), sizeof(there));
    cr_expect_eq(memcmp(there, (const void *)(uintptr_t)tp_test_marker, sizeof(there)), 0);
    tp_elf_close(elf);
    close(fd);
}

Test(elf, knows_nothing_of_functions_that_are_only_used)
{
    int fd;
    uint64_t offset = 42;
    struct tp_elf *elf = open_self(&fd);
    const struct tp_elf_view *view = tp_elf_view(elf);
    cr_expect_eq(view->symbol(view->host, "pread", &offset), -ENOENT);
    cr_expect_eq(view->symbol(view->host, "", &offset), -ENOENT);
    cr_expect_eq(offset, 42);
    tp_elf_close(elf);
    close(fd);
}

static void see_libc(void *cx, enum tp_elf_dynamic what, const char *text)
{
    if (what == TP_ELF_NEEDED && strncmp(text, "libc.so", 7) == 0)
        *(int *)cx = 1;
}

Test(elf, names_the_libraries_that_a_program_needs)
{
    int fd, seen = 0;
    struct tp_elf *elf = open_self(&fd);
    tp_elf_dynamic(elf, see_libc, &seen);
    cr_expect_eq(seen, 1);
    tp_elf_close(elf);
    close(fd);
}

/* Asks everything; what matters is that it comes back. */
static void exercise(const uint8_t *data, size_t n)
{
    int fd = memfd_create("elf", MFD_CLOEXEC), seen = 0;
    char id[TP_BUILD_ID_HEX_MAX];
    struct tp_elf *elf;
    uint64_t offset;

    cr_assert_eq(write(fd, data, n), (ssize_t)n);
    if (tp_elf_open(&elf, fd, "x") == 0) {
        const struct tp_elf_view *view = tp_elf_view(elf);
        view->symbol(view->host, "SSL_read", &offset);
        tp_elf_build_id(elf, id);
        tp_elf_dynamic(elf, see_libc, &seen);
        tp_elf_close(elf);
    }
    close(fd);
}

Test(elf, survives_a_file_cut_anywhere_and_any_flipped_header_byte)
{
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    size_t size = (size_t)lseek(fd, 0, SEEK_END);
    uint8_t *data = malloc(size);
    cr_assert_eq(pread(fd, data, size, 0), (ssize_t)size);
    for (size_t n = 0; n < size; n += size / 23 + 1)
        exercise(data, n);
    for (size_t at = 0; at < 64; at++) {
        data[at] ^= 0xff;
        exercise(data, size);
        data[at] ^= 0xff;
    }
    free(data);
    close(fd);
}

static const struct tp_elf_view *open_library(int *ret_fd, struct tp_elf **ret_elf)
{
    Dl_info info;
    cr_assert_neq(dladdr((void *)(uintptr_t)getaddrinfo, &info), 0);
    *ret_fd = open(info.dli_fname, O_RDONLY | O_CLOEXEC);
    cr_assert_eq(tp_elf_open(ret_elf, *ret_fd, "libc"), 0);
    return tp_elf_view(*ret_elf);
}

Test(elf, finds_what_a_library_exports_where_the_loader_does)
{
    int fd;
    Dl_info info;
    uint64_t offset = 0;
    uint8_t there[8];
    struct tp_elf *elf;
    const struct tp_elf_view *view = open_library(&fd, &elf);
    cr_assert_neq(dladdr((void *)(uintptr_t)getaddrinfo, &info), 0);
    cr_assert_eq(view->symbol(view->host, "getaddrinfo", &offset), 0);
    cr_assert_eq(pread(fd, there, sizeof(there), (off_t)offset), sizeof(there));
    cr_expect_eq(memcmp(there, info.dli_saddr, sizeof(there)), 0);
    cr_expect_eq(view->symbol(view->host, "getaddrinf", &offset), -ENOENT);
    cr_expect_eq(view->symbol(view->host, "", &offset), -ENOENT);
    tp_elf_close(elf);
    close(fd);
}

/* Words of a table with one bucket: header, one word of filter that lets all through, the bucket,
 * then hashes. */
static int find_in(const uint32_t *words, size_t n, const char *name)
{
    Elf64_Sym symbol;
    int fd = memfd_create("hash", MFD_CLOEXEC);
    cr_assert_eq(write(fd, words, n * 4), (ssize_t)(n * 4));
    const struct tp_elf_hash hash = {
        .fd = fd, .table = {0, n * 4}, .symbols = {0, n * 4}, .strings = {0, n * 4}};
    int err = tp_elf_hash_find(&hash, name, &symbol);
    close(fd);
    return err;
}

Test(elf, trusts_no_number_of_a_hash_table)
{
    const uint32_t all = UINT32_MAX;
    const uint32_t no_buckets[] = {0, 1, 1, 6, all, all, 1, 0};
    const uint32_t no_filter[] = {1, 1, 0, 6, all, all, 1, 0};
    const uint32_t huge[] = {all, 1, all, 6, all, all, 1, 0};
    const uint32_t odd_shift[] = {1, 1, 1, 99, all, all, 1, 0};
    const uint32_t below_first[] = {1, 9, 1, 6, all, all, 1, 0};
    const uint32_t far_away[] = {1, 1, 1, 6, all, all, all, 0};
    const uint32_t endless[] = {1, 1, 1, 6, all, all, 1, 0, 0, 0, 0, 0};
    const uint32_t ends[] = {1, 1, 1, 6, all, all, 1, 1};
    const uint32_t empty[] = {1, 1, 1, 6, all, all, 0, 1};
    cr_expect_eq(find_in(no_buckets, 8, "x"), -EINVAL);
    cr_expect_eq(find_in(no_filter, 8, "x"), -EINVAL);
    cr_expect_eq(find_in(huge, 8, "x"), -EINVAL);
    cr_expect_eq(find_in(odd_shift, 8, "x"), -EINVAL);
    cr_expect_eq(find_in(below_first, 8, "x"), -EINVAL);
    cr_expect_eq(find_in(far_away, 8, "x"), -EINVAL);
    cr_expect_eq(find_in(endless, 12, "x"), -EINVAL);
    cr_expect_eq(find_in(huge, 3, "x"), -EINVAL);
    cr_expect_eq(find_in(ends, 8, "x"), -ENOENT);
    cr_expect_eq(find_in(empty, 8, "x"), -ENOENT);
}

Test(elf, refuses_what_is_no_elf)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct tp_elf *elf = NULL;
    cr_expect_eq(tp_elf_open(&elf, fd, "null"), -ENOEXEC);
    cr_expect_null(elf);
    close(fd);
}
