/* SPDX-License-Identifier: MIT */
#include "common/hash.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct tp_hash_key key_of(uint8_t fill)
{
    uint8_t bytes[TP_HASH_KEY_BYTES];
    struct tp_hash_key key;
    memset(bytes, fill, sizeof(bytes));
    tp_hash_key_from(&key, bytes);
    return key;
}

Test(hash, is_the_same_however_the_content_arrives)
{
    struct tp_hash_key key = key_of(1);
    struct tp_hasher h;
    tp_hasher_init(&h, &key);
    tp_hasher_add(&h, "hello ", 6);
    tp_hasher_add(&h, "world", 5);
    struct tp_hash pieces = tp_hasher_end(&h);
    struct tp_hash whole = tp_hash_of(&key, "hello world", 11);
    cr_assert(tp_hash_equal(&pieces, &whole));
}

Test(hash, differs_under_another_key)
{
    struct tp_hash_key one = key_of(1), two = key_of(2);
    struct tp_hash a = tp_hash_of(&one, "x", 1), b = tp_hash_of(&two, "x", 1);
    cr_assert_not(tp_hash_equal(&a, &b));
    cr_assert_str_neq(one.id, two.id);
}

/* RFC 7693's parameter block: 16 bytes of output under a 32-byte key; value from Python's
 * hashlib.blake2b. */
Test(hash, is_keyed_blake2b)
{
    struct tp_hash_key key = key_of(7);
    struct tp_hash h = tp_hash_of(&key, "tokprof", 7);
    char hex[2 * TP_HASH_BYTES + 1];
    tp_hash_hex(&h, hex);
    cr_assert_str_eq(hex, "9c0ec8050d5ed76c6f8905aae48ec238");
}

static void in_directory(char dir[PATH_MAX], char path[PATH_MAX])
{
    snprintf(dir, PATH_MAX, "/tmp/tokprof-key-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, PATH_MAX, "%.100s/a/b/key", dir);
}

static void clean(const char *dir)
{
    char path[PATH_MAX];
    for (const char *const *s = (const char *const[]){"/a/b/key", "/a/b", "/a", "", NULL}; *s;
         s++) {
        snprintf(path, sizeof(path), "%.100s%s", dir, *s);
        remove(path);
    }
}

Test(hash, makes_a_key_file_once_and_reads_it_back)
{
    char dir[PATH_MAX], path[PATH_MAX];
    struct tp_hash_key first, second;
    struct stat st;
    in_directory(dir, path);
    cr_assert_eq(tp_hash_key_load(&first, path), 0);
    cr_assert_eq(tp_hash_key_load(&second, path), 0);
    cr_assert_eq(memcmp(first.key, second.key, sizeof(first.key)), 0);
    cr_assert_eq(stat(path, &st), 0);
    cr_assert_eq(st.st_mode & 07777, 0600);
    clean(dir);
}

Test(hash, refuses_a_key_that_others_can_read_and_one_that_is_no_key)
{
    char dir[PATH_MAX], path[PATH_MAX];
    struct tp_hash_key key;
    in_directory(dir, path);
    cr_assert_eq(tp_hash_key_load(&key, path), 0);
    chmod(path, 0644);
    cr_assert_eq(tp_hash_key_load(&key, path), -EPERM);
    chmod(path, 0600);
    cr_assert_eq(truncate(path, 5), 0);
    cr_assert_eq(tp_hash_key_load(&key, path), -EBADMSG);
    clean(dir);
}
