/* SPDX-License-Identifier: MIT OR GPL-2.0-only
 *
 * TLS stacks of the OpenSSL family: plaintext at SSL_read, SSL_write and their _ex forms; and the
 * tree of watched processes. Bytes count when the stack accepted or delivered them: at return, by
 * its own word.
 */
#include "bpf/copy.bpf.h"
#include "bpf/frames.bpf.h"
#include "bpf/plain.bpf.h"
#include "bpf/process.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

static __always_inline struct tp_stream_state *stream_of(const struct tp_stream_key *key)
{
    struct tp_stream_state *s = bpf_map_lookup_elem(&streams, key);
    if (s)
        return s;
    struct tp_stream_state fresh = {.generation = bpf_ktime_get_ns()};
    bpf_map_update_elem(&streams, key, &fresh, BPF_NOEXIST);
    return bpf_map_lookup_elem(&streams, key);
}

static __always_inline int call_enter(struct pt_regs *ctx, tp_u8 direction, tp_u64 out)
{
    struct tp_ids ids;
    ids_of_current(&ids);
    if (!is_watched(ids.own))
        return 0;
    struct tp_frame f = {
        .sp = PT_REGS_SP(ctx),
        .conn = PT_REGS_PARM1(ctx),
        .buf = PT_REGS_PARM2(ctx),
        .out = out,
        .entry_ns = bpf_ktime_get_ns(),
        .direction = direction,
    };
    frame_push(ids.global, &f);
    return 0;
}

/* n bytes of frame f moved: make them records, whatever becomes of them. */
static __always_inline void call_moved(tp_u64 own_ids, const struct tp_frame *f, tp_u64 n,
                                       tp_u16 stack)
{
    struct tp_stream_key key = {.conn = f->conn, .pid = own_ids >> 32};
    tp_u8 direction = f->direction & 1;

    count_seen(n);
    struct tp_stream_state *s = stream_of(&key);
    if (!s) {
        count_lost(TP_LOSS_MAP_FULL, n, 1);
        return;
    }
    struct tp_copy copy = {
        .own_ids = own_ids,
        .conn = f->conn,
        .generation = s->generation,
        .entry_ns = f->entry_ns,
        .address = f->buf,
        .left = n,
        .offset = s->offset[direction],
        .peer_offset = s->offset[direction ^ 1],
        .stack = stack,
        .direction = direction,
    };
    s->offset[direction] += n;
    copy_all(&copy);
    s->lost_bytes += copy.lost_bytes;
    s->lost_records += copy.lost_records;
}

/* The bytes that the call moved, as it says itself: 0 for none. Unknown ones (the count could not
 * be read) are counted as a lost record. */
static __always_inline tp_u64 bytes_moved(struct pt_regs *ctx, const struct tp_frame *f,
                                          int extended)
{
    int result = (int)PT_REGS_RC(ctx);
    tp_u64 n = 0;

    if (!extended)
        return result > 0 ? result : 0;
    if (result == 1 && bpf_probe_read_user(&n, sizeof(n), (void *)f->out))
        count_lost(TP_LOSS_READ_FAULT, 0, 1);
    return n;
}

/* The entry was not seen: the connection is unknown, and of an _ex function the number of bytes
 * too. */
static __always_inline void call_orphaned(struct pt_regs *ctx, int extended)
{
    int result = (int)PT_REGS_RC(ctx);

    if (result <= 0)
        return;
    tp_u64 n = extended ? 0 : result;
    count_seen(n);
    count_lost(TP_LOSS_NO_ENTRY, n, 1);
}

static __always_inline int call_return(struct pt_regs *ctx, int extended)
{
    struct tp_ids ids;
    ids_of_current(&ids);
    if (!is_watched(ids.own))
        return 0;
    struct tp_frame f;
    if (!frame_pop(ids.global, PT_REGS_SP(ctx) - TP_RETURN_ADDRESS_BYTES, &f)) {
        call_orphaned(ctx, extended);
        return 0;
    }
    tp_u64 n = bytes_moved(ctx, &f, extended);
    if (n && !f.shadowed)
        call_moved(ids.own, &f, n, TP_COOKIE_STACK(bpf_get_attach_cookie(ctx)));
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
 * cookie, so that a file needs two links where the kernel can attach many sites at once. */
SEC("uprobe")
int on_entry(struct pt_regs *ctx)
{
    switch (TP_COOKIE_KIND(bpf_get_attach_cookie(ctx))) {
    case TP_SITE_READ:
        return call_enter(ctx, TP_DIR_READ, 0);
    case TP_SITE_WRITE:
        return call_enter(ctx, TP_DIR_WRITE, 0);
    case TP_SITE_READ_EX:
        return call_enter(ctx, TP_DIR_READ, PT_REGS_PARM4(ctx));
    case TP_SITE_WRITE_EX:
        return call_enter(ctx, TP_DIR_WRITE, PT_REGS_PARM4(ctx));
    case TP_SITE_UP_REF:
        return conn_shared(PT_REGS_PARM1(ctx));
    case TP_SITE_FREE:
        return conn_ended(PT_REGS_PARM1(ctx), 1);
    default:
        return 0;
    }
}

SEC("uretprobe")
int on_return(struct pt_regs *ctx)
{
    switch (TP_COOKIE_KIND(bpf_get_attach_cookie(ctx))) {
    case TP_SITE_READ:
    case TP_SITE_WRITE:
        return call_return(ctx, 0);
    case TP_SITE_READ_EX:
    case TP_SITE_WRITE_EX:
        return call_return(ctx, 1);
    case TP_SITE_NEW:
        return conn_ended(PT_REGS_RC(ctx), 0);
    default:
        return 0;
    }
}
