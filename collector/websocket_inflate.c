/* SPDX-License-Identifier: MIT */
#include "collector/websocket_inflate.h"

#include <errno.h>

#define OUT_BYTES 16384
/* So much output is believed whatever its ratio. */
#define FREE_BYTES (1u << 20)
/* The largest window reads what smaller ones wrote. */
#define RAW_WINDOW_BITS (-15)

static int begin(struct tp_ws_inflate *i)
{
    if (i->ready)
        return 0;
    if (inflateInit2(&i->stream, RAW_WINDOW_BITS) != Z_OK)
        return -ENOMEM;
    i->ready = true;
    return 0;
}

static bool is_too_much(const struct tp_ws_inflate *i, const struct tp_conn_limits *limits)
{
    if (i->out_bytes > limits->decoded_bytes_max)
        return true;
    return limits->decoded_ratio_max && i->out_bytes > FREE_BYTES &&
           i->out_bytes / limits->decoded_ratio_max > i->in_bytes;
}

static int run(struct tp_ws_inflate *i, const struct tp_conn_limits *limits, tp_decoder_sink *sink,
               void *cx)
{
    uint8_t out[OUT_BYTES];
    do {
        i->stream.next_out = out;
        i->stream.avail_out = sizeof(out);
        int status = inflate(&i->stream, Z_SYNC_FLUSH);
        size_t made = sizeof(out) - i->stream.avail_out;
        i->out_bytes += made;
        if (is_too_much(i, limits))
            return -E2BIG;
        if (made)
            sink(cx, out, made);
        /* A final block ends the text, not the message (RFC 7692, 7.2.3.4). */
        if (status == Z_STREAM_END && inflateReset(&i->stream) != Z_OK)
            return -EBADMSG;
        if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
            return status == Z_MEM_ERROR ? -ENOMEM : -EBADMSG;
        if (status == Z_BUF_ERROR)
            break;
    } while (i->stream.avail_in > 0 || i->stream.avail_out == 0);
    return 0;
}

int tp_ws_inflate_push(struct tp_ws_inflate *i, const struct tp_conn_limits *limits,
                       const uint8_t *data, size_t n, tp_decoder_sink *sink, void *cx)
{
    if (i->broken)
        return -EBADMSG;
    int err = begin(i);
    if (!err) {
        i->in_bytes += n;
        i->stream.next_in = (uint8_t *)(uintptr_t)data;
        i->stream.avail_in = (unsigned)n;
        err = run(i, limits, sink, cx);
    }
    if (err)
        i->broken = true;
    return err;
}

int tp_ws_inflate_finish(struct tp_ws_inflate *i, const struct tp_conn_limits *limits,
                         tp_decoder_sink *sink, void *cx)
{
    static const uint8_t tail[] = {0x00, 0x00, 0xff, 0xff};
    int err = tp_ws_inflate_push(i, limits, tail, sizeof(tail), sink, cx);
    if (err || i->alone)
        tp_ws_inflate_forget(i);
    i->in_bytes = i->out_bytes = 0;
    return err;
}

void tp_ws_inflate_forget(struct tp_ws_inflate *i)
{
    i->broken = false;
    if (i->ready && inflateReset(&i->stream) != Z_OK)
        tp_ws_inflate_done(i);
}

void tp_ws_inflate_break(struct tp_ws_inflate *i)
{
    i->broken = true;
}

void tp_ws_inflate_done(struct tp_ws_inflate *i)
{
    if (i->ready)
        inflateEnd(&i->stream);
    i->ready = false;
}
