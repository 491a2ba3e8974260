/* SPDX-License-Identifier: MIT */
#include "conversation.h"

#include <brotli/encode.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "exchange_log.h"

#define CONNECTIONS_MAX 3
#define MESSAGES_MAX 12
#define CALLS_MAX 40000

/* Bodies are made of tags such as "[c1m03a000042]", which say where they belong. */
enum framing { NO_BODY, LENGTH, CHUNKED, UNTIL_CLOSE };
enum coding { PLAIN, GZIP, DEFLATE, RAW_DEFLATE, BROTLI, ZSTD, CODINGS };

struct part { /* a request or an answer */
    struct tp_buf body, wire;
    uint64_t from, to; /* its bytes in the stream */
    uint64_t dropped;
    enum coding coding;
    bool tags;
};

struct message {
    char id[24];
    bool head_method, answer_early;
    struct part part[2]; /* 0: request, 1: answer */
    struct seen *seen;
};

struct talk {
    struct wire wire;
    bool server, pipelined, close_delimited;
    bool any_given; /* else nobody knows of this connection */
    bool any_dropped;
    struct message messages[MESSAGES_MAX];
    size_t count;
    struct tp_buf calls; /* struct call, in order */
    size_t at;
};

struct call {
    int direction_of_request; /* 1: it carries requests */
    size_t offset, length;
};

struct play {
    uint64_t random;
    unsigned drop_percent;
    struct talk talks[CONNECTIONS_MAX];
    size_t talk_count;
    struct exchange_log log;
    struct conversation_result *result;
};

static uint64_t next_random(struct play *p)
{
    p->random ^= p->random << 13;
    p->random ^= p->random >> 7;
    p->random ^= p->random << 17;
    return p->random * 0x2545f4914f6cdd1du >> 16;
}

static size_t below(struct play *p, size_t n)
{
    return (size_t)(next_random(p) % n);
}

static bool chance(struct play *p, unsigned percent)
{
    return below(p, 100) < percent;
}

__attribute__((format(printf, 2, 3))) static void put(struct tp_buf *b, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    tp_buf_add(b, text, (size_t)n);
}

/* ---- what is said ---- */

static size_t body_size(struct play *p)
{
    static const size_t sizes[] = {1, 8, 60, 300, 3000, 20000, 100000};
    return 1 + below(p, sizes[below(p, 20) == 0 ? 6 : below(p, 6)]);
}

static void make_body(struct play *p, struct part *part, const char *id, char side, bool events)
{
    size_t n = body_size(p);
    for (unsigned i = 0; part->body.len < n; i++) {
        if (events)
            put(&part->body, "data: {\"t\":\"[%s%c%06u]\"}\n\n", id, side, i);
        else
            put(&part->body, "[%s%c%06u]\n", id, side, i);
    }
    part->tags = true;
}

static void encode_zlib(const struct tp_buf *in, struct tp_buf *out, int window)
{
    z_stream z = {0};
    size_t room = in->len + in->len / 10 + 1000;
    uint8_t *data = malloc(room);
    deflateInit2(&z, 6, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY);
    z.next_in = in->data;
    z.avail_in = (uInt)in->len;
    z.next_out = data;
    z.avail_out = (uInt)room;
    deflate(&z, Z_FINISH);
    tp_buf_add(out, data, room - z.avail_out);
    deflateEnd(&z);
    free(data);
}

static void encode_other(const struct tp_buf *in, struct tp_buf *out, enum coding coding)
{
    size_t n = in->len + in->len / 10 + 1000;
    uint8_t *data = malloc(n);
    if (coding == ZSTD)
        n = ZSTD_compress(data, n, in->data, in->len, 3);
    else
        BrotliEncoderCompress(3, 18, BROTLI_DEFAULT_MODE, in->len, in->data, &n, data);
    tp_buf_add(out, data, n);
    free(data);
}

static void encode(const struct part *part, struct tp_buf *out)
{
    switch (part->coding) {
    case PLAIN:
        tp_buf_add(out, part->body.data, part->body.len);
        break;
    case GZIP:
        encode_zlib(&part->body, out, 31);
        break;
    case DEFLATE:
        encode_zlib(&part->body, out, 15);
        break;
    case RAW_DEFLATE:
        encode_zlib(&part->body, out, -15);
        break;
    default:
        encode_other(&part->body, out, part->coding);
        break;
    }
}

