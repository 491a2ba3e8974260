/* SPDX-License-Identifier: MIT
 * Reading MessagePack that nobody vouches for: finds where an event ends and refuses hostile ones
 * before anything is allocated for them; and typed access to the unpacked maps. Format:
 * github.com/msgpack/msgpack/blob/master/spec.md
 */
#ifndef TP_UNPACK_H
#define TP_UNPACK_H

#include <msgpack.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/hash.h"

/* Ceilings of one event: nesting, objects in it (an unpacked object takes 24 bytes), bytes. */
#define TP_UNPACK_DEPTH_MAX 16
#define TP_UNPACK_OBJECTS_MAX (4u << 20)
#define TP_UNPACK_EVENT_BYTES_MAX ((size_t)32 << 20)

/* Progress over one event whose bytes may still be arriving. Zeroed before each event. */
struct tp_unpack_scan {
    size_t at;        /* bytes passed so far */
    uint64_t objects; /* passed so far */
    int depth;        /* containers open */
    uint64_t left[TP_UNPACK_DEPTH_MAX];
};

/* Goes on over data[0..n), the event's bytes from its first. 1 when scan->at is the event's length,
 * 0 when more bytes are needed, -EBADMSG when it is no MessagePack or past a ceiling. */
int tp_unpack_scan(struct tp_unpack_scan *scan, const uint8_t *data, size_t n);

/* The value of a key in a map; NULL where absent, or where `map` is NULL or no map. */
const msgpack_object *tp_unpack_get(const msgpack_object *map, const char *key);

/* Typed values. False, with *ret untouched, where the object is NULL or of another type. */
bool tp_unpack_u64(const msgpack_object *o, uint64_t *ret);
bool tp_unpack_bool(const msgpack_object *o, bool *ret);
bool tp_unpack_hash(const msgpack_object *o, struct tp_hash *ret);

/* True where the object is this very string. */
bool tp_unpack_is(const msgpack_object *o, const char *s);

#endif
