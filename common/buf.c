/* SPDX-License-Identifier: MIT */
#include "common/buf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void tp_buf_init(struct tp_buf *b, size_t max_bytes)
{
    *b = (struct tp_buf){.max = max_bytes};
}

void tp_buf_done(struct tp_buf *b)
{
    if (!b)
        return;
    free(b->data);
    tp_buf_init(b, b->max);
}

static int grow(struct tp_buf *b, size_t need)
{
    size_t cap = b->cap ? b->cap : 256;
    while (cap < need)
        cap *= 2;
    if (cap > b->max)
        cap = b->max;
    uint8_t *data = realloc(b->data, cap);
    if (!data)
        return -ENOMEM;
    b->data = data;
    b->cap = cap;
    return 0;
}

int tp_buf_add(struct tp_buf *b, const void *data, size_t n)
{
    if (n > b->max - b->len)
        return -ENOSPC;
    if (n == 0)
        return 0;
    if (b->len + n > b->cap) {
        int err = grow(b, b->len + n);
        if (err)
            return err;
    }
    memcpy(b->data + b->len, data, n);
    b->len += n;
    return 0;
}

void tp_buf_drop(struct tp_buf *b, size_t n)
{
    if (n >= b->len) {
        b->len = 0;
        return;
    }
    memmove(b->data, b->data + n, b->len - n);
    b->len -= n;
}

void tp_buf_clear(struct tp_buf *b)
{
    b->len = 0;
}