static void put_chunks(struct play *p, struct tp_buf *wire, const struct tp_buf *body)
{
    for (size_t at = 0; at < body->len;) {
        size_t n = 1 + below(p, 1 + below(p, 4000));
        if (n > body->len - at)
            n = body->len - at;
        put(wire, chance(p, 50) ? "%zx" : "%zX", n);
        put(wire, "%s\r\n", chance(p, 10) ? ";ext=\"a b\"" : "");
        tp_buf_add(wire, body->data + at, n);
        put(wire, "\r\n");
        at += n;
    }
    put(wire, "0\r\n");
    if (chance(p, 10))
        put(wire, "X-Trailer: yes\r\n");
    put(wire, "\r\n");
}

static void put_payload(struct play *p, struct part *part, enum framing framing, bool send)
{
    static const char *const names[CODINGS] = {[GZIP] = "gzip",
                                               [DEFLATE] = "deflate",
                                               [RAW_DEFLATE] = "deflate",
                                               [BROTLI] = "br",
                                               [ZSTD] = "zstd"};
    struct tp_buf coded;
    tp_buf_init(&coded, 1u << 24);
    encode(part, &coded);
    if (part->coding != PLAIN)
        put(&part->wire, "Content-Encoding: %s\r\n", names[part->coding]);
    if (framing == LENGTH)
        put(&part->wire, "Content-Length: %zu\r\n", coded.len);
    if (framing == CHUNKED)
        put(&part->wire, "Transfer-Encoding: chunked\r\n");
    put(&part->wire, "\r\n");
    if (send && framing == CHUNKED)
        put_chunks(p, &part->wire, &coded);
    else if (send)
        tp_buf_add(&part->wire, coded.data, coded.len);
    tp_buf_done(&coded);
}

static enum coding some_coding(struct play *p)
{
    return chance(p, 60) ? PLAIN : (enum coding)below(p, CODINGS);
}

static void make_request(struct play *p, struct message *m)
{
    struct part *part = &m->part[0];
    bool body = chance(p, 80);
    m->head_method = !body && chance(p, 40);
    if (p->drop_percent == 0 && chance(p, 10))
        put(&part->wire, "\r\n");
    put(&part->wire, "%s /%s HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n",
        body             ? "POST"
        : m->head_method ? "HEAD"
                         : "GET",
        m->id);
    if (!body) {
        put(&part->wire, "\r\n");
        return;
    }
    make_body(p, part, m->id, 'q', false);
    part->coding = chance(p, 10) ? some_coding(p) : PLAIN;
    put_payload(p, part, chance(p, 70) ? LENGTH : CHUNKED, true);
}

static void make_answer(struct play *p, struct message *m, bool until_close)
{
    struct part *part = &m->part[1];
    enum framing framing = until_close ? UNTIL_CLOSE : chance(p, 40) ? LENGTH : CHUNKED;
    if (chance(p, 10))
        put(&part->wire, "HTTP/1.1 100 Continue\r\nX-A: b\r\n\r\n");
    if (!until_close && !m->head_method && chance(p, 8)) {
        put(&part->wire, "HTTP/1.1 %d Nothing\r\nX-Id: %s\r\n\r\n", chance(p, 50) ? 204 : 304,
            m->id);
        return;
    }
    put(&part->wire, "HTTP/1.%d 200 OK\r\nX-Id: %s\r\n", until_close ? 0 : 1, m->id);
    make_body(p, part, m->id, 'a', chance(p, 50));
    part->coding = some_coding(p);
    put_payload(p, part, framing, !m->head_method);
    if (m->head_method) {
        tp_buf_clear(&part->body);
        part->tags = false;
    }
}

/* ---- how it goes over the wire ---- */

static void add_calls(struct play *p, struct talk *t, int request, size_t from, size_t to)
{
    size_t most = 1 + below(p, chance(p, 10) ? 3 : chance(p, 50) ? 200 : 16384);
    if (to - from > 3000 && most < 50)
        most = 50;
    while (from < to) {
        size_t n = 1 + below(p, most);
        struct call call = {request, from, n < to - from ? n : to - from};
        tp_buf_add(&t->calls, &call, sizeof(call));
        from += call.length;
    }
}

static void place(struct talk *t, struct message *m, int which, uint64_t *position)
{
    (void)t;
    m->part[which].from = *position;
    *position += m->part[which].wire.len;
    m->part[which].to = *position;
}

/* How much of a request is sent before its answer: its head at least, as servers do it; or less, as
 * threads may report it. With losses, that is left to nobody's guess. */
static size_t early_point(struct play *p, const struct part *request)
{
    const uint8_t *end = memmem(request->wire.data, request->wire.len, "\r\n\r\n", 4);
    size_t head = (size_t)(end - request->wire.data) + 4;
    if (p->drop_percent == 0 && chance(p, 50))
        return 3 + below(p, request->wire.len - 2);
    return head + below(p, request->wire.len - head + 1);
}

