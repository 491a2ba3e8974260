/* SPDX-License-Identifier: MIT
 * The event stream parser: the same events however the bytes are cut, and none left open by a hole.
 */
#include "collector/sse.h"

#include <stdlib.h>

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
    mix(s, event, 1);
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

static const struct tp_sse_handler handler = {
    .begin = on_begin, .data = on_data, .end = on_end, .abort = on_end};

static uint64_t parse(const uint8_t *data, size_t n, size_t step, size_t hole)
{
    struct tp_sse sse;
    struct seen seen = {0};
    tp_sse_init(&sse, &handler, &seen);
    for (size_t i = 0; i < n; i += step) {
        tp_sse_feed(&sse, (const char *)data + i, n - i < step ? n - i : step);
        if (hole && i / step == hole)
            tp_sse_hole(&sse);
    }
    tp_sse_end(&sse);
    if (seen.open)
        abort();
    return seen.hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (parse(data, n, n ? n : 1, 0) != parse(data, n, 1, 0))
        abort();
    parse(data, n, 3, n ? 1 + data[0] % 16 : 0);
    return 0;
}
