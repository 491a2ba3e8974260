/* SPDX-License-Identifier: MIT OR GPL-2.0-only
 *
 * Copies the bytes of one TLS call into the data ring, in pieces of up to TP_CHUNK_BYTES_MAX, and
 * keeps the ledger: each byte ends up as copied or as lost for one reason.
 */
#ifndef TP_COPY_BPF_H
#define TP_COPY_BPF_H

#include "bpf/maps.bpf.h"

/* Unread bytes in the data ring at which its reader is woken; below, it looks by timer, because a
 * wake-up costs the traced process some 20 us. Set by user space. */
const volatile tp_u64 wake_bytes = 4 * 1024 * 1024;

#define TP_PIECES_TOGETHER 16

struct tp_copy {
    tp_u64 own_ids;
    tp_u64 conn;
    tp_u64 generation;
    tp_u64 entry_ns;
    tp_u64 address;
    tp_u64 left; /* bytes not yet dealt with */
    tp_u64 offset;
    tp_u64 peer_offset;
    tp_u64 lost_bytes;
    tp_u32 lost_records;
    tp_u32 target;
    tp_u16 stack;
    tp_u8 direction;
    tp_u8 unlinked;
    tp_u32 pad;
};

static __always_inline tp_u64 wake_flags(tp_u64 record_bytes)
{
    tp_u64 unread = bpf_ringbuf_query(&data_ring, BPF_RB_AVAIL_DATA);
    if (unread >= wake_bytes && unread - record_bytes < wake_bytes)
        return BPF_RB_FORCE_WAKEUP;
    return BPF_RB_NO_WAKEUP;
}

static __always_inline void copy_lost(struct tp_copy *copy, enum tp_loss_reason why, tp_u64 n)
{
    count_lost(why, n, 1);
    copy->lost_bytes += n;
    copy->lost_records++;
}

static __always_inline void fill_data(struct tp_data_record *r, const struct tp_copy *copy,
                                      tp_u64 n)
{
    fill_head(&r->head, TP_RECORD_DATA, sizeof(*r) + n, copy->own_ids);
    r->conn = copy->conn;
    r->generation = copy->generation;
    r->entry_ns = copy->entry_ns;
    r->offset = copy->offset;
    r->peer_offset = copy->peer_offset;
    r->length = n;
    r->direction = copy->direction;
    r->failed = 0;
    r->stack = copy->stack;
    r->target = copy->target;
    r->unlinked = copy->unlinked;
}

/* bpf_ringbuf_reserve wants a constant size: one function for each size class. */
#define TP_DEFINE_PUT(BYTES)                                                                       \
    static __always_inline void put_##BYTES(struct tp_copy *copy, tp_u64 n)                        \
    {                                                                                              \
        struct {                                                                                   \
            struct tp_data_record record;                                                          \
            tp_u8 data[BYTES];                                                                     \
        } *r = bpf_ringbuf_reserve(&data_ring, sizeof(*r), 0);                                     \
        if (!r) {                                                                                  \
            copy_lost(copy, TP_LOSS_RING_FULL, n);                                                 \
            return;                                                                                \
        }                                                                                          \
        fill_data(&r->record, copy, n);                                                            \
        asm volatile("" : "+r"(n));                                                                \
        if (n > (BYTES))                                                                           \
            n = (BYTES);                                                                           \
        if (bpf_probe_read_user(r->data, n, (void *)copy->address)) {                              \
            r->record.failed = 1;                                                                  \
            r->record.head.size = sizeof(r->record);                                               \
            copy_lost(copy, TP_LOSS_READ_FAULT, n);                                                \
        } else {                                                                                   \
            count_copied(n);                                                                       \
        }                                                                                          \
        bpf_ringbuf_submit(r, wake_flags(sizeof(*r)));                                             \
    }

TP_DEFINE_PUT(256)
TP_DEFINE_PUT(1024)
TP_DEFINE_PUT(4096)
TP_DEFINE_PUT(16384)
TP_DEFINE_PUT(32768)
TP_DEFINE_PUT(65536)

/* One piece. A global function: the verifier checks it once, not once for each turn of the loop. */
__attribute__((noinline)) int copy_piece(struct tp_copy *copy)
{
    if (!copy)
        return 0;
    tp_u64 n = copy->left;
    if (n > TP_CHUNK_BYTES_MAX)
        n = TP_CHUNK_BYTES_MAX;
    if (n <= 256)
        put_256(copy, n);
    else if (n <= 1024)
        put_1024(copy, n);
    else if (n <= 4096)
        put_4096(copy, n);
    else if (n <= 16384)
        put_16384(copy, n);
    else if (n <= 32768)
        put_32768(copy, n);
    else
        put_65536(copy, n);
    copy->address += n;
    copy->offset += n;
    copy->left -= n;
    return 0;
}

/* Some pieces: a loop of a loop costs the verifier the sum of their turns, not the product. */
__attribute__((noinline)) int copy_pieces(struct tp_copy *copy)
{
    if (!copy)
        return 0;
    for (int i = 0; i < TP_PIECES_TOGETHER; i++) {
        if (!copy->left)
            break;
        copy_piece(copy);
    }
    return 0;
}

static __always_inline void copy_all(struct tp_copy *copy)
{
    tp_u64 beyond = 0;
    if (copy->left > TP_CALL_BYTES_MAX) {
        beyond = copy->left - TP_CALL_BYTES_MAX;
        copy->left = TP_CALL_BYTES_MAX;
    }
    for (int i = 0; i < (int)(TP_CALL_BYTES_MAX / TP_CHUNK_BYTES_MAX / TP_PIECES_TOGETHER); i++) {
        if (!copy->left)
            break;
        copy_pieces(copy);
    }
    if (beyond) {
        copy_lost(copy, TP_LOSS_TOO_LONG, beyond);
        copy->offset += beyond;
    }
}

/* The connection is over: its final offsets. 0 if there was no room: its entry must then stay, so
 * that user space finds them when the process ends. */
static __always_inline int put_close(tp_u64 own_ids, tp_u64 conn, const struct tp_stream_state *s)
{
    struct tp_close_record *r = bpf_ringbuf_reserve(&data_ring, sizeof(*r), 0);
    if (!r) {
        count_lost(TP_LOSS_RING_FULL, 0, 1);
        return 0;
    }
    fill_head(&r->head, TP_RECORD_CLOSE, sizeof(*r), own_ids);
    r->conn = conn;
    r->generation = s->generation;
    r->offset[0] = s->offset[0];
    r->offset[1] = s->offset[1];
    r->lost_bytes = s->lost_bytes;
    r->lost_records = s->lost_records;
    r->pad = 0;
    bpf_ringbuf_submit(r, wake_flags(sizeof(*r)));
    return 1;
}

#endif
