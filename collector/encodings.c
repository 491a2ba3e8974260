/* SPDX-License-Identifier: MIT */
#include "collector/encodings.h"

#include <brotli/decode.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>
#include <zstd.h>

/* A body coded more often than this is no real one, and each stage costs a window. */
#define STAGES_MAX 4
#define OUT_BYTES (16u * 1024u)
#define FREE_BYTES (1024u * 1024u) /* output that no ratio is asked of */
#define ZSTD_WINDOW_LOG_MAX 23     /* RFC 9659: 8 MiB for zstd as a content coding */

/* Codings are those of RFC 9110, 8.4 and the registry of content codings; "none" and "utf-8" stand
 * in the field by mistake of real servers, with bodies that are not coded. */
enum coding { IDENTITY, GZIP, DEFLATE, BROTLI, ZSTD_CODING, UNKNOWN };

struct stage {
    enum coding coding;
    bool begun; /* deflate: zlib or raw is known; gzip and zstd: inside a member or frame */
    bool ended; /* nothing is open */
    bool any;   /* something was put in */
    z_stream z;
    bool z_ready;
    BrotliDecoderState *brotli;
    ZSTD_DCtx *zstd;
};

struct tp_decoder {
    struct stage stages[STAGES_MAX]; /* in the order of decoding */
    size_t count;
    uint64_t in_bytes, out_bytes;
    size_t ratio_max, bytes_max;
    tp_decoder_sink *sink;
    void *cx;
};

static int push_stage(struct tp_decoder *d, size_t i, const uint8_t *data, size_t n);

static enum coding coding_of(const char *name, size_t n)
{
    static const struct {
        const char *name;
        enum coding coding;
    } table[] = {{"gzip", GZIP},     {"x-gzip", GZIP},      {"deflate", DEFLATE},
                 {"br", BROTLI},     {"zstd", ZSTD_CODING}, {"identity", IDENTITY},
                 {"none", IDENTITY}, {"utf-8", IDENTITY}};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (strlen(table[i].name) == n && strncasecmp(table[i].name, name, n) == 0)
            return table[i].coding;
    return UNKNOWN;
}

/* Names are listed in the order of encoding; decoding goes backwards. 0 or -ENOTSUP. */
static int parse_codings(struct tp_decoder *d, const char *s)
{
    while (*s) {
        s += strspn(s, ", \t");
        size_t n = strcspn(s, ", \t;");
        enum coding coding = n ? coding_of(s, n) : IDENTITY;
        s += n;
        s += strcspn(s, ",");
        if (coding == IDENTITY)
            continue;
        if (coding == UNKNOWN || d->count == STAGES_MAX)
            return -ENOTSUP;
        memmove(d->stages + 1, d->stages, d->count * sizeof(d->stages[0]));
        d->stages[0] = (struct stage){.coding = coding};
        d->count++;
    }
    return 0;
}

/* The window's ceiling bounds what a hostile frame can make us allocate: 32 KiB for inflate, 16 MiB
 * for brotli by its format (RFC 7932, 9.1), 8 MiB for zstd by our word. */
static int stage_open(struct stage *s)
{
    switch (s->coding) {
    case GZIP:
        s->z_ready = inflateInit2(&s->z, 15 + 16) == Z_OK;
        return s->z_ready ? 0 : -ENOMEM;
    case BROTLI:
        s->brotli = BrotliDecoderCreateInstance(NULL, NULL, NULL);
        return s->brotli ? 0 : -ENOMEM;
    case ZSTD_CODING:
        s->zstd = ZSTD_createDCtx();
        if (!s->zstd)
            return -ENOMEM;
        ZSTD_DCtx_setParameter(s->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX);
        return 0;
    default:
        return 0; /* deflate opens when its first byte is seen */
    }
}

static void stage_close(struct stage *s)
{
    if (s->z_ready)
        inflateEnd(&s->z);
    if (s->brotli)
        BrotliDecoderDestroyInstance(s->brotli);
    ZSTD_freeDCtx(s->zstd);
}

int tp_decoder_new(struct tp_decoder **ret_decoder, const char *coding, size_t ratio_max,
                   size_t bytes_max, tp_decoder_sink *sink, void *cx)
{
    struct tp_decoder *d = calloc(1, sizeof(*d));
    if (!d)
        return -ENOMEM;
    d->ratio_max = ratio_max;
    d->bytes_max = bytes_max;
    d->sink = sink;
    d->cx = cx;
    int err = coding ? parse_codings(d, coding) : 0;
    for (size_t i = 0; !err && i < d->count; i++)
        err = stage_open(&d->stages[i]);
    if (err || d->count == 0) {
        tp_decoder_free(d);
        d = NULL;
    }
    if (!err)
        *ret_decoder = d;
    return err;
}

void tp_decoder_free(struct tp_decoder *decoder)
{
    for (size_t i = 0; decoder && i < decoder->count; i++)
        stage_close(&decoder->stages[i]);
    free(decoder);
}

/* Bombs are stopped here, at the output of the last stage: by size, and by ratio once there is
 * enough of it for a ratio to mean something (a short run of blanks packs very well). A bomb
 * between two stages goes through in pieces of OUT_BYTES, so it costs time but no memory. */
