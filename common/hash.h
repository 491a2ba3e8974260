/* SPDX-License-Identifier: MIT
 * Keyed hashes of content: BLAKE2b, 128 bits, under the installation's key (RFC 7693; libsodium).
 * Without the key, a dictionary does not open a recording.
 */
#ifndef TP_HASH_H
#define TP_HASH_H

#include <sodium.h>
#include <stddef.h>
#include <stdint.h>

#define TP_HASH_BYTES 16
#define TP_HASH_KEY_BYTES 32

/* Compared byte by byte; printed as 32 hex digits. */
struct tp_hash {
    uint8_t b[TP_HASH_BYTES];
};

/* Secret: never printed, never in an event. The id may be. */
struct tp_hash_key {
    uint8_t key[TP_HASH_KEY_BYTES];
    char id[17]; /* 16 hex digits derived from the key: names it, does not reveal it */
};

/* An open hash; copyable, owns nothing. */
struct tp_hasher {
    crypto_generichash_blake2b_state state;
};

/* Content in pieces: init, add any number of times, end once. The result does not depend on how
 * the content was cut. */
void tp_hasher_init(struct tp_hasher *h, const struct tp_hash_key *key);
void tp_hasher_add(struct tp_hasher *h, const void *data, size_t n);
struct tp_hash tp_hasher_end(struct tp_hasher *h);

/* Hash of one piece. */
struct tp_hash tp_hash_of(const struct tp_hash_key *key, const void *data, size_t n);

/* 1 if equal. Not in constant time: hashes are no secrets, the key is. */
int tp_hash_equal(const struct tp_hash *a, const struct tp_hash *b);

/* Writes 32 lower-case hex digits and a NUL. */
void tp_hash_hex(const struct tp_hash *h, char out[2 * TP_HASH_BYTES + 1]);

/* A key from given bytes (tests, or a key file's content). */
void tp_hash_key_from(struct tp_hash_key *ret_key, const uint8_t bytes[TP_HASH_KEY_BYTES]);

/* Reads the key file at path, or makes it (mode 0600, directories 0700) with fresh random bytes.
 * 0 or negative errno; -EBADMSG when the file is not a key; -EPERM when others may read it. */
int tp_hash_key_load(struct tp_hash_key *ret_key, const char *path);

/* Where the installation's key lives for this user: $TOKPROF_KEY_FILE, else
 * $XDG_CONFIG_HOME/tokprof/key, else HOME/.config/tokprof/key. `home` is the user's home directory.
 * 0 or -ENAMETOOLONG. */
int tp_hash_key_path(char *ret_path, size_t size, const char *home);

#endif
