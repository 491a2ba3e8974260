/* SPDX-License-Identifier: MIT */
#include "collector/hpack.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>

/* RFC 7541, 4.1 and 4.2: the default size, and what an entry takes beside its text. */
#define TABLE_BYTES_DEFAULT 4096u
#define TABLE_BYTES_MAX 65536u
#define ENTRY_BYTES 32u

/* No field of any message can be named so (RFC 9110, 5.1). */
#define BLANK_NAME 0x01

void tp_hpack_init(struct tp_hpack *h)
{
    *h = (struct tp_hpack){.table_bytes_max = TABLE_BYTES_DEFAULT};
}

void tp_hpack_done(struct tp_hpack *h)
{
    if (h->inflater)
        nghttp2_hd_inflate_del(h->inflater);
    h->inflater = NULL;
}

void tp_hpack_allow(struct tp_hpack *h, uint32_t table_bytes)
{
    if (table_bytes > TABLE_BYTES_MAX)
        table_bytes = TABLE_BYTES_MAX;
    if (table_bytes <= h->table_bytes_max)
        return;
    h->table_bytes_max = table_bytes;
    if (h->inflater)
        nghttp2_hd_inflate_change_table_size(h->inflater, table_bytes);
}

void tp_hpack_miss(struct tp_hpack *h)
{
    tp_hpack_done(h);
    h->missed = true;
}

static int inflate_all(struct nghttp2_hd_inflater *inflater, const uint8_t *block, size_t n,
                       tp_hpack_field_fn *field, void *cx, size_t *ret_unknown)
{
    for (;;) {
        nghttp2_nv nv;
        int flags = 0;
        ssize_t used = nghttp2_hd_inflate_hd2(inflater, &nv, &flags, block, n, 1);
        if (used < 0)
            return used == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EBADMSG;
        block += used;
        n -= (size_t)used;
        if (flags & NGHTTP2_HD_INFLATE_EMIT) {
            if (nv.namelen == 1 && nv.name[0] == BLANK_NAME)
                ++*ret_unknown;
            else if (field)
                field(cx, nv.name, nv.namelen, nv.value, nv.valuelen);
        }
        if (flags & NGHTTP2_HD_INFLATE_FINAL)
            return nghttp2_hd_inflate_end_headers(inflater) ? -EBADMSG : 0;
        if (used == 0 && !(flags & NGHTTP2_HD_INFLATE_EMIT))
            return -EBADMSG;
    }
}

/* The table may have been of any size by now. As many of the smallest entries as fit into the
 * largest: none that the peer names lies beyond them. */
static int fill_with_blanks(struct tp_hpack *h)
{
    /* RFC 7541, 6.3: the table's size is 65536. 6.2.1: literals to be added, with new names. */
    static const uint8_t resize[] = {0x3f, 0xe1, 0xff, 0x03};
    static const uint8_t blank[] = {0x40, 0x01, BLANK_NAME, 0x00};
    const size_t count = TABLE_BYTES_MAX / (ENTRY_BYTES + 1);
    size_t n = sizeof(resize) + count * sizeof(blank), unknown = 0;
    uint8_t *block = malloc(n);

    if (!block)
        return -ENOMEM;
    memcpy(block, resize, sizeof(resize));
    for (size_t i = 0; i < count; i++)
        memcpy(block + sizeof(resize) + i * sizeof(blank), blank, sizeof(blank));
    int err = inflate_all(h->inflater, block, n, NULL, NULL, &unknown);
    free(block);
    return err;
}

static int begin(struct tp_hpack *h)
{
    if (nghttp2_hd_inflate_new(&h->inflater))
        return -ENOMEM;
    size_t bytes = h->missed ? TABLE_BYTES_MAX : h->table_bytes_max;
    if (bytes > TABLE_BYTES_DEFAULT && nghttp2_hd_inflate_change_table_size(h->inflater, bytes))
        return -ENOMEM;
    int err = h->missed ? fill_with_blanks(h) : 0;
    if (err)
        tp_hpack_done(h);
    return err;
}

int tp_hpack_read(struct tp_hpack *h, const uint8_t *block, size_t n, tp_hpack_field_fn *field,
                  void *cx, size_t *ret_unknown)
{
    *ret_unknown = 0;
    if (n == 0)
        return 0;
    int err = h->inflater ? 0 : begin(h);
    if (!err)
        err = inflate_all(h->inflater, block, n, field, cx, ret_unknown);
    if (err)
        tp_hpack_miss(h);
    return err;
}
