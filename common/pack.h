/* SPDX-License-Identifier: MIT
 * Writes one event as a MessagePack map (msgpack-c underneath). Containers count their own entries,
 * so that keys with unknown values can simply be left out.
 */
#ifndef TP_PACK_H
#define TP_PACK_H

#include <msgpack.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/hash.h"

#define TP_PACK_DEPTH_MAX 8

struct tp_pack {
    msgpack_sbuffer buf; /* .data and .size hold the bytes written so far */
    msgpack_packer pk;
    struct {
        size_t at; /* offset of the container's 5-byte head */
        uint32_t entries;
    } open[TP_PACK_DEPTH_MAX];
    int depth;
};

/* Allocates when the first byte is written. */
void tp_pack_init(struct tp_pack *p);
/* Frees; init again before use. */
void tp_pack_done(struct tp_pack *p);
/* Empties it for the next event; keeps the storage. */
void tp_pack_clear(struct tp_pack *p);

/* A map or array begins: at the top, as the value of the last tp_pack_key(), or as an array's next
 * item. */
void tp_pack_map_begin(struct tp_pack *p);
void tp_pack_array_begin(struct tp_pack *p);
/* Closes the innermost container and fills in how many entries it got. */
void tp_pack_end(struct tp_pack *p);

/* The next entry's key; its value must follow. */
void tp_pack_key(struct tp_pack *p, const char *key);

/* Values: of the last key, or an array's next item. */
void tp_pack_str(struct tp_pack *p, const char *s, size_t n);
void tp_pack_bin(struct tp_pack *p, const void *data, size_t n);
void tp_pack_u64(struct tp_pack *p, uint64_t value);
void tp_pack_bool(struct tp_pack *p, bool value);

/* Key and value in one; a NULL or empty string, and a negative ("unknown") number, write nothing.
 */
void tp_pack_kv_str(struct tp_pack *p, const char *key, const char *value);
void tp_pack_kv_u64(struct tp_pack *p, const char *key, uint64_t value);
void tp_pack_kv_known(struct tp_pack *p, const char *key, int64_t value);
void tp_pack_kv_bool(struct tp_pack *p, const char *key, bool value);
void tp_pack_kv_hash(struct tp_pack *p, const char *key, const struct tp_hash *value);

#endif
