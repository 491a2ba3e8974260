/* SPDX-License-Identifier: MIT OR GPL-2.0-only
 *
 * TLS stacks of the OpenSSL family: plaintext at SSL_read, SSL_write and their _ex forms; and the
 * tree of watched processes. Bytes count when the stack accepted or delivered them: at return, by
 * its own word.
 */
#include "bpf/copy.bpf.h"
#include "bpf/frames.bpf.h"
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
    tp_u64 pid_tgid = bpf_get_current_pid_tgid();
    if (!is_watched(pid_tgid))
        return 0;
    struct tp_frame f = {
        .sp = PT_REGS_SP(ctx),
        .conn = PT_REGS_PARM1(ctx),
        .buf = PT_REGS_PARM2(ctx),
        .out = out,
        .entry_ns = bpf_ktime_get_ns(),
        .direction = direction,
    };
    frame_push(pid_tgid, &f);
    return 0;
}

/* n bytes of frame f moved: make them records, whatever becomes of them. */
static __always_inline void call_moved(tp_u64 pid_tgid, const struct tp_frame *f, tp_u64 n,
                                       tp_u16 stack)
{
    struct tp_stream_key key = {.conn = f->conn, .pid = pid_tgid >> 32};
    tp_u8 direction = f->direction & 1;

    count_seen(n);
    struct tp_stream_state *s = stream_of(&key);
    if (!s) {
        count_lost(TP_LOSS_MAP_FULL, n, 1);
        return;
    }
    struct tp_copy copy = {
        .pid_tgid = pid_tgid,
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

/* The entry was not seen: the connection is unknown, the number of bytes is not. */
static __always_inline void call_orphaned(tp_u64 n)
{
    count_seen(n);
    count_lost(TP_LOSS_NO_ENTRY, n, 1);
}

static __always_inline int call_return(struct pt_regs *ctx)
{
    tp_u64 pid_tgid = bpf_get_current_pid_tgid();
    if (!is_watched(pid_tgid))
        return 0;
    struct tp_frame f;
    int known = frame_pop(pid_tgid, PT_REGS_SP(ctx) - TP_RETURN_ADDRESS_BYTES, &f);
    int n = (int)PT_REGS_RC(ctx);
    if (n <= 0)
        return 0;
    if (!known)
        call_orphaned(n);
    else if (!f.shadowed)
        call_moved(pid_tgid, &f, n, bpf_get_attach_cookie(ctx));
    return 0;
}

static __always_inline int call_return_ex(struct pt_regs *ctx)
{
    tp_u64 pid_tgid = bpf_get_current_pid_tgid();
    if (!is_watched(pid_tgid))
        return 0;
    struct tp_frame f;
    int known = frame_pop(pid_tgid, PT_REGS_SP(ctx) - TP_RETURN_ADDRESS_BYTES, &f);
    if ((int)PT_REGS_RC(ctx) != 1)
        return 0;
    if (!known) {
        call_orphaned(0);
        return 0;
    }
    tp_u64 n = 0;
    if (f.shadowed)
        return 0;
    if (bpf_probe_read_user(&n, sizeof(n), (void *)f.out))
        count_lost(TP_LOSS_READ_FAULT, 0, 1);
    else if (n)
        call_moved(pid_tgid, &f, n, bpf_get_attach_cookie(ctx));
    return 0;
}

/* The connection object is gone, or a new one stands at its address. */
static __always_inline int conn_ended(tp_u64 conn)
{
    tp_u64 pid_tgid = bpf_get_current_pid_tgid();
    if (!is_watched(pid_tgid))
        return 0;
    struct tp_stream_key key = {.conn = conn, .pid = pid_tgid >> 32};
    struct tp_stream_state *s = bpf_map_lookup_elem(&streams, &key);
    if (!s)
        return 0;
    struct tp_close_record *r = bpf_ringbuf_reserve(&data_ring, sizeof(*r), 0);
    if (r) {
        fill_head(&r->head, TP_RECORD_CLOSE, sizeof(*r), pid_tgid);
        r->conn = conn;
        r->generation = s->generation;
        r->offset[0] = s->offset[0];
        r->offset[1] = s->offset[1];
        r->lost_bytes = s->lost_bytes;
        r->lost_records = s->lost_records;
        r->pad = 0;
        bpf_ringbuf_submit(r, wake_flags(sizeof(*r)));
    } else {
        count_lost(TP_LOSS_RING_FULL, 0, 1);
    }
    bpf_map_delete_elem(&streams, &key);
    return 0;
}

SEC("uprobe")
int on_read_entry(struct pt_regs *ctx)
{
    return call_enter(ctx, TP_DIR_READ, 0);
}

SEC("uprobe")
int on_write_entry(struct pt_regs *ctx)
{
    return call_enter(ctx, TP_DIR_WRITE, 0);
}

SEC("uprobe")
int on_read_ex_entry(struct pt_regs *ctx)
{
    return call_enter(ctx, TP_DIR_READ, PT_REGS_PARM4(ctx));
}

SEC("uprobe")
int on_write_ex_entry(struct pt_regs *ctx)
{
    return call_enter(ctx, TP_DIR_WRITE, PT_REGS_PARM4(ctx));
}

SEC("uretprobe")
int on_call_return(struct pt_regs *ctx)
{
    return call_return(ctx);
}

SEC("uretprobe")
int on_call_ex_return(struct pt_regs *ctx)
{
    return call_return_ex(ctx);
}

SEC("uretprobe")
int on_new_return(struct pt_regs *ctx)
{
    tp_u64 conn = PT_REGS_RC(ctx);
    return conn ? conn_ended(conn) : 0;
}

SEC("uprobe")
int on_free_entry(struct pt_regs *ctx)
{
    tp_u64 conn = PT_REGS_PARM1(ctx);
    return conn ? conn_ended(conn) : 0;
}
