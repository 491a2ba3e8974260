/* SPDX-License-Identifier: MIT */
#include "collector/body.h"

#include <errno.h>

void tp_body_open(struct tp_body *b, const struct tp_http_head *head,
                  const struct tp_conn_limits *limits, tp_decoder_sink *sink, void *cx)
{
    *b = (struct tp_body){.sink = sink, .cx = cx};
    if (!head)
        return;
    int err = tp_decoder_new(&b->decoder, tp_http_field(head, "content-encoding"),
                             limits->decoded_ratio_max, limits->decoded_bytes_max, sink, cx);
    if (err)
        b->undecodable = err == -ENOTSUP ? "unknown coding" : "no memory";
}

void tp_body_push(struct tp_body *b, const uint8_t *data, size_t n)
{
    int err = 0;

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

void tp_body_refuse(struct tp_body *b, const char *why)
{
    b->undecodable = why;
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