static int emit(struct tp_decoder *d, size_t i, const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    if (i + 1 < d->count)
        return push_stage(d, i + 1, data, n);
    if (n > d->bytes_max - d->out_bytes)
        return -E2BIG;
    d->out_bytes += n;
    if (d->ratio_max && d->out_bytes > FREE_BYTES && d->out_bytes / d->ratio_max > d->in_bytes)
        return -E2BIG;
    d->sink(d->cx, data, n);
    return 0;
}

/* "deflate" is zlib (RFC 1950), but some send raw deflate (RFC 1951). The first byte tells: zlib's
 * ends in method 8, which in raw deflate would be a stored block with a stray bit in its padding.
 */
static int open_deflate(struct stage *s, uint8_t first)
{
    bool zlib = (first & 0x0f) == 8 && first >> 4 <= 7;
    s->begun = true;
    s->z_ready = inflateInit2(&s->z, zlib ? 15 : -15) == Z_OK;
    return s->z_ready ? 0 : -ENOMEM;
}

/* A gzip member ended: another may follow, or zeros that fill up (RFC 1952, 2.2). */
static int next_member(struct stage *s)
{
    while (s->z.avail_in && *s->z.next_in == 0) {
        s->z.next_in++;
        s->z.avail_in--;
    }
    if (s->z.avail_in == 0)
        return 0;
    if (s->coding != GZIP || inflateReset(&s->z) != Z_OK)
        return -EBADMSG;
    s->ended = false;
    return 0;
}

/* Z_SYNC_FLUSH: give out all that the input so far says. An event stream is flushed event by event,
 * and the time of each matters. Z_BUF_ERROR only says that no more came of it. */
static int push_zlib(struct tp_decoder *d, size_t i, const uint8_t *data, size_t n)
{
    struct stage *s = &d->stages[i];
    uint8_t out[OUT_BYTES];
    int err = s->coding == DEFLATE && !s->begun ? open_deflate(s, data[0]) : 0;
    if (err)
        return err;
    s->z.next_in = (Bytef *)(uintptr_t)data;
    s->z.avail_in = (uInt)n;
    do {
        if (s->ended && (err = next_member(s)))
            return err;
        if (s->ended)
            return 0;
        s->z.next_out = out;
        s->z.avail_out = sizeof(out);
        int status = inflate(&s->z, Z_SYNC_FLUSH);
        err = emit(d, i, out, sizeof(out) - s->z.avail_out);
        if (err)
            return err;
        if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
            return status == Z_MEM_ERROR ? -ENOMEM : -EBADMSG;
        s->ended = status == Z_STREAM_END;
    } while (s->z.avail_in || s->z.avail_out == 0);
    return 0;
}

static int push_brotli(struct tp_decoder *d, size_t i, const uint8_t *data, size_t n)
{
    struct stage *s = &d->stages[i];
    uint8_t out[OUT_BYTES];
    BrotliDecoderResult result;
    do {
        uint8_t *next_out = out;
        size_t room = sizeof(out);
        result = BrotliDecoderDecompressStream(s->brotli, &n, &data, &room, &next_out, NULL);
        int err = emit(d, i, out, sizeof(out) - room);
        if (err)
            return err;
        if (result == BROTLI_DECODER_RESULT_ERROR)
            return -EBADMSG;
    } while (result == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT);
    s->ended = result == BROTLI_DECODER_RESULT_SUCCESS;
    return s->ended && n > 0 ? -EBADMSG : 0;
}

/* "Ended" means at a frame's end; more frames may follow (RFC 8878, 3.1). A call that neither takes
 * nor gives says nothing about that. */
static int push_zstd(struct tp_decoder *d, size_t i, const uint8_t *data, size_t n)
{
    struct stage *s = &d->stages[i];
    uint8_t buf[OUT_BYTES];
    ZSTD_inBuffer in = {data, n, 0};
    ZSTD_outBuffer out;
    do {
        out = (ZSTD_outBuffer){buf, sizeof(buf), 0};
        size_t taken = in.pos;
        size_t left = ZSTD_decompressStream(s->zstd, &out, &in);
        int err = emit(d, i, buf, out.pos);
        if (err)
            return err;
        if (ZSTD_isError(left))
            return -EBADMSG;
        if (out.pos > 0 || in.pos > taken)
            s->ended = left == 0;
    } while (in.pos < in.size || out.pos == out.size);
    return 0;
}

static int push_stage(struct tp_decoder *d, size_t i, const uint8_t *data, size_t n)
{
    d->stages[i].any = true;
    switch (d->stages[i].coding) {
    case BROTLI:
        return push_brotli(d, i, data, n);
    case ZSTD_CODING:
        return push_zstd(d, i, data, n);
    default:
        return push_zlib(d, i, data, n);
    }
}

int tp_decoder_push(struct tp_decoder *decoder, const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    decoder->in_bytes += n;
    return push_stage(decoder, 0, data, n);
}

/* A stage that got no byte is fine: an empty body with a coding in its head is common (HEAD, 304,
 * an error without text). */
int tp_decoder_finish(const struct tp_decoder *decoder)
{
    for (size_t i = 0; i < decoder->count; i++)
        if (decoder->stages[i].any && !decoder->stages[i].ended)
            return -EBADMSG;
    return 0;
}
