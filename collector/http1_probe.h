/* SPDX-License-Identifier: MIT
 * Does a head, or a chunk's boundary, stand here? Asked of bytes that may end anywhere.
 */
#ifndef TP_HTTP1_PROBE_H
#define TP_HTTP1_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tp_probe { TP_PROBE_NO, TP_PROBE_MORE, TP_PROBE_YES };

enum tp_http1_role { TP_HTTP1_ANY, TP_HTTP1_REQUESTS, TP_HTTP1_RESPONSES };

/* How far a head was looked at, so that bytes that come singly are not looked at again and again.
 */
struct tp_head_probe {
    size_t line; /* start of the first line that is not known to be good */
    size_t seen; /* no line end before this */
    bool fields;
};

/* Is data[0..n) a head, or the beginning of one? `strict` is for search in the midst of anything:
 * known methods, CRLF and at least one field, so that text about HTTP is not taken for it. YES:
 * *ret_len is its length. NO: state->line is where it went wrong. */
enum tp_probe tp_probe_head(struct tp_head_probe *state, enum tp_http1_role role, bool strict,
                            const uint8_t *data, size_t n, size_t *ret_len);

/* Is data[0..n) CRLF hex [;ext] CRLF, or its beginning? `fresh`: directly after a hole, where the
 * first CRLF may be missing in part or whole. A size of 0 wants the trailer and the last CRLF too.
 * YES: *ret_len bytes up to the chunk's data, *ret_size bytes of data. */
enum tp_probe tp_probe_chunk(const uint8_t *data, size_t n, bool fresh, size_t *ret_len,
                             uint64_t *ret_size);

/* A chunk's first line, without its LF: hex digits, blanks, then the end or an extension (RFC 9112,
 * 7.1). Of what is known to be one; for guesses see above. False: it is none, or 2^56 and more. */
bool tp_chunk_size(const uint8_t *p, size_t n, uint64_t *ret_size);

/* Value of a hex digit, or -1. */
int tp_hex_value(uint8_t c);

#endif
