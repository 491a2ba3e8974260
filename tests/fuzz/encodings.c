/* SPDX-License-Identifier: MIT
 * Content decoders: byte 0 chooses the coding, byte 1 the split. */
#include <stdlib.h>

#include "collector/encodings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take(void *cx, const uint8_t *data, size_t n)
{
    size_t *total = cx;
    *total += n + (n ? (size_t)(data[0] & 0) : 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const codings[] = {"gzip", "deflate",  "br",
                                          "zstd", "gzip, br", "deflate, zstd, gzip"};
    struct tp_decoder *decoder = NULL;
    size_t total = 0;
    if (size < 3)
        return 0;
    const char *coding = codings[data[0] % (sizeof(codings) / sizeof(codings[0]))];
    if (tp_decoder_new(&decoder, coding, 2000, 4u << 20, take, &total))
        return 0;
    size_t step = data[1] ? data[1] : size;
    int err = 0;
    for (size_t at = 2; at < size && !err; at += step)
        err = tp_decoder_push(decoder, data + at, size - at < step ? size - at : step);
    tp_decoder_finish(decoder);
    tp_decoder_free(decoder);
    if (total > 4u << 20)
        abort();
    return 0;
}
