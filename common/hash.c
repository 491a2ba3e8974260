/* SPDX-License-Identifier: MIT */
#include "common/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void tp_hasher_init(struct tp_hasher *h, const struct tp_hash_key *key)
{
    crypto_generichash_blake2b_init(&h->state, key->key, sizeof(key->key), TP_HASH_BYTES);
}

void tp_hasher_add(struct tp_hasher *h, const void *data, size_t n)
{
    crypto_generichash_blake2b_update(&h->state, data, n);
}

struct tp_hash tp_hasher_end(struct tp_hasher *h)
{
    struct tp_hash out;
    crypto_generichash_blake2b_final(&h->state, out.b, sizeof(out.b));
    return out;
}

struct tp_hash tp_hash_of(const struct tp_hash_key *key, const void *data, size_t n)
{
    struct tp_hasher h;
    tp_hasher_init(&h, key);
    tp_hasher_add(&h, data, n);
    return tp_hasher_end(&h);
}

int tp_hash_equal(const struct tp_hash *a, const struct tp_hash *b)
{
    return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

void tp_hash_hex(const struct tp_hash *h, char out[2 * TP_HASH_BYTES + 1])
{
    sodium_bin2hex(out, 2 * TP_HASH_BYTES + 1, h->b, sizeof(h->b));
}

/* The id is the key's own hash of a fixed text: it tells keys apart and gives nothing of them
 * away. */
void tp_hash_key_from(struct tp_hash_key *ret_key, const uint8_t bytes[TP_HASH_KEY_BYTES])
{
    static const char label[] = "tokprof key id";
    memcpy(ret_key->key, bytes, TP_HASH_KEY_BYTES);
    struct tp_hash id = tp_hash_of(ret_key, label, sizeof(label));
    sodium_bin2hex(ret_key->id, sizeof(ret_key->id), id.b, 8);
}

/* A key that others can read protects nothing. One byte more is asked for, to see that the file
 * is no longer. */
static int read_key(struct tp_hash_key *ret_key, int fd)
{
    struct stat st;
    uint8_t bytes[TP_HASH_KEY_BYTES + 1];
    if (fstat(fd, &st))
        return -errno;
    if (st.st_mode & 077)
        return -EPERM;
    ssize_t n = read(fd, bytes, sizeof(bytes));
    if (n < 0)
        return -errno;
    if (n != TP_HASH_KEY_BYTES)
        return -EBADMSG;
    tp_hash_key_from(ret_key, bytes);
    sodium_memzero(bytes, sizeof(bytes));
    return 0;
}

/* 0700: the key's directory is nobody else's either. */
static int make_parents(const char *path)
{
    char dir[4096];
    if (strlen(path) >= sizeof(dir))
        return -ENAMETOOLONG;
    memcpy(dir, path, strlen(path) + 1);
    for (char *p = dir + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (mkdir(dir, 0700) && errno != EEXIST)
            return -errno;
        *p = '/';
    }
    return 0;
}

/* Written beside and linked into place, so that no reader ever sees half a key. */
static int make_key(const char *path)
{
    char tmp[4200];
    uint8_t bytes[TP_HASH_KEY_BYTES];
    int err = make_parents(path);
    if (err)
        return err;
    snprintf(tmp, sizeof(tmp), "%s.%ld", path, (long)getpid());
    int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    randombytes_buf(bytes, sizeof(bytes));
    err = write(fd, bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes) ? 0 : -EIO;
    sodium_memzero(bytes, sizeof(bytes));
    if (close(fd) && !err)
        err = -errno;
    if (!err && link(tmp, path) && errno != EEXIST)
        err = -errno;
    unlink(tmp);
    return err;
}

/* Two recorders may start at once on a fresh machine: whoever links first has made the key, and
 * both read that one. */
int tp_hash_key_load(struct tp_hash_key *ret_key, const char *path)
{
    if (sodium_init() < 0)
        return -ENOSYS;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        int err = make_key(path);
        if (err)
            return err;
        fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    if (fd < 0)
        return -errno;
    int err = read_key(ret_key, fd);
    close(fd);
    return err;
}

int tp_hash_key_path(char *ret_path, size_t size, const char *home)
{
    const char *file = getenv("TOKPROF_KEY_FILE");
    const char *config = getenv("XDG_CONFIG_HOME");
    int n;
    if (file && *file)
        n = snprintf(ret_path, size, "%s", file);
    else if (config && *config)
        n = snprintf(ret_path, size, "%s/tokprof/key", config);
    else
        n = snprintf(ret_path, size, "%s/.config/tokprof/key", home);
    return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}
