/* SPDX-License-Identifier: MIT
 * Records a second from the ring to the disk, on one core: a thread writes what the probes would
 * (streamed answers, one small record for each event, over many connections), this one reads the
 * ring, frames, understands and writes a recording. The baseline is reading the ring alone.
 *
 * Then the same with a ring far too small, whose writer does not wait: every byte must come out as
 * seen or as missing.
 *
 * bench_pipeline [--smoke]
 */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/calls.h"
#include "collector/conn.h"
#include "common/tokrec.h"
#include "memring.h"
#include "report.h"

#define CONNECTIONS 64
#define EVENTS_PER_CALL 250
#define PIECE_MAX 1024
#define PIECES (4 + EVENTS_PER_CALL)
#define SMALL_RING (64u << 10)

/* One exchange on one connection: a request, the answer's head, its events, its end. */
struct piece {
    size_t n;
    uint8_t direction;
    char text[PIECE_MAX];
};

static struct piece exchange[PIECES];

struct writer {
    struct tp_memring *ring;
    uint64_t records; /* to be made */
    bool wait;        /* else: what finds no room is lost */
    uint64_t seen_bytes, lost_bytes, lost_records, offset[CONNECTIONS][2];
    bool done;
};

struct reader {
    struct tp_conns *conns; /* NULL: the ring alone */
    uint64_t records, bytes;
};

/* ---- what is sent ---- */

__attribute__((format(printf, 3, 4))) static void piece_set(size_t i, uint8_t direction,
                                                            const char *format, ...)
{
    struct piece *p = &exchange[i];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(p->text, sizeof(p->text), format, args);
    va_end(args);
    p->n = (size_t)n;
    p->direction = direction;
}

static void chunk_set(size_t i, const char *event)
{
    piece_set(i, TP_DIR_READ, "%zx\r\n%s\r\n", strlen(event), event);
}

static void exchange_make(void)
{
    static const char request[] =
        "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";
    char event[256];
    piece_set(0, TP_DIR_WRITE,
              "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n%s",
              sizeof(request) - 1, request);
    piece_set(1, TP_DIR_READ,
              "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
              "Transfer-Encoding: chunked\r\n\r\n");
    for (size_t i = 0; i < EVENTS_PER_CALL; i++) {
        snprintf(event, sizeof(event),
                 "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\" word%zu\"}}]}\n\n", i);
        chunk_set(2 + i, event);
    }
    chunk_set(PIECES - 2, "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":100,"
                          "\"completion_tokens\":250}}\n\n");
    piece_set(PIECES - 1, TP_DIR_READ, "%s", "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");
}

/* ---- the writing thread ---- */

static void put_record(struct writer *w, size_t connection, const struct piece *p, uint64_t time_ns)
{
    size_t n = sizeof(struct tp_data_record) + p->n;
    uint64_t *offset = w->offset[connection];
    struct tp_data_record *r = tp_memring_reserve(w->ring, n);
    while (!r && w->wait) {
        sched_yield();
        r = tp_memring_reserve(w->ring, n);
    }
    w->seen_bytes += p->n;
    if (r) {
        *r = (struct tp_data_record){.head = {.type = TP_RECORD_DATA,
                                              .version = TP_RECORD_VERSION,
                                              .size = (uint32_t)n,
                                              .time_ns = time_ns,
                                              .pid = 1},
                                     .conn = 1 + connection,
                                     .generation = 1,
                                     .entry_ns = time_ns,
                                     .offset = offset[p->direction],
                                     .peer_offset = offset[!p->direction],
                                     .length = (uint32_t)p->n,
                                     .direction = p->direction};
        memcpy(r + 1, p->text, p->n);
        tp_memring_commit(w->ring, n);
    } else {
        w->lost_bytes += p->n;
        w->lost_records++;
    }
    offset[p->direction] += p->n;
}

/* All connections in turns, a piece each, so that no two records in a row are of one stream. */
static void *write_all(void *cx)
{
    struct writer *w = cx;
    for (uint64_t i = 0; i < w->records; i++)
        put_record(w, i % CONNECTIONS, &exchange[i / CONNECTIONS % PIECES], 1000 + i);
    __atomic_store_n(&w->done, true, __ATOMIC_RELEASE);
    return NULL;
}

/* ---- the reading thread ---- */

static void on_record(void *cx, const void *data, size_t len)
{
    struct reader *r = cx;
    const struct tp_data_record *record = data;
    (void)len;
    r->records++;
    r->bytes += record->length;
    if (r->conns)
        tp_conns_data(r->conns, record, (const uint8_t *)(record + 1), "none");
}

static void read_all(struct reader *r, struct tp_memring *ring, const struct writer *w)
{
    bool done = false;
    while (!done) {
        done = __atomic_load_n(&w->done, __ATOMIC_ACQUIRE);
        if (tp_ring_read(&ring->ring, tp_ring_produced(&ring->ring), on_record, r) == 0)
            usleep(200); /* waiting costs no CPU and is not counted */
    }
}

/* ---- a run ---- */

struct run {
    size_t ring_bytes;
    uint64_t records;
    bool decode, wait;
    struct writer writer;
    struct reader reader;
    struct tp_calls_stats calls;
    struct tp_conn_stats conns;
    double cpu;
};

static int write_event(void *cx, const void *data, size_t n)
{
    return tp_tokrec_write(cx, data, n);
}

