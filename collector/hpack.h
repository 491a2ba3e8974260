/* SPDX-License-Identifier: MIT
 * Header blocks of one direction of an HTTP/2 connection (RFC 7541), decoded by nghttp2's inflater.
 *
 * Its table must have seen every block since the connection began. Where one was missed (a hole, or
 * a connection joined in the middle) the table's entries are unknown, but not for ever: what later
 * blocks add to it is known, and an entry is always named by how many were added since. So the
 * table is then filled with blanks, and fields that are taken from a blank are told as unknown.
 */
#ifndef TP_HPACK_H
#define TP_HPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nghttp2_hd_inflater;

struct tp_hpack {
    struct nghttp2_hd_inflater *inflater; /* NULL before the first block */
    size_t table_bytes_max;               /* as the receiver allows */
    bool missed;                          /* blocks went by unseen: begin with blanks */
};

void tp_hpack_init(struct tp_hpack *h);
void tp_hpack_done(struct tp_hpack *h);

/* The receiver's SETTINGS_HEADER_TABLE_SIZE. Only the largest counts: a smaller one is also told by
 * the blocks themselves, when it begins to hold. Past 64 KiB it is not followed. */
void tp_hpack_allow(struct tp_hpack *h, uint32_t table_bytes);
/* A block went by that tp_hpack_read() will not see whole. */
void tp_hpack_miss(struct tp_hpack *h);

/* One field, not NUL-terminated. */
typedef void tp_hpack_field_fn(void *cx, const uint8_t *name, size_t name_len, const uint8_t *value,
                               size_t value_len);

/* Reads a whole block of n bytes. ret_unknown: how many fields could not be told. 0, -EBADMSG (no
 * valid block; counts as missed) or -ENOMEM. */
int tp_hpack_read(struct tp_hpack *h, const uint8_t *block, size_t n, tp_hpack_field_fn *field,
                  void *cx, size_t *ret_unknown);

#endif