/* A batch: all its requests, then all its answers; cut without regard to where messages end. */
static void make_batch(struct play *p, struct talk *t, size_t first, size_t n, uint64_t position[2])
{
    uint64_t from[2] = {position[0], position[1]};
    for (size_t i = first; i < first + n; i++)
        for (int which = 0; which < 2; which++)
            place(t, &t->messages[i], which, &position[which]);
    struct message *m = &t->messages[first];
    if (n == 1 && m->answer_early) {
        uint64_t half = from[0] + early_point(p, &m->part[0]);
        add_calls(p, t, 1, from[0], half);
        add_calls(p, t, 0, from[1], position[1]);
        add_calls(p, t, 1, half, position[0]);
        return;
    }
    add_calls(p, t, 1, from[0], position[0]);
    add_calls(p, t, 0, from[1], position[1]);
}

static void make_talk(struct play *p, struct talk *t, size_t index)
{
    uint64_t position[2] = {0, 0};
    t->server = chance(p, 50);
    t->pipelined = chance(p, 20);
    t->close_delimited = chance(p, 20);
    t->count = 1 + below(p, MESSAGES_MAX);
    tp_buf_init(&t->calls, CALLS_MAX * sizeof(struct call));
    for (size_t i = 0; i < t->count; i++) {
        struct message *m = &t->messages[i];
        for (int which = 0; which < 2; which++) {
            tp_buf_init(&m->part[which].body, 1u << 24);
            tp_buf_init(&m->part[which].wire, 1u << 24);
        }
        snprintf(m->id, sizeof(m->id), "c%um%02u", (unsigned)index % 10, (unsigned)i % 100);
        m->answer_early = chance(p, 10);
        make_request(p, m);
        make_answer(p, m, t->close_delimited && i + 1 == t->count && !m->head_method);
    }
    for (size_t i = 0; i < t->count;) {
        size_t n = t->pipelined ? 2 + below(p, 3) : 1;
        if (n > t->count - i)
            n = t->count - i;
        make_batch(p, t, i, n, position);
        i += n;
    }
}

static void note_dropped(struct talk *t, const struct call *call)
{
    int which = !call->direction_of_request;
    for (size_t i = 0; i < t->count; i++) {
        struct part *part = &t->messages[i].part[which];
        uint64_t from = call->offset > part->from ? call->offset : part->from;
        uint64_t end = call->offset + call->length;
        uint64_t to = end < part->to ? end : part->to;
        if (from < to)
            part->dropped += to - from;
    }
}

/* The call's bytes, which may be of several messages. */
static void gather(const struct talk *t, const struct call *call, uint8_t *to)
{
    int which = !call->direction_of_request;
    size_t at = call->offset, end = call->offset + call->length;
    for (size_t i = 0; i < t->count; i++) {
        const struct part *part = &t->messages[i].part[which];
        while (at < end && at >= part->from && at < part->to)
            *to++ = part->wire.data[at++ - part->from];
    }
}

static void move_next(struct play *p, struct talk *t)
{
    struct call call;
    memcpy(&call, t->calls.data + t->at, sizeof(call));
    t->at += sizeof(call);
    uint8_t *bytes = malloc(call.length);
    gather(t, &call, bytes);
    bool drop = chance(p, p->drop_percent);
    t->any_given |= !drop;
    t->any_dropped |= drop;
    if (drop)
        note_dropped(t, &call);
    enum tp_direction direction =
        (call.direction_of_request != 0) != t->server ? TP_DIR_WRITE : TP_DIR_READ;
    wire_move(&t->wire, direction, bytes, call.length, drop);
    free(bytes);
}

static void run_all(struct play *p)
{
    size_t left = p->talk_count;
    while (left) {
        struct talk *t = &p->talks[below(p, p->talk_count)];
        if (t->at > t->calls.len)
            continue;
        if (t->at < t->calls.len) {
            move_next(p, t);
            continue;
        }
        wire_close(&t->wire);
        t->at++;
        left--;
    }
}

/* ---- what should have come of it ---- */

__attribute__((format(printf, 2, 3))) static void fail(struct play *p, const char *fmt, ...)
{
    if (p->result->problem[0])
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(p->result->problem, sizeof(p->result->problem), fmt, ap);
    va_end(ap);
}

