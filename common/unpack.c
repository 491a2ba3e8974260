/* SPDX-License-Identifier: MIT */
#include "common/unpack.h"

#include <errno.h>
#include <string.h>

/* What one head byte says: how many bytes of head and body to pass, or a container's entries. */
struct item {
    size_t head;      /* bytes up to the body */
    uint64_t body;    /* bytes of the body */
    uint64_t entries; /* objects that follow, for containers */
    bool container;
};

static uint64_t big_endian(const uint8_t *p, size_t n)
{
    uint64_t value = 0;
    for (size_t i = 0; i < n; i++)
        value = value << 8 | p[i];
    return value;
}

/* Heads 0xc0 to 0xdf: bytes of a length field, and of a body of fixed size. */
static const struct {
    uint8_t length_bytes, fixed;
    uint8_t per_entry; /* containers: objects per entry */
} heads[32] = {
    [0xc4 - 0xc0] = {.length_bytes = 1},
    [0xc5 - 0xc0] = {.length_bytes = 2},
    [0xc6 - 0xc0] = {.length_bytes = 4},
    [0xc7 - 0xc0] = {.length_bytes = 1, .fixed = 1},
    [0xc8 - 0xc0] = {.length_bytes = 2, .fixed = 1},
    [0xc9 - 0xc0] = {.length_bytes = 4, .fixed = 1},
    [0xca - 0xc0] = {.fixed = 4},
    [0xcb - 0xc0] = {.fixed = 8},
    [0xcc - 0xc0] = {.fixed = 1},
    [0xcd - 0xc0] = {.fixed = 2},
    [0xce - 0xc0] = {.fixed = 4},
    [0xcf - 0xc0] = {.fixed = 8},
    [0xd0 - 0xc0] = {.fixed = 1},
    [0xd1 - 0xc0] = {.fixed = 2},
    [0xd2 - 0xc0] = {.fixed = 4},
    [0xd3 - 0xc0] = {.fixed = 8},
    [0xd4 - 0xc0] = {.fixed = 2},
    [0xd5 - 0xc0] = {.fixed = 3},
    [0xd6 - 0xc0] = {.fixed = 5},
    [0xd7 - 0xc0] = {.fixed = 9},
    [0xd8 - 0xc0] = {.fixed = 17},
    [0xd9 - 0xc0] = {.length_bytes = 1},
    [0xda - 0xc0] = {.length_bytes = 2},
    [0xdb - 0xc0] = {.length_bytes = 4},
    [0xdc - 0xc0] = {.length_bytes = 2, .per_entry = 1},
    [0xdd - 0xc0] = {.length_bytes = 4, .per_entry = 1},
    [0xde - 0xc0] = {.length_bytes = 2, .per_entry = 2},
    [0xdf - 0xc0] = {.length_bytes = 4, .per_entry = 2},
};

/* 1, 0 (the head is not all there) or -EBADMSG. */
static int read_item(const uint8_t *p, size_t n, struct item *ret)
{
    *ret = (struct item){.head = 1};
    if (n == 0)
        return 0;
    uint8_t b = p[0];
    if (b < 0x80 || b >= 0xe0 || b == 0xc0 || b == 0xc2 || b == 0xc3)
        return 1;
    if (b == 0xc1)
        return -EBADMSG;
    if (b < 0xa0) {
        ret->container = true;
        ret->entries = (uint64_t)(b & 0x0f) * (b < 0x90 ? 2 : 1);
        return 1;
    }
    if (b < 0xc0) {
        ret->body = b & 0x1f;
        return 1;
    }
    size_t length_bytes = heads[b - 0xc0].length_bytes;
    if (n < 1 + length_bytes)
        return 0;
    uint64_t length = big_endian(p + 1, length_bytes);
    ret->head += length_bytes;
    ret->container = heads[b - 0xc0].per_entry > 0;
    if (ret->container)
        ret->entries = length * heads[b - 0xc0].per_entry;
    else
        ret->body = length + heads[b - 0xc0].fixed;
    return 1;
}

/* Counts one object as passed and closes the containers that it fills. True at the event's end. */
static bool object_passed(struct tp_unpack_scan *scan)
{
    while (scan->depth > 0 && --scan->left[scan->depth - 1] == 0)
        scan->depth--;
    return scan->depth == 0;
}

/* msgpack-c allocates what a length field promises before it looks for the bytes. This goes over
 * the heads alone, without memory of its own, and stops at the first promise that is beyond a
 * ceiling. */
int tp_unpack_scan(struct tp_unpack_scan *scan, const uint8_t *data, size_t n)
{
    for (;;) {
        struct item item;
        int r = read_item(data + scan->at, n - scan->at, &item);
        if (r <= 0)
            return r;
        size_t length = item.head + (size_t)item.body;
        if (item.body > TP_UNPACK_EVENT_BYTES_MAX || item.entries > TP_UNPACK_OBJECTS_MAX ||
            scan->at + length > TP_UNPACK_EVENT_BYTES_MAX)
            return -EBADMSG;
        if (n - scan->at < length)
            return 0;
        scan->at += length;
        if (++scan->objects + item.entries > TP_UNPACK_OBJECTS_MAX)
            return -EBADMSG;
        if (item.container && item.entries > 0) {
            if (scan->depth == TP_UNPACK_DEPTH_MAX)
                return -EBADMSG;
            scan->left[scan->depth++] = item.entries;
        } else if (object_passed(scan)) {
            return 1;
        }
    }
}

bool tp_unpack_is(const msgpack_object *o, const char *s)
{
    size_t n = strlen(s);
    return o && o->type == MSGPACK_OBJECT_STR && o->via.str.size == n &&
           memcmp(o->via.str.ptr, s, n) == 0;
}

/* Linear: an event has some 40 keys at most, and each is asked for once. */
const msgpack_object *tp_unpack_get(const msgpack_object *map, const char *key)
{
    if (!map || map->type != MSGPACK_OBJECT_MAP)
        return NULL;
    for (uint32_t i = 0; i < map->via.map.size; i++)
        if (tp_unpack_is(&map->via.map.ptr[i].key, key))
            return &map->via.map.ptr[i].val;
    return NULL;
}

bool tp_unpack_u64(const msgpack_object *o, uint64_t *ret)
{
    if (!o || o->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
        return false;
    *ret = o->via.u64;
    return true;
}

bool tp_unpack_bool(const msgpack_object *o, bool *ret)
{
    if (!o || o->type != MSGPACK_OBJECT_BOOLEAN)
        return false;
    *ret = o->via.boolean;
    return true;
}

bool tp_unpack_hash(const msgpack_object *o, struct tp_hash *ret)
{
    if (!o || o->type != MSGPACK_OBJECT_BIN || o->via.bin.size != TP_HASH_BYTES)
        return false;
    memcpy(ret->b, o->via.bin.ptr, TP_HASH_BYTES);
    return true;
}
