/* SPDX-License-Identifier: MIT
 * Amazon's event streams: the same events however the bytes are cut, and none left open. The first
 * byte chooses where a hole is; with its top bit, checksums are made right first, so that the
 * fuzzer gets past them.
 */
#include "collector/eventstream.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

struct seen {
    uint64_t hash;
    int open;
};

static void mix(struct seen *s, const char *data, size_t n)
{
    for (size_t i = 0; i < n; i++)
        s->hash = s->hash * 31 + (unsigned char)data[i];
}

static void on_begin(void *cx, const char *event)
{
    struct seen *s = cx;
    if (s->open++)
        abort();
    mix(s, event, strlen(event));
}

static void on_data(void *cx, const char *data, size_t n)
{
    struct seen *s = cx;
    if (!s->open)
        abort();
    mix(s, data, n);
}

static void on_end(void *cx)
{
    struct seen *s = cx;
    if (s->open-- != 1)
        abort();
    s->hash += 7;
}

static void on_abort(void *cx)
{
    struct seen *s = cx;
    if (s->open-- != 1)
        abort();
    s->hash += 13;
}

static const struct tp_sse_handler handler = {
    .begin = on_begin, .data = on_data, .end = on_end, .abort = on_abort};

static uint64_t parse(const uint8_t *data, size_t n, size_t step, size_t hole)
{
    struct tp_eventstream es;
    struct seen seen = {0};
    tp_eventstream_init(&es, &handler, &seen);
    for (size_t i = 0; i < n; i += step) {
        tp_eventstream_feed(&es, data + i, n - i < step ? n - i : step);
        if (hole && i / step == hole)
            tp_eventstream_hole(&es);
    }
    tp_eventstream_end(&es);
    if (seen.open)
        abort();
    return seen.hash + es.bad_messages;
}

static void put(uint8_t *p, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(number >> (24 - 8 * i));
}

static void make_good(uint8_t *data, size_t n)
{
    for (size_t at = 0; at + 16 <= n;) {
        size_t total = 16 + (size_t)data[at + 3] % (n - at - 15);
        put(data + at, (uint32_t)total);
        put(data + at + 4, (uint32_t)(data[at + 7] % (total - 15)));
        put(data + at + 8, (uint32_t)crc32(0, data + at, 8));
        put(data + at + total - 4, (uint32_t)crc32(0, data + at, (uInt)(total - 4)));
        at += total;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2)
        return 0;
    uint8_t *copy = malloc(n - 1);
    if (!copy)
        return 0;
    memcpy(copy, data + 1, n - 1);
    if (data[0] & 0x80)
        make_good(copy, n - 1);
    if (parse(copy, n - 1, n, 0) != parse(copy, n - 1, 1, 0))
        abort();
    parse(copy, n - 1, 3, 1 + data[0] % 16);
    free(copy);
    return 0;
}
