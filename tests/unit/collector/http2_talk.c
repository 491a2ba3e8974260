/* SPDX-License-Identifier: MIT */
#include "http2_talk.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_MAX (256u << 20)

uint32_t talk_draw(struct talk *t, uint32_t below)
{
    t->random = t->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(t->random >> 33) % below;
}

static struct talk_stream *stream_at(struct talk *t, int32_t id)
{
    return &t->streams[(id - 1) / 2];
}

static nghttp2_nv field(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                        strlen(value), NGHTTP2_NV_FLAG_NONE};
}

static ssize_t read_body(struct talk *t, struct talk_stream *s, size_t *sent, size_t bytes,
                         uint8_t *buf, size_t length, uint32_t *flags)
{
    size_t n = 1 + talk_draw(t, 9000);
    if (n > length)
        n = length;
    if (n > bytes - *sent)
        n = bytes - *sent;
    memset(buf, s->letter, n);
    *sent += n;
    if (*sent == bytes)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

static ssize_t read_request(nghttp2_session *session, int32_t id, uint8_t *buf, size_t length,
                            uint32_t *flags, nghttp2_data_source *source, void *cx)
{
    (void)session;
    (void)source;
    struct talk_stream *s = stream_at(cx, id);
    return read_body(cx, s, &s->request_sent, s->request_bytes, buf, length, flags);
}

static ssize_t read_answer(nghttp2_session *session, int32_t id, uint8_t *buf, size_t length,
                           uint32_t *flags, nghttp2_data_source *source, void *cx)
{
    (void)source;
    struct talk_stream *s = stream_at(cx, id);
    ssize_t n = read_body(cx, s, &s->answer_sent, s->answer_bytes, buf, length, flags);
    if ((*flags & NGHTTP2_DATA_FLAG_EOF) && s->trailers) {
        nghttp2_nv trailer = field("x-checksum", "abc");
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        nghttp2_submit_trailer(session, id, &trailer, 1);
    }
    if (s->reset_by_server && s->answer_sent * 2 > s->answer_bytes)
        nghttp2_submit_rst_stream(session, 0, id, NGHTTP2_INTERNAL_ERROR);
    return n;
}

static ssize_t pad(nghttp2_session *session, const nghttp2_frame *frame, size_t max, void *cx)
{
    (void)session;
    struct talk *t = cx;
    size_t more = talk_draw(t, 4) == 0 ? talk_draw(t, 256) : 0;
    return (ssize_t)(frame->hd.length + more < max ? frame->hd.length + more : max);
}

/* The server answers when a request's head is there, or, as a stream draws, when all of it is. */
static void answer(struct talk *t, nghttp2_session *session, int32_t id)
{
    struct talk_stream *s = stream_at(t, id);
    char status[8], session_id[32];
    snprintf(status, sizeof(status), "%d", s->status);
    snprintf(session_id, sizeof(session_id), "s-%d", id % 7);
    nghttp2_nv fields[] = {field(":status", status), field("content-type", "application/json"),
                           field("x-session", session_id), field("x-id", s->path)};
    nghttp2_data_provider provider = {.read_callback = read_answer};
    if (s->informed) {
        nghttp2_nv early = field(":status", "103");
        nghttp2_submit_headers(session, NGHTTP2_FLAG_NONE, id, NULL, &early, 1, NULL);
    }
    nghttp2_submit_response(session, id, fields, 4, s->answer_bytes ? &provider : NULL);
}

static int on_server_frame(nghttp2_session *session, const nghttp2_frame *frame, void *cx)
{
    bool ends = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    if (ends)
        answer(cx, session, frame->hd.stream_id);
    return 0;
}

static nghttp2_session *session_new(struct talk *t, bool server)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_session *session;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_select_padding_callback(callbacks, pad);
    if (server)
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_server_frame);
    if (server)
        nghttp2_session_server_new(&session, callbacks, t);
    else
        nghttp2_session_client_new(&session, callbacks, t);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 250},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20},
        {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 1u << (8 + talk_draw(t, 9))},
    };
    nghttp2_submit_settings(session, 0, settings, 3);
    nghttp2_session_set_local_window_size(session, 0, 0, 1 << 28);
    return session;
}

