/* SPDX-License-Identifier: MIT
 * Connections: the input is a list of records, each 4 bytes (direction and flags, skipped bytes,
 * peer offset's advance, length) and its payload. Every exchange that begins must end, once, and
 * every byte of a hole must be told. */
#include <stdlib.h>

#include "collector/conn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static long open_exchanges;
static uint64_t told_bytes;

static void *request_begin(void *cx, const struct tp_conn_origin *origin,
                           const struct tp_http_head *head, uint64_t time_ns)
{
    (void)cx;
    (void)origin;
    (void)head;
    (void)time_ns;
    open_exchanges++;
    return malloc(1);
}

static void on_body(void *x, const uint8_t *data, size_t n, uint64_t time_ns)
{
    (void)time_ns;
    *(volatile uint8_t *)x = data[n - 1];
}

static void on_hole(void *x, uint64_t bytes)
{
    *(volatile uint8_t *)x = (uint8_t)bytes;
    told_bytes += bytes;
}

static void request_end(void *x, uint64_t time_ns)
{
    *(volatile uint8_t *)x = (uint8_t)time_ns;
}

static void response_begin(void *x, const struct tp_http_head *head, uint64_t time_ns)
{
    *(volatile uint8_t *)x = (uint8_t)(head ? (uint64_t)head->status : time_ns);
}

static void response_end(void *x, enum tp_exchange_end why, uint64_t time_ns)
{
    (void)why;
    (void)time_ns;
    open_exchanges--;
    free(x);
}

static void loss(void *cx, const struct tp_conn_origin *origin, const char *where, const char *why,
                 uint64_t bytes)
{
    (void)cx;
    (void)origin;
    told_bytes += bytes;
    if (!where || !why)
        abort();
}

static const struct tp_exchange_ops ops = {request_begin, on_body,        on_hole,
                                           request_end,   response_begin, on_body,
                                           on_hole,       response_end,   loss};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tp_conn_limits limits = {2048, 4096, 100, 1u << 20};
    struct tp_conns *conns = tp_conns_new(&ops, NULL, &limits);
    uint64_t offset[2] = {0, 0}, now = 0;
    open_exchanges = 0;
    told_bytes = 0;
    while (size >= 4) {
        uint32_t n = data[3] < size - 4 ? data[3] : (uint32_t)(size - 4);
        uint8_t direction = data[0] & 1;
        offset[direction] += data[1] & 0x3f;
        struct tp_data_record r = {.conn = data[0] >> 7, .generation = 1, .direction = direction};
        r.head.pid = 1;
        r.entry_ns = now++;
        r.head.time_ns = now++;
        r.offset = offset[direction];
        r.peer_offset = offset[!direction] + (data[2] & 0x0f);
        r.length = n;
        r.failed = (data[0] >> 1 & 7) == 7;
        tp_conns_data(conns, &r, r.failed ? NULL : data + 4, "none");
        offset[direction] += n;
        data += 4 + n;
        size -= 4 + n;
    }
    struct tp_conn_stats stats;
    tp_conns_stats(conns, &stats);
    tp_conns_free(conns, now);
    if (open_exchanges != 0 || told_bytes < stats.hole_bytes[0] + stats.hole_bytes[1])
        abort();
    return 0;
}
