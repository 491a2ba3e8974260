/* SPDX-License-Identifier: MIT
 * A byte buffer that grows up to a ceiling fixed when it is made.
 */
#ifndef TP_BUF_H
#define TP_BUF_H

#include <stddef.h>
#include <stdint.h>

/* Members may be read; only the functions change them. `data` moves when the buffer grows. */
struct tp_buf {
    uint8_t *data; /* NULL while nothing was ever added */
    size_t len;
    size_t cap;
    size_t max; /* ceiling in bytes; never exceeded */
};

/* An empty buffer; allocates nothing. */
void tp_buf_init(struct tp_buf *b, size_t max_bytes);

/* Frees the storage; the buffer is empty and usable again, with the same ceiling. NULL is fine. */
void tp_buf_done(struct tp_buf *b);

/* Appends n bytes. 0; -ENOSPC past the ceiling and -ENOMEM without memory, both leaving it
 * unchanged. */
int tp_buf_add(struct tp_buf *b, const void *data, size_t n);

/* Drops the first n bytes (all, if n > len). */
void tp_buf_drop(struct tp_buf *b, size_t n);

/* Forgets the content, keeps the storage. */
void tp_buf_clear(struct tp_buf *b);

#endif
