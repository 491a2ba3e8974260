/* SPDX-License-Identifier: MIT
 * Answers in frames, as Amazon Bedrock streams them: converse-stream puts its events in as they
 * are, invoke-with-response-stream wraps each event of the model's own vendor as
 * {"bytes": "BASE64"} (API reference: ResponseStream, PayloadPart). All functions take NULL.
 */
#include <stdlib.h>
#include <string.h>

#include "collector/call.h"

struct tp_frames {
    struct tp_call *call;
    struct tp_eventstream stream;
    struct tp_rules *rules; /* of the wrapping */
    struct tp_rules_walk walk;
    struct tp_json json;
    bool wrapped;   /* the event being read may hold another */
    uint32_t bits;  /* of base64, not yet a byte */
    uint8_t digits; /* of the group of four that is being read */
};

static int digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Gives on every byte that is whole; padding and foreign characters hold none. */
static void take_base64(void *cx, int action, const struct tp_json_event *e)
{
    struct tp_frames *f = cx;
    char out[256];
    size_t n = 0;
    (void)action;
    for (size_t i = 0; e->type == TP_JSON_STRING && i < e->len; i++) {
        int digit = digit_of(e->data[i]);
        if (digit < 0)
            continue;
        f->bits = f->bits << 6 | (uint32_t)digit;
        if (f->digits)
            out[n++] = (char)(f->bits >> (6 - 2 * f->digits));
        f->digits = (f->digits + 1) % 4;
        if (n == sizeof(out)) {
            tp_call_events.data(f->call, out, n);
            n = 0;
        }
    }
    if (n)
        tp_call_events.data(f->call, out, n);
}

static void on_begin(void *cx, const char *event)
{
    struct tp_frames *f = cx;
    f->wrapped = strcmp(event, "chunk") == 0;
    f->bits = 0;
    f->digits = 0;
    if (tp_eventstream_failed(&f->stream))
        f->call->failed = true;
    tp_rules_walk_reset(&f->walk);
    tp_json_reset(&f->json);
    tp_call_events.begin(f->call, f->wrapped ? "" : event);
}

static void on_data(void *cx, const char *data, size_t n)
{
    struct tp_frames *f = cx;
    if (!f->wrapped)
        tp_call_events.data(f->call, data, n);
    else if (tp_json_feed(&f->json, data, n))
        f->call->event_bad = true;
}

static void on_end(void *cx)
{
    struct tp_frames *f = cx;
    tp_call_events.end(f->call);
}

static void on_abort(void *cx)
{
    struct tp_frames *f = cx;
    tp_call_events.abort(f->call);
}

static const struct tp_json_rule wrapping[] = {{"bytes", 0}, {NULL}};
static const struct tp_rules_sink sink = {.match = take_base64};
static const struct tp_sse_handler handler = {
    .begin = on_begin, .data = on_data, .end = on_end, .abort = on_abort};

struct tp_frames *tp_frames_new(struct tp_call *call)
{
    struct tp_frames *f = calloc(1, sizeof(*f));
    if (!f || tp_rules_new(&f->rules, wrapping)) {
        free(f);
        return NULL;
    }
    f->call = call;
    tp_eventstream_init(&f->stream, &handler, f);
    tp_rules_walk_init(&f->walk, f->rules, &sink, f, false);
    tp_json_init(&f->json, &tp_rules_handler, &f->walk, false);
    return f;
}

void tp_frames_free(struct tp_frames *frames)
{
    if (!frames)
        return;
    tp_json_done(&frames->json);
    tp_rules_walk_done(&frames->walk);
    tp_rules_free(frames->rules);
    free(frames);
}

void tp_frames_feed(struct tp_frames *frames, const char *data, size_t n)
{
    if (frames)
        tp_eventstream_feed(&frames->stream, data, n);
}

void tp_frames_hole(struct tp_frames *frames)
{
    if (frames)
        tp_eventstream_hole(&frames->stream);
}

/* A message whose checksum failed was not seen as it was sent: what it held is lost. */
void tp_frames_end(struct tp_frames *frames)
{
    if (!frames)
        return;
    tp_eventstream_end(&frames->stream);
    frames->call->damaged_events += frames->stream.bad_messages;
    frames->call->damaged_bytes += frames->stream.bad_bytes;
}
