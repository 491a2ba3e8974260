/* SPDX-License-Identifier: MIT */
#include "play.h"

#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- heads ---- */

static char fields_text[8192];

const char *tp_http_field(const struct tp_http_head *head, const char *name)
{
    static char values[8][1024];
    static unsigned turn;
    const char *line = head->fields;
    size_t n = strlen(name);
    while (line && *line && *line != '\n') {
        if (strncasecmp(line, name, n) == 0 && line[n] == ':') {
            char *value = values[turn++ % 8];
            snprintf(value, sizeof(values[0]), "%.*s", (int)strcspn(line + n + 2, "\n"),
                     line + n + 2);
            return value;
        }
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return NULL;
}

static const char *body_of(const char *message)
{
    const char *end = strstr(message, "\n\n");
    return end ? end + 2 : message + strlen(message);
}

/* ---- the player ---- */

static const struct tp_process process = {
    .pid = 42, .start_ns = 7, .comm = "node", .program = "agent", .tree = "0123456789abcdef"};

static const struct tp_process *find(void *cx, uint32_t pid)
{
    (void)cx;
    return pid == 42 ? &process : NULL;
}

static int keep(void *cx, const void *data, size_t n)
{
    struct play *p = cx;
    if (p->count == PLAY_EVENTS_MAX)
        return -1;
    p->events[p->count].data = malloc(n);
    memcpy(p->events[p->count].data, data, n);
    p->events[p->count++].n = n;
    return 0;
}

static void begin(struct play *p, unsigned cut, bool content)
{
    static struct tp_hash_key key;
    static const uint8_t bytes[TP_HASH_KEY_BYTES] = {1, 2, 3};
    memset(p, 0, sizeof(*p));
    tp_hash_key_from(&key, bytes);
    p->cut = cut;
    p->now_ns = 1000;
    struct tp_calls_options options = {.size = sizeof(options),
                                       .key = &key,
                                       .processes = {.find = find},
                                       .sink = {.cx = p, .event = keep},
                                       .machine = "box",
                                       .content = content};
    p->calls = tp_calls_new(&options);
}

void play_begin(struct play *p, unsigned cut)
{
    begin(p, cut, false);
}

void play_begin_with_content(struct play *p, unsigned cut)
{
    begin(p, cut, true);
}

void play_end(struct play *p)
{
    tp_calls_free(p->calls);
    for (size_t i = 0; i < p->count; i++)
        free(p->events[i].data);
    p->count = 0;
}

static size_t next_cut(struct play *p, size_t left)
{
    static unsigned state;
    if (p->cut == 0)
        return left;
    if (p->cut == 1)
        return 1;
    state = (state ? state : p->cut) * 1103515245u + 12345u + p->cut;
    size_t n = 1 + (state >> 16) % 40;
    return n < left ? n : left;
}

static void body(struct play *p, void *x, const char *data, size_t n, bool answer)
{
    const struct tp_exchange_ops *ops = &tp_calls_exchange_ops;
    while (n) {
        size_t step = next_cut(p, n);
        /* A copy of its own, so that a read past the piece is seen by the sanitizer. */
        uint8_t *piece = malloc(step);
        memcpy(piece, data, step);
        p->now_ns += 10;
        if (answer)
            ops->response_body(x, piece, step, p->now_ns);
        else
            ops->request_body(x, piece, step, p->now_ns);
        free(piece);
        data += step;
        n -= step;
    }
}

static void body_hole(struct play *p, void *x, const char *data, size_t n, size_t at, size_t hole,
                      bool answer)
{
    at = at < n ? at : n;
    size_t left = hole < n - at ? n - at - hole : 0;
    body(p, x, data, at, answer);
    if (hole && answer)
        tp_calls_exchange_ops.response_hole(x, hole);
    else if (hole)
        tp_calls_exchange_ops.request_hole(x, hole);
    body(p, x, data + n - left, left, answer);
}

static void head_of(const char *message, struct tp_http_head *head, char line[512])
{
    *head = (struct tp_http_head){.method = "", .target = "", .version = "1.1"};
    snprintf(line, 512, "%.*s", (int)strcspn(message, "\n"), message);
    snprintf(fields_text, sizeof(fields_text), "%.*s", (int)(body_of(message) - message), message);
    const char *fields = strchr(fields_text, '\n');
    head->fields = fields ? fields + 1 : "";
    char *space = strchr(line, ' ');
    if (!space) {
        head->status = (int)strtol(line, NULL, 10);
        return;
    }
    *space = '\0';
    head->method = line;
    head->target = space + 1;
}

static void exchange(struct play *p, const char *request, const char *answer, size_t at,
                     size_t hole, bool request_hole, enum tp_exchange_end why)
{
    const struct tp_exchange_ops *ops = &tp_calls_exchange_ops;
    struct tp_conn_origin origin = {.pid = 42, .conn = 1, .generation = p->count, .tls = "openssl"};
    struct tp_http_head head;
    char line[512];
    if (request)
        head_of(request, &head, line);
    void *x = ops->request_begin(p->calls, &origin, request ? &head : NULL, p->now_ns += 10);
    if (request)
        body_hole(p, x, body_of(request), strlen(body_of(request)), request_hole ? at : 0,
                  request_hole ? hole : 0, false);
    ops->request_end(x, p->now_ns += 10);
    if (answer) {
        head_of(answer, &head, line);
        ops->response_begin(x, &head, p->now_ns += 10);
        body_hole(p, x, body_of(answer), strlen(body_of(answer)), request_hole ? 0 : at,
                  request_hole ? 0 : hole, true);
    }
    ops->response_end(x, why, p->now_ns += 10);
}

void play_exchange_bytes(struct play *p, const char *request, const char *answer_head,
                         const void *data, size_t n, size_t at, size_t hole)
{
    const struct tp_exchange_ops *ops = &tp_calls_exchange_ops;
    struct tp_conn_origin origin = {.pid = 42, .conn = 1, .generation = p->count, .tls = "openssl"};
    struct tp_http_head head;
    char line[512];
    head_of(request, &head, line);
    void *x = ops->request_begin(p->calls, &origin, &head, p->now_ns += 10);
    body(p, x, body_of(request), strlen(body_of(request)), false);
    ops->request_end(x, p->now_ns += 10);
    head_of(answer_head, &head, line);
    ops->response_begin(x, &head, p->now_ns += 10);
    body_hole(p, x, data, n, at, hole, true);
    ops->response_end(x, TP_END_COMPLETE, p->now_ns += 10);
}

void play_exchange(struct play *p, const char *request, const char *answer,
                   enum tp_exchange_end why)
{
    exchange(p, request, answer, 0, 0, false, why);
}

void play_exchange_hole(struct play *p, const char *request, const char *answer, size_t at,
                        size_t hole)
{
    exchange(p, request, answer, at, hole, false, TP_END_COMPLETE);
}

void play_exchange_request_hole(struct play *p, const char *request, const char *answer, size_t at,
                                size_t hole)
{
    exchange(p, request, answer, at, hole, true, TP_END_COMPLETE);
}

void play_exchange_lost_end(struct play *p, const char *request, const char *answer, size_t hole)
{
    exchange(p, request, answer, strlen(body_of(answer)), hole, false, TP_END_CLOSED);
}

bool play_file(struct play *p, const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/providers/%s", TP_TEST_DATA, name);
    FILE *f = fopen(path, "r");
    if (!f)
        return false;
    char *text = calloc(1, 1 << 16);
    size_t n = fread(text, 1, (1 << 16) - 1, f);
    fclose(f);
    char *answer = strstr(text, "\n--- ");
    if (n && answer) {
        *answer = '\0';
        play_exchange(p, text, answer + 5,
                      strstr(name, "cancelled") ? TP_END_CLOSED : TP_END_COMPLETE);
    }
    free(text);
    return answer != NULL;
}

/* ---- reading events ---- */

static const msgpack_object *get(const msgpack_object *map, const char *key, size_t n)
{
    for (uint32_t i = 0; map && map->type == MSGPACK_OBJECT_MAP && i < map->via.map.size; i++) {
        const msgpack_object_kv *kv = &map->via.map.ptr[i];
        if (kv->key.via.str.size == n && memcmp(kv->key.via.str.ptr, key, n) == 0)
            return &kv->val;
    }
    return NULL;
}

static void put(char *out, size_t size, const msgpack_object *o)
{
    size_t at = strlen(out);
    if (!o)
        return;
    if (o->type == MSGPACK_OBJECT_STR)
        snprintf(out + at, size - at, "%.*s", (int)o->via.str.size, o->via.str.ptr);
    else if (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
        snprintf(out + at, size - at, "%llu", (unsigned long long)o->via.u64);
    else if (o->type == MSGPACK_OBJECT_BOOLEAN)
        snprintf(out + at, size - at, "%s", o->via.boolean ? "true" : "false");
    else if (o->type == MSGPACK_OBJECT_BIN)
        for (uint32_t i = 0; i < o->via.bin.size && at + 2 * i + 3 < size; i++)
            snprintf(out + at + 2 * i, 3, "%02x", (uint8_t)o->via.bin.ptr[i]);
}

static void put_blocks(char *out, size_t size, const msgpack_object *array, const char *part)
{
    for (uint32_t i = 0; i < array->via.array.size; i++) {
        const msgpack_object *b = &array->via.array.ptr[i];
        size_t at = strlen(out);
        snprintf(out + at, size - at, "%s", i ? " " : "");
        if (part) {
            put(out, size, get(b, part, strlen(part)));
            continue;
        }
        put(out, size, get(b, "b", 1));
        for (int k = 0; k < 2; k++) {
            const msgpack_object *more = get(b, k ? "cid" : "nm", k ? 3 : 2);
            if (more)
                snprintf(out + strlen(out), size - strlen(out), ":");
            put(out, size, more);
        }
    }
}

const char *play_value(const struct play *p, size_t i, const char *key)
{
    static char values[8][8192];
    static unsigned turn;
    char *out = values[turn++ % 8];
    msgpack_unpacked u;
    *out = '\0';
    msgpack_unpacked_init(&u);
    if (i < p->count && msgpack_unpack_next(&u, p->events[i].data, p->events[i].n, NULL) ==
                            MSGPACK_UNPACK_SUCCESS) {
        const msgpack_object *o = &u.data;
        while (o && *key && o->type == MSGPACK_OBJECT_MAP) {
            size_t n = strcspn(key, ".");
            o = get(o, key, n);
            key += n + (key[n] == '.');
        }
        if (o && o->type == MSGPACK_OBJECT_ARRAY)
            put_blocks(out, sizeof(values[0]), o, *key ? key : NULL);
        else
            put(out, sizeof(values[0]), o);
    }
    msgpack_unpacked_destroy(&u);
    return out;
}

bool play_leaks(const struct play *p, const char *needle)
{
    for (size_t i = 0; i < p->count; i++)
        if (memmem(p->events[i].data, p->events[i].n, needle, strlen(needle)))
            return true;
    return false;
}
