/* SPDX-License-Identifier: MIT */
#include "common/pack.h"

#include <assert.h>
#include <string.h>

/* Heads of containers are written in the 32-bit form and patched when the count is known. */
#define MAP32 0xdf
#define ARRAY32 0xdd

void tp_pack_init(struct tp_pack *p)
{
    memset(p, 0, sizeof(*p));
    msgpack_sbuffer_init(&p->buf);
    msgpack_packer_init(&p->pk, &p->buf, msgpack_sbuffer_write);
}

void tp_pack_done(struct tp_pack *p)
{
    msgpack_sbuffer_destroy(&p->buf);
    p->depth = 0;
}

void tp_pack_clear(struct tp_pack *p)
{
    msgpack_sbuffer_clear(&p->buf);
    p->depth = 0;
}

/* In an array each value is an entry; in a map each key is. */
static void count_item(struct tp_pack *p)
{
    if (p->depth > 0 && (uint8_t)p->buf.data[p->open[p->depth - 1].at] == ARRAY32)
        p->open[p->depth - 1].entries++;
}

static void container_begin(struct tp_pack *p, uint8_t head)
{
    const char bytes[5] = {(char)head};
    assert(p->depth < TP_PACK_DEPTH_MAX);
    count_item(p);
    p->open[p->depth].at = p->buf.size;
    p->open[p->depth].entries = 0;
    p->depth++;
    msgpack_sbuffer_write(&p->buf, bytes, sizeof(bytes));
}

void tp_pack_map_begin(struct tp_pack *p)
{
    container_begin(p, MAP32);
}

void tp_pack_array_begin(struct tp_pack *p)
{
    container_begin(p, ARRAY32);
}

void tp_pack_end(struct tp_pack *p)
{
    assert(p->depth > 0);
    p->depth--;
    uint32_t n = p->open[p->depth].entries;
    char *at = p->buf.data + p->open[p->depth].at;
    at[1] = (char)(n >> 24);
    at[2] = (char)(n >> 16);
    at[3] = (char)(n >> 8);
    at[4] = (char)n;
}

void tp_pack_key(struct tp_pack *p, const char *key)
{
    assert(p->depth > 0);
    p->open[p->depth - 1].entries++;
    msgpack_pack_str_with_body(&p->pk, key, strlen(key));
}

void tp_pack_str(struct tp_pack *p, const char *s, size_t n)
{
    count_item(p);
    msgpack_pack_str_with_body(&p->pk, s, n);
}

void tp_pack_bin(struct tp_pack *p, const void *data, size_t n)
{
    count_item(p);
    msgpack_pack_bin_with_body(&p->pk, data, n);
}

void tp_pack_u64(struct tp_pack *p, uint64_t value)
{
    count_item(p);
    msgpack_pack_uint64(&p->pk, value);
}

void tp_pack_bool(struct tp_pack *p, bool value)
{
    count_item(p);
    if (value)
        msgpack_pack_true(&p->pk);
    else
        msgpack_pack_false(&p->pk);
}

void tp_pack_kv_str(struct tp_pack *p, const char *key, const char *value)
{
    if (!value || !*value)
        return;
    tp_pack_key(p, key);
    tp_pack_str(p, value, strlen(value));
}

void tp_pack_kv_u64(struct tp_pack *p, const char *key, uint64_t value)
{
    tp_pack_key(p, key);
    tp_pack_u64(p, value);
}

void tp_pack_kv_known(struct tp_pack *p, const char *key, int64_t value)
{
    if (value >= 0)
        tp_pack_kv_u64(p, key, (uint64_t)value);
}

void tp_pack_kv_bool(struct tp_pack *p, const char *key, bool value)
{
    tp_pack_key(p, key);
    tp_pack_bool(p, value);
}

void tp_pack_kv_hash(struct tp_pack *p, const char *key, const struct tp_hash *value)
{
    tp_pack_key(p, key);
    tp_pack_bin(p, value->b, sizeof(value->b));
}
