/* SPDX-License-Identifier: MIT
 * How fast a request body of 1 MB becomes blocks: from data records of 16 KiB through framing and
 * the provider plugin to identities and estimates. Twice: a context of which all was sent before
 * but the last 8 KB, as an agent's next call is, and one of which nothing was seen before. Beside
 * it what the hash alone costs, as the baseline, and the scanner alone.
 *
 * bench_decode [--smoke]
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "body.h"
#include "collector/calls.h"
#include "collector/conn.h"
#include "common/json.h"
#include "report.h"

#define BODY_BYTES 1000000
#define MORE_BYTES 8000
#define RECORD_BYTES 16384

struct decoder {
    struct tp_calls *calls;
    struct tp_conns *conns;
    struct tp_hash_key key;
    uint64_t conn, time_ns;
    uint64_t events;
};

static int count_event(void *cx, const void *data, size_t n)
{
    struct decoder *d = cx;
    (void)data;
    d->events += n > 0;
    return 0;
}

static void decoder_init(struct decoder *d)
{
    static const uint8_t bytes[TP_HASH_KEY_BYTES] = {1};
    memset(d, 0, sizeof(*d));
    tp_hash_key_from(&d->key, bytes);
    struct tp_calls_options options = {.size = sizeof(options),
                                       .key = &d->key,
                                       .machine = "bench",
                                       .sink = {.event = count_event, .cx = d}};
    d->calls = tp_calls_new(&options);
    d->conns = d->calls ? tp_conns_new(&tp_calls_exchange_ops, d->calls, NULL) : NULL;
    if (!d->conns)
        abort();
}

static void decoder_done(struct decoder *d)
{
    tp_conns_free(d->conns, ++d->time_ns);
    tp_calls_free(d->calls);
}

static void send(struct decoder *d, uint64_t *offset, const char *data, size_t n)
{
    while (n) {
        size_t piece = n < RECORD_BYTES ? n : RECORD_BYTES;
        struct tp_data_record record = {.head = {.type = TP_RECORD_DATA,
                                                 .size = (uint32_t)(sizeof(record) + piece),
                                                 .time_ns = ++d->time_ns,
                                                 .pid = 1},
                                        .conn = d->conn,
                                        .generation = d->conn,
                                        .offset = *offset,
                                        .length = (uint32_t)piece,
                                        .direction = TP_DIR_WRITE};
        tp_conns_data(d->conns, &record, (const uint8_t *)data, "none");
        *offset += piece;
        data += piece;
        n -= piece;
    }
}

/* One request on a connection of its own, given up before an answer. */
static double decode(struct decoder *d, const char *path, const struct tp_body *body)
{
    char head[256];
    uint64_t offset = 0;
    int n = snprintf(head, sizeof(head),
                     "POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                     "Content-Length: %zu\r\n\r\n",
                     path, body->len);
    d->conn++;
    double begin = tp_bench_cpu();
    send(d, &offset, head, (size_t)n);
    send(d, &offset, body->text, body->len);
    struct tp_close_record gone = {
        .head = {.type = TP_RECORD_CLOSE, .time_ns = ++d->time_ns, .pid = 1},
        .conn = d->conn,
        .generation = d->conn,
        .offset = {0, offset}};
    tp_conns_close(d->conns, &gone);
    return tp_bench_cpu() - begin;
}

static void ignore_value(void *cx, const struct tp_json_event *event)
{
    *(size_t *)cx += event->len;
}

static void ignore_key(void *cx, const char *key, size_t n)
{
    (void)key;
    *(size_t *)cx += n;
}

static double scan(const struct tp_body *body)
{
    static const struct tp_json_handler handler = {.value = ignore_value, .key = ignore_key};
    struct tp_json json;
    size_t seen = 0;
    double begin = tp_bench_cpu();
    tp_json_init(&json, &handler, &seen, false);
    for (size_t at = 0; at < body->len; at += RECORD_BYTES) {
        size_t left = body->len - at;
        tp_json_feed(&json, body->text + at, left < RECORD_BYTES ? left : RECORD_BYTES);
    }
    if (tp_json_end(&json) || !seen)
        abort();
    tp_json_done(&json);
    return tp_bench_cpu() - begin;
}

static double hash(const struct decoder *d, const struct tp_body *body)
{
    double begin = tp_bench_cpu();
    struct tp_hash h = tp_hash_of(&d->key, body->text, body->len);
    (void)h;
    return tp_bench_cpu() - begin;
}

enum how { HASHED, SCANNED, SEEN_BEFORE, FRESH, HOW_COUNT };

struct results {
    struct tp_series speed[HOW_COUNT], ratio[HOW_COUNT];
};

/* All ways once, in an order that changes from round to round. */
static void play(enum tp_body_api api, struct decoder *d, unsigned round, size_t bytes,
                 struct results *results)
{
    struct tp_body fresh = tp_body_make(api, bytes, 1000 + round);
    struct tp_body before = tp_body_make(api, bytes, 1);
    struct tp_body grown = tp_body_make(api, bytes + MORE_BYTES * (round + 1), 1);
    const struct tp_body *body[HOW_COUNT] = {&before, &before, &grown, &fresh};
    double cpu[HOW_COUNT];
    for (unsigned i = 0; i < HOW_COUNT; i++) {
        enum how how = (enum how)((i + round) % HOW_COUNT);
        cpu[how] = how == HASHED    ? hash(d, body[how])
                   : how == SCANNED ? scan(body[how])
                                    : decode(d, tp_body_path(api), body[how]);
    }
    for (int how = 0; how < HOW_COUNT; how++) {
        double speed = (double)body[how]->len / cpu[how];
        tp_series_add(&results->speed[how], speed / 1e6);
        tp_series_add(&results->ratio[how], speed / ((double)before.len / cpu[HASHED]));
    }
    tp_body_free(&fresh);
    tp_body_free(&before);
    tp_body_free(&grown);
}

static void report(enum tp_body_api api, struct results *r)
{
    static const char *const hows[] = {"BLAKE2b alone", "scan alone", "decode, sent before",
                                       "decode, all new"};
    char what[96];
    for (int how = 0; how < HOW_COUNT; how++) {
        snprintf(what, sizeof(what), "%s: %s", tp_body_api_name(api), hows[how]);
        tp_series_report(&r->speed[how], "decode", what, "MB/s", how == SEEN_BEFORE ? "2000" : "",
                         "");
        if (how != HASHED)
            tp_series_report(&r->ratio[how], "decode", what, "x BLAKE2b", "", "");
    }
}

int main(int argc, char **argv)
{
    bool smoke = argc > 1 && strcmp(argv[1], "--smoke") == 0;
    unsigned rounds = smoke ? 1 : 25;
    if (sodium_init() < 0)
        return 2;
    for (int api = 0; api < TP_BODY_APIS; api++) {
        struct decoder d;
        struct results results = {0};
        decoder_init(&d);
        for (unsigned round = 0; round < rounds + 1; round++) {
            if (round == 1)
                memset(&results, 0, sizeof(results)); /* the first warms up */
            play(api, &d, round, smoke ? 20000 : BODY_BYTES, &results);
        }
        decoder_done(&d);
        if (d.events < 2 * rounds) {
            fprintf(stderr, "decode: %llu events of %u calls\n", (unsigned long long)d.events,
                    2 * rounds);
            return 1;
        }
        report(api, &results);
    }
    return 0;
}