static struct message *find_message(struct play *p, const char *id, size_t n)
{
    for (size_t t = 0; t < p->talk_count; t++)
        for (size_t i = 0; i < p->talks[t].count; i++)
            if (strlen(p->talks[t].messages[i].id) == n &&
                memcmp(p->talks[t].messages[i].id, id, n) == 0)
                return &p->talks[t].messages[i];
    return NULL;
}

static bool is_tag(const char *s)
{
    static const char shape[] = "[c#m##?######]";
    for (size_t i = 0; shape[i]; i++)
        if (shape[i] == '#' ? s[i] < '0' || s[i] > '9' : shape[i] != '?' && s[i] != shape[i])
            return false;
    return s[6] == 'a' || s[6] == 'q';
}

static const struct talk *talk_of(const struct play *p, uint64_t conn)
{
    return &p->talks[conn / 0x1000 - 1];
}

/* All tags in a body must be of one message and side; for `excused` ones see there. */
static void check_tags(struct play *p, const struct seen_message *body, char side, const char *id,
                       bool excused)
{
    char owner[16] = "";
    if (id)
        snprintf(owner, sizeof(owner), "%s", id);
    const char *data = (const char *)body->body.data;
    for (size_t i = 0; i + 14 <= body->body.len; i++) {
        if (!is_tag(data + i))
            continue;
        if (!owner[0])
            snprintf(owner, sizeof(owner), "%.5s", data + i + 1);
        if (strncmp(data + i + 1, owner, 5) != 0 || data[i + 6] != side) {
            p->result->mixed++;
            if (excused)
                return;
            fail(p, "%.13s in the body of %s%c", data + i + 1, owner, side);
        }
    }
}

static bool part_same(const struct seen_message *m, const struct part *part)
{
    return body_is(m, part->body.data, part->body.len);
}

/* That a connection is pipelined cannot be known where the first overlap itself was dropped: there,
 * marked exchanges may mix. With holes in an early answer and in its request, the ends of both may
 * be another's. */
static bool is_excused(const struct talk *t, const struct message *m, const struct seen *s)
{
    if (t->pipelined)
        return s->request.holes || s->response.holes;
    return m && m->answer_early && s->request.holes && s->response.holes;
}

static void check_seen(struct play *p, struct seen *s)
{
    struct message *m =
        s->request.head ? find_message(p, s->target + 1, strlen(s->target + 1)) : NULL;
    if (s->request.head && !m)
        fail(p, "request for %s was never sent", s->target);
    if (m && m->seen)
        fail(p, "%s twice", m->id);
    if (m)
        m->seen = s;
    if (!s->over)
        fail(p, "exchange %s did not end", s->target);
    bool wrong = m && s->response.head && strcmp(s->id, m->id) != 0;
    p->result->mixed += wrong;
    if (wrong && !(talk_of(p, s->conn)->pipelined && (s->request.holes || s->response.holes)))
        fail(p, "%s got the answer of %s", m->id, s->id);
    bool excused = is_excused(talk_of(p, s->conn), m, s);
    check_tags(p, &s->request, 'q', m ? m->id : NULL, excused);
    check_tags(p, &s->response, 'a', m ? m->id : s->id[0] ? s->id : NULL, excused);
    p->result->orphans += !s->request.head;
}

/* A request was answered while it was sent, and of it, or of the one that this message overlaps
 * with, something is missing: what was lost may as well have been another request. */
static bool follows_early(const struct talk *t, const struct message *m)
{
    for (const struct message *at = t->messages; at <= m; at++)
        if (at->answer_early && t->any_dropped)
            return true;
    return false;
}

static void check_message(struct play *p, const struct talk *t, const struct message *m)
{
    const struct part *q = &m->part[0], *a = &m->part[1];
    const struct seen *s = m->seen;
    bool touched = q->dropped || a->dropped;
    p->result->touched += touched;
    if (!touched && !s)
        fail(p, "%s was not seen", m->id);
    if (!s)
        return;
    bool same = part_same(&s->request, q) && part_same(&s->response, a) &&
                s->why == TP_END_COMPLETE && s->response.head && s->request.ended;
    bool exact = same && s->request.holes == 0 && s->response.holes == 0;
    bool doubted = same && s->request.holes == 0 && s->response.hole_bytes == 0 && t->any_dropped;
    bool marked = s->why == TP_END_LOST || s->request.holes || s->response.holes;
    p->result->exact += exact;
    p->result->marked += marked;
    if (!touched && !exact && !doubted && !(marked && (t->pipelined || follows_early(t, m))))
        fail(p,
             "%s (nothing dropped) is not exact: why %d, holes %d and %d, %zu of %zu, %zu of %zu",
             m->id, s->why, s->request.holes, s->response.holes, s->request.body.len, q->body.len,
             s->response.body.len, a->body.len);
    p->result->doubted += !touched && !exact && doubted;
    p->result->ambiguous += !touched && !exact && !doubted;
    if (touched && !marked)
        fail(p, "%s lost %llu and %llu bytes and is not marked (why %d)", m->id,
             (unsigned long long)q->dropped, (unsigned long long)a->dropped, s->why);
}

