/* SPDX-License-Identifier: MIT OR GPL-2.0-only
 *
 * Does it look like HTTP? By the first bytes of what one end said.
 */
#ifndef TP_LOOKS_BPF_H
#define TP_LOOKS_BPF_H

#include "bpf/maps.bpf.h"

#define TP_WORD(a, b, c, d, e, f, g, h)                                                            \
    ((tp_u64)(a) | (tp_u64)(b) << 8 | (tp_u64)(c) << 16 | (tp_u64)(d) << 24 | (tp_u64)(e) << 32 |  \
     (tp_u64)(f) << 40 | (tp_u64)(g) << 48 | (tp_u64)(h) << 56)

/* Do the n first bytes agree with a word of `length` bytes, as far as both go? */
static __always_inline int agrees(tp_u64 first, tp_u64 n, tp_u64 word, tp_u64 length)
{
    tp_u64 shorter = n < length ? n : length;
    tp_u64 mask = shorter < 8 ? (1ull << 8 * shorter) - 1 : ~0ull;
    return ((first ^ word) & mask) == 0;
}

/* "PRI " begins HTTP/2. */
static __always_inline int is_request(tp_u64 first, tp_u64 n)
{
    return agrees(first, n, TP_WORD('P', 'O', 'S', 'T', ' ', '/', 0, 0), 6) ||
           agrees(first, n, TP_WORD('G', 'E', 'T', ' ', '/', 0, 0, 0), 5) ||
           agrees(first, n, TP_WORD('P', 'O', 'S', 'T', ' ', 'h', 't', 't'), 8) ||
           agrees(first, n, TP_WORD('G', 'E', 'T', ' ', 'h', 't', 't', 'p'), 8) ||
           agrees(first, n, TP_WORD('H', 'E', 'A', 'D', ' ', '/', 0, 0), 6) ||
           agrees(first, n, TP_WORD('P', 'U', 'T', ' ', '/', 0, 0, 0), 5) ||
           agrees(first, n, TP_WORD('P', 'A', 'T', 'C', 'H', ' ', '/', 0), 7) ||
           agrees(first, n, TP_WORD('D', 'E', 'L', 'E', 'T', 'E', ' ', '/'), 8) ||
           agrees(first, n, TP_WORD('O', 'P', 'T', 'I', 'O', 'N', 'S', ' '), 8) ||
           agrees(first, n, TP_WORD('P', 'R', 'I', ' ', '*', ' ', 'H', 'T'), 8);
}

/* CONNECT: a tunnel through a proxy; inside is TLS. */
static __always_inline int is_tunnel(tp_u64 first, tp_u64 n)
{
    return n >= 4 && agrees(first, n, TP_WORD('C', 'O', 'N', 'N', 'E', 'C', 'T', ' '), 8);
}

static __always_inline int is_answer(tp_u64 first, tp_u64 n)
{
    return n >= 7 && agrees(first, n, TP_WORD('H', 'T', 'T', 'P', '/', '1', '.', 0), 7);
}

/* A TLS record: handshake, version 3.x. */
static __always_inline int is_tls(tp_u64 first)
{
    return (first & 0xffff) == 0x0316;
}

/* The first frame of an HTTP/2 server (RFC 9113, 3.4): SETTINGS of less than 64 KiB, on no stream.
 */
static __always_inline int is_settings(tp_u64 first)
{
    return (first & 0xff) == 0 && first >> 24 == 4;
}

#endif