static void draw_stream(struct talk *t, size_t i)
{
    struct talk_stream *s = &t->streams[i];
    snprintf(s->path, sizeof(s->path), "/v1/%zu/%u", i, talk_draw(t, 1000));
    s->letter = (char)('!' + i % 90);
    s->request_bytes = talk_draw(t, 3) ? talk_draw(t, 40000) : 0;
    s->answer_bytes = talk_draw(t, 8) ? talk_draw(t, 60000) : 0;
    s->status = talk_draw(t, 10) ? 200 : 429;
    s->trailers = s->answer_bytes && talk_draw(t, 4) == 0;
    s->informed = talk_draw(t, 6) == 0;
    s->long_head = talk_draw(t, 12) == 0;
    s->reset_by_client = !t->plain && s->request_bytes && talk_draw(t, 10) == 0;
    s->reset_by_server = !t->plain && s->answer_bytes > 1000 && talk_draw(t, 10) == 0;
}

static void submit(struct talk *t, nghttp2_session *client, size_t i)
{
    static char filler[20000];
    struct talk_stream *s = &t->streams[i];
    nghttp2_data_provider provider = {.read_callback = read_request};
    memset(filler, 'f', sizeof(filler) - 1);
    nghttp2_nv fields[] = {field(":method", "POST"),        field(":scheme", "https"),
                           field(":authority", "api.test"), field(":path", s->path),
                           field("user-agent", "talk/1"),   field("x-long", filler)};
    int32_t id = nghttp2_submit_request(client, NULL, fields, s->long_head ? 6 : 5,
                                        s->request_bytes ? &provider : NULL, NULL);
    if (s->reset_by_client)
        nghttp2_submit_rst_stream(client, 0, id, NGHTTP2_CANCEL);
}

static void add_move(struct talk *t, bool answer, const uint8_t *data, size_t n)
{
    if (t->move_count == t->move_cap) {
        t->move_cap = t->move_cap ? 2 * t->move_cap : 1024;
        t->moves = reallocarray(t->moves, t->move_cap, sizeof(*t->moves));
    }
    t->moves[t->move_count++] = (struct talk_move){answer, t->bytes.len, n};
    tp_buf_add(&t->bytes, data, n);
}

/* What one end has to say now reaches the other. */
static bool carry(struct talk *t, nghttp2_session *from, nghttp2_session *to, bool answer)
{
    const uint8_t *data;
    ssize_t n = nghttp2_session_mem_send(from, &data);
    if (n <= 0)
        return false;
    add_move(t, answer, data, (size_t)n);
    nghttp2_session_mem_recv(to, data, (size_t)n);
    return true;
}

void talk_make(struct talk *t, uint64_t seed, size_t streams, bool plain)
{
    *t = (struct talk){.random = seed * 2654435761u + 1, .count = streams, .plain = plain};
    tp_buf_init(&t->bytes, BYTES_MAX);
    nghttp2_session *client = session_new(t, false), *server = session_new(t, true);
    size_t next = 0, idle = 0;
    while (idle < 4) {
        if (next < streams && talk_draw(t, 3) == 0) {
            draw_stream(t, next);
            submit(t, client, next++);
        }
        bool answers = talk_draw(t, 2);
        bool moved = answers ? carry(t, server, client, true) : carry(t, client, server, false);
        if (!moved)
            moved = answers ? carry(t, client, server, false) : carry(t, server, client, true);
        idle = moved || next < streams ? 0 : idle + 1;
    }
    nghttp2_session_del(client);
    nghttp2_session_del(server);
}

void talk_done(struct talk *t)
{
    tp_buf_done(&t->bytes);
    free(t->moves);
}