/* Of an uncoded answer, count what was not dropped and reached someone. */
static void count_tags(struct play *p, const struct talk *t)
{
    for (size_t i = 0; i < t->count && !t->pipelined; i++) {
        const struct message *m = &t->messages[i];
        const struct part *a = &m->part[1];
        if (!m->seen || a->coding != PLAIN || a->dropped == 0)
            continue;
        p->result->tags_seen += m->seen->response.body.len;
        uint64_t given = a->wire.len - a->dropped;
        p->result->tags_missed +=
            given > m->seen->response.body.len ? given - m->seen->response.body.len : 0;
    }
}

/* Each byte of a hole was told: to an exchange, or as a loss. */
static void check_told(struct play *p, const struct tp_conn_stats *stats)
{
    uint64_t missing = stats->hole_bytes[0] + stats->hole_bytes[1], told = p->log.lost_bytes;
    for (const struct seen *s = p->log.first; s; s = s->next)
        told += s->request.hole_bytes + s->response.hole_bytes;
    if (told < missing)
        fail(p, "of %llu missing bytes only %llu were told", (unsigned long long)missing,
             (unsigned long long)told);
}

static void check_all(struct play *p, struct tp_conns *conns)
{
    struct tp_conn_stats stats;
    uint64_t sent[2] = {0, 0};
    tp_conns_stats(conns, &stats);
    for (struct seen *s = p->log.first; s; s = s->next)
        check_seen(p, s);
    for (size_t t = 0; t < p->talk_count; t++) {
        for (size_t i = 0; i < p->talks[t].count; i++)
            check_message(p, &p->talks[t], &p->talks[t].messages[i]);
        count_tags(p, &p->talks[t]);
        p->result->messages += p->talks[t].count;
        for (int d = 0; d < 2; d++)
            sent[d] += p->talks[t].any_given ? p->talks[t].wire.offset[d] : 0;
    }
    for (int d = 0; d < 2; d++)
        if (stats.bytes[d] + stats.hole_bytes[d] != sent[d])
            fail(p, "ledger: %llu taken, %llu missing of %llu", (unsigned long long)stats.bytes[d],
                 (unsigned long long)stats.hole_bytes[d], (unsigned long long)sent[d]);
    check_told(p, &stats);
    if (p->log.misuses)
        fail(p, "%zu callbacks out of order", p->log.misuses);
    if (p->drop_percent == 0 && (p->log.losses || p->log.count != p->result->messages))
        fail(p, "%zu losses (%s %s), %zu exchanges of %zu", p->log.losses, p->log.last_where,
             p->log.last_why, p->log.count, p->result->messages);
    p->result->exchanges = p->log.count;
}

static void done(struct play *p)
{
    for (size_t t = 0; t < p->talk_count; t++) {
        for (size_t i = 0; i < p->talks[t].count; i++)
            for (int which = 0; which < 2; which++) {
                tp_buf_done(&p->talks[t].messages[i].part[which].body);
                tp_buf_done(&p->talks[t].messages[i].part[which].wire);
            }
        tp_buf_done(&p->talks[t].calls);
    }
    exchange_log_done(&p->log);
    free(p);
}

void conversation_play(uint64_t seed, unsigned drop_percent, struct conversation_result *ret_result)
{
    struct play *p = calloc(1, sizeof(*p));
    *ret_result = (struct conversation_result){0};
    p->result = ret_result;
    p->random = seed * 0x9e3779b97f4a7c15u + 1;
    p->drop_percent = drop_percent;
    exchange_log_init(&p->log);
    p->log.show_holes = true;
    struct tp_conns *conns = tp_conns_new(&exchange_log_ops, &p->log, NULL);
    p->talk_count = 1 + below(p, CONNECTIONS_MAX);
    for (size_t t = 0; t < p->talk_count; t++) {
        p->talks[t].wire =
            (struct wire){.conns = conns, .conn = 0x1000 * (t + 1), .generation = t + 1};
        make_talk(p, &p->talks[t], t);
    }
    run_all(p);
    check_all(p, conns);
    tp_conns_free(conns, 0);
    done(p);
}
