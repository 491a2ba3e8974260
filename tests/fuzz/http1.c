/* SPDX-License-Identifier: MIT
 * The framer: byte 0 chooses the role, byte 1 the split; 0xff 0xff n in the data is a hole of n
 * bytes. */
#include <stdlib.h>

#include "collector/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int open_messages;

static void on_mark(void *cx, uint64_t at)
{
    (void)cx;
    (void)at;
}

static enum tp_http1_verdict on_head(void *cx, const struct tp_head *head)
{
    (void)cx;
    if (head->http.status / 100 == 1)
        return TP_HTTP1_INTERIM;
    open_messages++;
    return tp_http_field(&head->http, "x-doubt") ? TP_HTTP1_DOUBTED : TP_HTTP1_FRAMED;
}

static void on_body(void *cx, const uint8_t *data, size_t n)
{
    volatile uint8_t sink = 0;
    (void)cx;
    for (size_t i = 0; i < n; i++)
        sink = (uint8_t)(sink + data[i]);
    if (open_messages != 1 || n == 0)
        abort();
}

static void on_bytes(void *cx, uint64_t bytes)
{
    (void)cx;
    (void)bytes;
}

static void on_end(void *cx, bool lost)
{
    (void)cx;
    (void)lost;
    if (--open_messages != 0)
        abort();
}

static bool on_stray(void *cx, const uint8_t *data, size_t n, bool after_gap)
{
    (void)cx;
    (void)data;
    (void)n;
    open_messages += after_gap;
    return after_gap;
}

static const struct tp_http1_ops ops = {on_mark, on_head,  on_body,  on_bytes,
                                        on_end,  on_bytes, on_stray, on_bytes};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tp_http1 f;
    if (size < 2)
        return 0;
    open_messages = 0;
    tp_http1_init(&f, &ops, NULL, 2048);
    f.role = (enum tp_http1_role)(data[0] % 3);
    size_t step = data[1] ? data[1] : size;
    for (size_t at = 2; at < size;) {
        if (size - at >= 3 && data[at] == 0xff && data[at + 1] == 0xff) {
            tp_http1_hole(&f, 1u + data[at + 2]);
            at += 3;
            continue;
        }
        size_t n = size - at < step ? size - at : step;
        tp_http1_feed(&f, data + at, n);
        at += n;
    }
    tp_http1_eof(&f);
    tp_http1_done(&f);
    return 0;
}
