/* SPDX-License-Identifier: MIT OR GPL-2.0-only
 *
 * Plaintext at the functions of TLS stacks, whatever their arguments are called; and the tree of
 * watched processes. Bytes count when the stack accepted or delivered them: at return, by its own
 * word.
 */
#include "bpf/cipher.bpf.h"
#include "bpf/copy.bpf.h"
#include "bpf/frames.bpf.h"
#include "bpf/io_uring.bpf.h"
#include "bpf/plain.bpf.h"
#include "bpf/process.bpf.h"
#include "bpf/values.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Calls are paired with their returns by thread and stack pointer. A goroutine has no thread of its
 * own and its stack may move: there it is the goroutine, and how deep in its stack. */
static __always_inline tp_u64 thread_of(struct pt_regs *ctx, const struct tp_site_row *row,
                                        const struct tp_ids *ids, tp_u64 *ret_sp)
{
    tp_u64 sp = PT_REGS_SP(ctx);

    *ret_sp = sp;
    if (!has_value(row, TP_VALUE_THREAD))
        return ids->global;
    *ret_sp = (1ull << 62) + sp - value_of(ctx, row, TP_VALUE_STACK_TOP);
    tp_u64 thread = value_of(ctx, row, TP_VALUE_THREAD);
    return 1ull << 63 | (ids->global >> 32) << 41 | (thread & ((1ull << 41) - 1));
}

/* Where the stack may move, what lies on it is known by its place in it. */
static __always_inline void buffer_place(struct tp_frame *f, tp_u64 sp, tp_u64 stack_top)
{
    if (f->buf < sp || f->buf >= stack_top)
        return;
    f->buf -= stack_top;
    f->on_stack = 1;
}

static __always_inline int call_enter(struct pt_regs *ctx, const struct tp_site_row *row,
                                      tp_u8 direction)
{
    struct tp_ids ids;
    ids_of_current(&ids);
    if (!is_watched(ids.own))
        return 0;
    struct tp_frame f = {
        .conn = value_of(ctx, row, TP_VALUE_CONN),
        .buf = value_of(ctx, row, TP_VALUE_DATA),
        .length = value_of(ctx, row, TP_VALUE_LENGTH),
        .out = value_of(ctx, row, TP_VALUE_COUNT),
        .entry_ns = bpf_ktime_get_ns(),
        .direction = direction,
    };
    tp_u64 thread = thread_of(ctx, row, &ids, &f.sp);
    if (has_value(row, TP_VALUE_STACK_TOP))
        buffer_place(&f, PT_REGS_SP(ctx), value_of(ctx, row, TP_VALUE_STACK_TOP));
    frame_push(thread, &f);
    return 0;
}

/* n bytes of frame f moved: make them records, whatever becomes of them. */
static __always_inline void call_moved(tp_u64 own_ids, const struct tp_frame *f, tp_u64 n,
                                       tp_u64 cookie, tp_u16 stack)
{
    struct tp_moved m = {.own_ids = own_ids,
                         .conn = f->conn,
                         .address = f->buf,
                         .n = n,
                         .entry_ns = f->entry_ns,
                         .target = TP_COOKIE_TARGET(cookie),
                         .stack = stack,
                         .direction = f->direction & 1};
    bytes_moved(&m);
}

/* The call's own word. At an instruction that leaves, its place may be another than C's. */
static __always_inline long result_of(struct pt_regs *ctx, const struct tp_site_row *row)
{
    long result = PT_REGS_RC(ctx);

    if (row->kind == TP_SITE_LEAVE && has_value(row, TP_VALUE_LENGTH))
        result = (long)value_of(ctx, row, TP_VALUE_LENGTH);
    return row->result == TP_RESULT_LONG ? result : (int)result;
}

/* The bytes that the call moved, as it says itself: 0 for none. Unknown ones (the count could not
 * be read) are counted as a lost record. */
static __always_inline tp_u64 bytes_told(struct pt_regs *ctx, const struct tp_site_row *row,
                                         const struct tp_frame *f)
{
    long result = result_of(ctx, row);
    tp_u64 n = 0;

    if (result <= 0)
        return 0;
    if (row->result == TP_RESULT_ALL)
        return f->length;
    if (row->result != TP_RESULT_COUNT_AT)
        return result;
    if (bpf_probe_read_user(&n, sizeof(n), (void *)f->out))
        count_lost(TP_LOSS_READ_FAULT, 0, 1);
    return n;
}