static struct tp_tokrec_writer *recording_open(void)
{
    char path[] = "/tmp/tokprof-bench-XXXXXX";
    struct tp_tokrec_writer *file = NULL;
    int fd = mkstemp(path);
    if (fd < 0 || unlink(path) || tp_tokrec_writer_new(&file, fd, TP_TOKREC_FILE))
        abort();
    return file;
}

static void consume(struct run *run, struct tp_memring *ring)
{
    static const uint8_t bytes[TP_HASH_KEY_BYTES] = {1};
    struct tp_hash_key key;
    struct tp_tokrec_writer *file = recording_open();
    tp_hash_key_from(&key, bytes);
    struct tp_calls_options options = {.size = sizeof(options),
                                       .key = &key,
                                       .machine = "bench",
                                       .sink = {.event = write_event, .cx = file}};
    struct tp_calls *calls = tp_calls_new(&options);
    struct tp_conns *conns = calls ? tp_conns_new(&tp_calls_exchange_ops, calls, NULL) : NULL;
    if (!conns)
        abort();
    run->reader.conns = run->decode ? conns : NULL;
    double begin = tp_bench_cpu();
    read_all(&run->reader, ring, &run->writer);
    for (uint64_t i = 0; i < CONNECTIONS && run->decode; i++) {
        struct tp_close_record gone = {
            .head = {.type = TP_RECORD_CLOSE, .pid = 1}, .conn = 1 + i, .generation = 1};
        memcpy(gone.offset, run->writer.offset[i], sizeof(gone.offset));
        tp_conns_close(conns, &gone);
    }
    tp_conns_stats(conns, &run->conns);
    tp_conns_free(conns, UINT64_MAX);
    tp_calls_stats(calls, &run->calls);
    tp_calls_free(calls);
    if (tp_tokrec_close(file))
        abort();
    run->cpu = tp_bench_cpu() - begin;
}

static void play(struct run *run)
{
    struct tp_memring ring;
    pthread_t thread;
    if (tp_memring_init(&ring, run->ring_bytes))
        abort();
    run->writer = (struct writer){.ring = &ring, .records = run->records, .wait = run->wait};
    run->reader = (struct reader){0};
    if (pthread_create(&thread, NULL, write_all, &run->writer))
        abort();
    consume(run, &ring);
    pthread_join(thread, NULL);
    tp_memring_done(&ring);
}

/* What the writer sent is what the connections saw and what they found missing, to the byte. */
static int check_ledger(const struct run *run)
{
    const struct writer *w = &run->writer;
    uint64_t seen = run->conns.bytes[0] + run->conns.bytes[1];
    uint64_t missing = run->conns.hole_bytes[0] + run->conns.hole_bytes[1];
    if (seen + missing == w->seen_bytes && missing == w->lost_bytes &&
        run->reader.records + w->lost_records == run->records)
        return 0;
    fprintf(stderr,
            "pipeline: sent %" PRIu64 " bytes; seen %" PRIu64 " and missing %" PRIu64
            ", but %" PRIu64 " were lost\n",
            w->seen_bytes, seen, missing, w->lost_bytes);
    return 1;
}

static int measure(uint64_t records, unsigned rounds)
{
    struct tp_series rate = {0}, ratio = {0};
    int bad = 0;
    for (unsigned i = 0; i < rounds; i++) {
        struct run bare = {.ring_bytes = 16u << 20, .records = records, .wait = true};
        struct run whole = bare;
        whole.decode = true;
        play(i % 2 ? &bare : &whole);
        play(i % 2 ? &whole : &bare);
        tp_series_add(&rate, (double)records / whole.cpu / 1e6);
        tp_series_add(&ratio, whole.cpu / bare.cpu);
        bad |= check_ledger(&whole) || whole.writer.lost_records ||
               whole.calls.calls < records / CONNECTIONS / PIECES * CONNECTIONS ||
               whole.calls.complete_calls != whole.calls.calls ||
               whole.calls.output_tokens != whole.calls.calls * EVENTS_PER_CALL;
    }
    tp_series_report(&rate, "pipeline", "ring to disk, one event a record", "M records/s", "1", "");
    tp_series_report(&ratio, "pipeline", "CPU, ring to disk over ring alone", "times", "", "");
    return bad;
}

static int overrun(uint64_t records)
{
    struct tp_series lost = {0};
    char note[96];
    struct run run = {.ring_bytes = SMALL_RING, .records = records, .decode = true};
    play(&run);
    int bad = check_ledger(&run);
    tp_series_add(&lost, 100.0 * (double)run.writer.lost_records / (double)records);
    snprintf(note, sizeof(note), "all counted: %s; %" PRIu64 " calls, %" PRIu64 " complete",
             bad ? "NO" : "yes", run.calls.calls, run.calls.complete_calls);
    tp_series_report(&lost, "pipeline", "lost, ring of 64 KiB overrun", "% of records", "", note);
    return bad;
}

int main(int argc, char **argv)
{
    bool smoke = argc > 1 && strcmp(argv[1], "--smoke") == 0;
    uint64_t records = (smoke ? 1u : 30u) * (uint64_t)(PIECES * CONNECTIONS);
    if (sodium_init() < 0)
        return 2;
    exchange_make();
    int bad = measure(records, smoke ? 1 : 11);
    return bad | overrun(records);
}
