/* SPDX-License-Identifier: MIT */
#include "collector/body.h"

#include <errno.h>
#include <string.h>

/* How much of a body shows whether it is text. */
#define TEXT_BYTES 64

void tp_body_open(struct tp_body *b, const struct tp_http_head *head,
                  const struct tp_conn_limits *limits, tp_decoder_sink *sink, void *cx)
{
    *b = (struct tp_body){.sink = sink, .cx = cx};
    b->doubted = !head;
    if (!head)
        return;
    int err = tp_decoder_new(&b->decoder, tp_http_field(head, "content-encoding"),
                             limits->decoded_ratio_max, limits->decoded_bytes_max, sink, cx);
    if (err)
        b->undecodable = err == -ENOTSUP ? "unknown coding" : "no memory";
}

/* Compressed text has control bytes in it. */
static bool is_binary(const uint8_t *data, size_t n)
{
    for (size_t i = 0; i < n && i < TEXT_BYTES; i++)
        if (data[i] < 0x20 && data[i] != '\t' && data[i] != '\n' && data[i] != '\r')
            return true;
    return false;
}

void tp_body_push(struct tp_body *b, const uint8_t *data, size_t n)
{
    int err = 0;

    if (b->doubted && !b->decoder && is_binary(data, n))
        b->undecodable = "head lost";
    b->doubted = false;

    if (b->undecodable) {
        b->undecoded_bytes += n;
        return;
    }
    if (b->decoder)
        err = tp_decoder_push(b->decoder, data, n);
    else
        b->sink(b->cx, data, n);
    if (err) {
        b->undecodable = err == -E2BIG ? "too large" : err == -ENOMEM ? "no memory" : "bad data";
        b->undecoded_bytes = n;
    }
}

void tp_body_hole(struct tp_body *b)
{
    if (b->decoder && !b->undecodable)
        b->undecodable = "after a hole";
}

void tp_body_doubt(struct tp_body *b)
{
    b->doubted = true;
}

static bool begins_with(const uint8_t *data, size_t n, const char *s)
{
    size_t len = strlen(s);
    return n >= len && memcmp(data, s, len) == 0;
}

bool tp_body_is_events(const uint8_t *data, size_t n)
{
    return begins_with(data, n, "data:") || begins_with(data, n, "event:") ||
           memmem(data, n, "\ndata: {", 8);
}

const char *tp_body_close(struct tp_body *b, bool cut, uint64_t *ret_undecoded_bytes)
{
    const char *why = b->undecodable;

    if (!why && b->decoder && !cut && tp_decoder_finish(b->decoder))
        why = "truncated";
    if (why && b->undecoded_bytes == 0 && !b->decoder)
        why = NULL;
    *ret_undecoded_bytes = why ? b->undecoded_bytes : 0;
    tp_decoder_free(b->decoder);
    *b = (struct tp_body){0};
    return why;
}