/* The entry was not seen: the connection is unknown, and where the count stands too. */
static __always_inline void call_orphaned(struct pt_regs *ctx, const struct tp_site_row *row)
{
    long result = result_of(ctx, row);

    if (result <= 0)
        return;
    tp_u64 n = row->result == TP_RESULT_INT || row->result == TP_RESULT_LONG ? result : 0;
    count_seen(n);
    count_lost(TP_LOSS_NO_ENTRY, n, 1);
}

static __always_inline int call_return(struct pt_regs *ctx, const struct tp_site_row *row,
                                       tp_u64 cookie, tp_u64 popped)
{
    struct tp_ids ids;
    tp_u64 sp;
    ids_of_current(&ids);
    if (!is_watched(ids.own))
        return 0;
    struct tp_frame f;
    tp_u64 thread = thread_of(ctx, row, &ids, &sp);
    if (!frame_pop(thread, sp - popped, &f)) {
        if (!frame_was_popped(thread, sp - popped))
            call_orphaned(ctx, row);
        return 0;
    }
    if (has_value(row, TP_VALUE_THREAD))
        frames_forget_empty(thread);
    if (f.on_stack)
        f.buf += value_of(ctx, row, TP_VALUE_STACK_TOP);
    tp_u64 n = bytes_told(ctx, row, &f);
    if (n && !f.shadowed)
        call_moved(ids.own, &f, n, cookie, row->stack);
    return 0;
}

/* One more owner. A reference that was taken before the probe was there is not known: the stream
 * then ends too early, and what follows is another one. */
static __always_inline int conn_shared(tp_u64 conn)
{
    struct tp_ids ids;
    ids_of_current(&ids);
    if (!conn || !is_watched(ids.own))
        return 0;
    struct tp_stream_key key = {.conn = conn, .pid = ids.own >> 32};
    struct tp_stream_state *s = stream_of(&key);
    if (s)
        __sync_fetch_and_add(&s->references, 1);
    else
        count_lost(TP_LOSS_MAP_FULL, 0, 1);
    return 0;
}

/* An owner is gone, and with the last the object; or a new object stands at its address. */
static __always_inline int conn_ended(tp_u64 conn, int by_owner)
{
    struct tp_ids ids;
    ids_of_current(&ids);
    if (!conn || !is_watched(ids.own))
        return 0;
    struct tp_stream_key key = {.conn = conn, .pid = ids.own >> 32};
    struct tp_stream_state *s = bpf_map_lookup_elem(&streams, &key);
    if (!s)
        return 0;
    if (by_owner && s->references > 0) {
        __sync_fetch_and_add(&s->references, -1);
        return 0;
    }
    if (put_close(ids.own, conn, s) || !by_owner)
        bpf_map_delete_elem(&streams, &key);
    return 0;
}

/* One program for all entries and one for all returns: what kind of function it is stands in the
 * table, so that a file needs two links where the kernel can attach many sites at once. */
SEC("uprobe")
int on_entry(struct pt_regs *ctx)
{
    tp_u64 cookie = bpf_get_attach_cookie(ctx);
    struct tp_site_row *row = row_of(cookie);

    if (!row)
        return 0;
    switch (row->kind) {
    case TP_SITE_READ:
        return call_enter(ctx, row, TP_DIR_READ);
    case TP_SITE_WRITE:
        return call_enter(ctx, row, TP_DIR_WRITE);
    case TP_SITE_SEAL:
        return record_enter(ctx, row, cookie, TP_DIR_WRITE);
    case TP_SITE_OPEN:
        return record_enter(ctx, row, cookie, TP_DIR_READ);
    case TP_SITE_LEAVE:
        return call_return(ctx, row, cookie, 0);
    case TP_SITE_UP_REF:
        return conn_shared(value_of(ctx, row, TP_VALUE_CONN));
    case TP_SITE_FREE:
        return conn_ended(value_of(ctx, row, TP_VALUE_CONN), 1);
    default:
        return 0;
    }
}

SEC("uretprobe")
int on_return(struct pt_regs *ctx)
{
    tp_u64 cookie = bpf_get_attach_cookie(ctx);
    struct tp_site_row *row = row_of(cookie);

    if (!row)
        return 0;
    switch (row->kind) {
    case TP_SITE_READ:
    case TP_SITE_WRITE:
        return call_return(ctx, row, cookie, TP_RETURN_ADDRESS_BYTES);
    case TP_SITE_SEAL:
    case TP_SITE_OPEN:
        return record_return(ctx, row, cookie);
    case TP_SITE_NEW:
        return conn_ended(PT_REGS_RC(ctx), 0);
    default:
        return 0;
    }
}
