/* SPDX-License-Identifier: MIT
 * Content codings (RFC 9110, 8.4): gzip, deflate, br, zstd and chains of them, decoded as bytes
 * arrive.
 */
#ifndef TP_ENCODINGS_H
#define TP_ENCODINGS_H

#include <stddef.h>
#include <stdint.h>

struct tp_decoder;

typedef void tp_decoder_sink(void *cx, const uint8_t *data, size_t n);

/* `coding` is a Content-Encoding value. *ret_decoder is NULL where there is nothing to decode.
 * ratio_max: output over input that is believed (0: any; the first MiB is free); bytes_max: output
 * at the most. 0, -ENOTSUP (a coding we do not know, or a chain of more than four) or -ENOMEM. */
int tp_decoder_new(struct tp_decoder **ret_decoder, const char *coding, size_t ratio_max,
                   size_t bytes_max, tp_decoder_sink *sink, void *cx);
void tp_decoder_free(struct tp_decoder *decoder);

/* Decodes n bytes; all output that they allow reaches the sink before it returns. 0; -EBADMSG (bad
 * data), -E2BIG (past a ceiling) or -ENOMEM, after which nothing more can be decoded. */
int tp_decoder_push(struct tp_decoder *decoder, const uint8_t *data, size_t n);

/* The body is over: 0, or -EBADMSG where the coding is not at an end. */
int tp_decoder_finish(const struct tp_decoder *decoder);

#endif
