/* SPDX-License-Identifier: MIT OR GPL-2.0-only
 *
 * Plain HTTP: payload of system calls on stream sockets. Bytes count at return, by the kernel's own
 * word. A connection is copied only if its first payload looks like HTTP, which is decided once; so
 * what a TLS library sends through its socket drops out at its first record.
 *
 * These programs run for every system call of the machine while they are attached: what does not
 * concern a watched process leaves them at once.
 */
#ifndef TP_PLAIN_BPF_H
#define TP_PLAIN_BPF_H

#include <asm/unistd.h>
#include <linux/errno.h>

#include "bpf/cipher.bpf.h"
#include "bpf/copy.bpf.h"
#include "bpf/looks.bpf.h"
#include "bpf/socket.bpf.h"
#include "bpf/syscall.bpf.h"

#define TP_SOCKETS_MAX 65536
#define TP_CLIENTS_MAX 16384
#define TP_SEGMENTS_MAX 64
/* Pieces of a connection that may tell nothing before it is given up. */
#define TP_TRIES_MAX 8
/* A client that is gone is still the other end of what it sent, for so long. */
#define TP_CLIENT_GONE_NS 30000000000ull

#define TP_MSG_OOB 0x1
#define TP_MSG_PEEK 0x2
#define TP_MSG_TRUNC 0x20
#define TP_MSG_ERRQUEUE 0x2000
#define TP_SOL_TCP 6
#define TP_TCP_ULP 31
#define TP_QUIC_PORT 443

/* 0: system calls are looked at for the sake of ciphers alone. Set by user space. */
const volatile tp_u32 plain_wanted = 1;

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, TP_SOCKETS_MAX);
    __type(key, tp_u64);
    __type(value, struct tp_socket_state);
} sockets SEC(".maps");

struct tp_client {
    tp_u64 since_ns;
    tp_u32 pid;
    tp_u32 pad;
};

/* Connections that watched processes opened, so that the other end knows that it need not count. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, TP_CLIENTS_MAX);
    __type(key, struct tp_socket_ends);
    __type(value, struct tp_client);
} clients SEC(".maps");

/* When a thread entered the call that may send. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, TP_PENDING_MAX);
    __type(key, tp_u64);
    __type(value, tp_u64);
} entered SEC(".maps");

/* What one system call moved. */
struct tp_io {
    tp_u64 own_ids;
    tp_u64 fd;
    tp_u64 address;  /* of the bytes, or of an array of segments */
    tp_u64 segments; /* 0: none, the bytes are in one piece */
    tp_u64 n;
    tp_u64 entry_ns;
    tp_u8 direction;
    tp_u8 unreadable; /* the bytes are in no memory of the process */
    tp_u8 pad[6];
};

struct tp_segment {
    tp_u64 address, n;
};

/* struct user_msghdr of the kernel. */
struct tp_message {
    tp_u64 name;
    tp_u32 name_bytes, pad;
    tp_u64 segments, count;
    tp_u64 control, control_bytes, flags;
};

static __always_inline void count_unseen(enum tp_unseen way, tp_u64 n)
{
    struct tp_counters *c = ledger();
    if (c)
        __sync_fetch_and_add(&c->unseen[way], n);
}

static __always_inline tp_u64 first_bytes(const struct tp_io *io, tp_u64 *ret_n)
{
    struct tp_segment segment = {io->address, io->n};
    tp_u64 first = 0;

    /* Unrolled: older verifiers (6.1) refuse a loop whose back edge the compiler made a fall
     * through. */
#pragma unroll
    for (int i = 0; i < 4; i++) {
        if (!io->segments)
            break;
        if (bpf_probe_read_user(&segment, sizeof(segment),
                                (void *)(io->address + i * sizeof(segment))))
            segment.n = 0;
        if (segment.n)
            break;
    }
    tp_u64 n = segment.n < io->n ? segment.n : io->n;
    if (n > sizeof(first))
        n = sizeof(first);
    asm volatile("" : "+r"(n));
    if (n > sizeof(first) || bpf_probe_read_user(&first, n, (void *)segment.address))
        n = 0;
    *ret_n = n;
    return first;
}

/* ---- the other end ---- */

static __always_inline void client_remember(const struct tp_socket_ref *ref, tp_u64 own_ids)
{
    struct tp_socket_ends ends;
    struct tp_client client = {.since_ns = bpf_ktime_get_ns(), .pid = own_ids >> 32};

    ends_of(ref, &ends);
    if (ref->family == TP_AF_UNIX)
        ends.remote[0] = 0; /* not known before it is accepted */
    bpf_map_update_elem(&clients, &ends, &client, BPF_ANY);
}

/* The client's end of this connection is watched, so its side counts. */
static __always_inline int client_is_watched(const struct tp_socket_ref *ref)
{
    struct tp_socket_ends ends, theirs;

    ends_of(ref, &ends);
    ends_swap(&ends, &theirs);
    if (ref->family == TP_AF_UNIX)
        theirs.remote[0] = 0;
    struct tp_client *client = bpf_map_lookup_elem(&clients, &theirs);
    if (!client)
        return 0;
    tp_u32 pid = client->pid;
    return bpf_map_lookup_elem(&watched, &pid) ||
           bpf_ktime_get_ns() - client->since_ns < TP_CLIENT_GONE_NS;
}

/* ---- one connection ---- */

static __always_inline struct tp_socket_state *socket_state(const struct tp_socket_ref *ref,
                                                            tp_u64 own_ids)
{
    tp_u64 key = TP_CONN_SOCKET | ref->inode;
    struct tp_socket_state *s = bpf_map_lookup_elem(&sockets, &key);
    if (s)
        return s;
    struct tp_socket_state fresh = {
        .stream.generation = bpf_ktime_get_ns(),
        .pid = own_ids >> 32,
        .verdict = socket_can_serve(ref) ? TP_SOCKET_UNDECIDED : TP_SOCKET_OTHER,
    };
    if (bpf_map_update_elem(&sockets, &key, &fresh, BPF_NOEXIST) == -E2BIG)
        count_lost(TP_LOSS_MAP_FULL, 0, 1);
    return bpf_map_lookup_elem(&sockets, &key);
}

/* A server never speaks first, except on a connection that was open before it was watched. */
static __always_inline void socket_decide(struct tp_socket_state *s,
                                          const struct tp_socket_ref *ref, const struct tp_io *io)
{
    tp_u64 n, first = first_bytes(io, &n);
    int request = n && is_request(first, n);

    if (!request && !(socket_is_inet(ref) && is_answer(first, n))) {
        if (is_tls(first) || is_tunnel(first, n) || ++s->tries >= TP_TRIES_MAX)
            s->verdict = TP_SOCKET_OTHER;
        return;
    }
    int client = request == (io->direction == TP_DIR_WRITE);
    if (client)
        client_remember(ref, io->own_ids);
    s->verdict = !client && client_is_watched(ref) ? TP_SOCKET_OTHER : TP_SOCKET_HTTP;
    s->stream.generation = bpf_ktime_get_ns();
}

/* All of one segment. A global function: checked once, not for each segment. */
__attribute__((noinline)) int copy_segment(struct tp_copy *copy)
{
    if (copy)
        copy_all(copy);
    return 0;
}

static __always_inline void copy_segments(struct tp_copy *copy, const struct tp_io *io)
{
    tp_u64 rest = io->n;

    for (int i = 0; i < TP_SEGMENTS_MAX; i++) {
        struct tp_segment segment;
        if (!rest || i >= io->segments)
            break;
        if (bpf_probe_read_user(&segment, sizeof(segment),
                                (void *)(io->address + i * sizeof(segment))))
            break;
        copy->address = segment.address;
        copy->left = segment.n < rest ? segment.n : rest;
        rest -= copy->left;
        copy_segment(copy);
    }
    if (rest)
        copy_lost(copy, TP_LOSS_TOO_LONG, rest);
}

static __always_inline void socket_moved(struct tp_socket_state *s, tp_u64 conn,
                                         const struct tp_io *io)
{
    tp_u8 direction = io->direction & 1;
    struct tp_copy copy = {
        .own_ids = (tp_u64)s->pid << 32 | (tp_u32)io->own_ids,
        .conn = conn,
        .generation = s->stream.generation,
        .entry_ns = io->entry_ns,
        .address = io->address,
        .left = io->n,
        .offset = s->stream.offset[direction],
        .peer_offset = s->stream.offset[direction ^ 1],
        .stack = TP_STACK_NONE,
        .direction = direction,
    };

    count_seen(io->n);
    s->stream.offset[direction] += io->n;
    if (io->unreadable)
        copy_lost(&copy, TP_LOSS_READ_FAULT, io->n);
    else if (io->segments)
        copy_segments(&copy, io);
    else
        copy_segment(&copy);
    s->stream.lost_bytes += copy.lost_bytes;
    s->stream.lost_records += copy.lost_records;
}

static __always_inline void check_quic(const struct tp_socket_ref *ref, const struct tp_io *io,
                                       tp_u64 name)
{
    struct sock *sk = ref->sk;
    tp_u16 port = 0;

    if (ref->type != TP_SOCK_DGRAM || !socket_is_inet(ref) || io->direction != TP_DIR_WRITE)
        return;
    if (name) /* sin_port and sin6_port stand after the family */
        bpf_probe_read_user(&port, sizeof(port), (void *)(name + 2));
    else
        port = BPF_CORE_READ(sk, __sk_common.skc_dport);
    if (port == __builtin_bswap16(TP_QUIC_PORT))
        count_unseen(TP_UNSEEN_QUIC, 1);
}

/* A process that ciphers: which socket its ciphertext passes. A global function, for its stack. */
__attribute__((noinline)) int io_of_ciphers(struct tp_io *io)
{
    struct tp_socket_ref ref;

    if (!io || !socket_of_file(file_of(io->fd), &ref) || ref.type != TP_SOCK_STREAM)
        return 0;
    tp_u64 inode = ref.inode;
    struct tp_sent sent = {
        .own_ids = io->own_ids, .inode = inode, .address = io->address, .n = io->n};
    tp_u64 count = io->segments ? io->segments : 1;

#pragma unroll
    for (int i = 0; i < TP_SENT_SEGMENTS_MAX; i++) {
        if (i >= count)
            break;
        if (io->segments) {
            struct tp_segment segment;
            if (bpf_probe_read_user(&segment, sizeof(segment),
                                    (void *)(io->address + i * sizeof(segment))))
                break;
            sent.address = segment.address;
            sent.n = segment.n < io->n ? segment.n : io->n;
        }
        if (io->direction == TP_DIR_WRITE) {
            sent_piece(&sent);
        } else {
            cipher_received(inode, sent.address, sent.n);
            break;
        }
    }
    return 0;
}

/* `name`: where the message goes, if the call says so. Returns 1 if it moved on an HTTP connection.
 * A global function: checked once, not for each kind of call, which halves the time of loading. */
__attribute__((noinline)) int io_done(struct tp_io *io, tp_u64 name)
{
    struct tp_socket_ref ref;

    if (!io || !socket_of_file(file_of(io->fd), &ref))
        return 0;
    if (!plain_wanted)
        return 0;
    if (ref.type != TP_SOCK_STREAM) {
        check_quic(&ref, io, name);
        return 0;
    }
    struct tp_socket_state *s = socket_state(&ref, io->own_ids);
    if (!s || s->verdict == TP_SOCKET_OTHER)
        return 0;
    if (s->verdict == TP_SOCKET_UNDECIDED && !io->unreadable)
        socket_decide(s, &ref, io);
    if (s->verdict != TP_SOCKET_HTTP)
        return 0;
    socket_moved(s, TP_CONN_SOCKET | ref.inode, io);
    return 1;
}

/* ---- system calls ---- */

static __always_inline tp_u64 io_entry(void)
{
    tp_u64 thread = bpf_get_current_pid_tgid();
    tp_u64 *entry = bpf_map_lookup_elem(&entered, &thread);
    return entry ? *entry : bpf_ktime_get_ns();
}

static __always_inline int is_sending(tp_u64 number)
{
    return number == __NR_write || number == __NR_sendto || number == __NR_sendmsg ||
           number == __NR_writev;
}

/* Bytes that stay queued, are no payload or went nowhere. */
static __always_inline int flags_skip(tp_u64 flags)
{
    return flags & (TP_MSG_PEEK | TP_MSG_OOB | TP_MSG_ERRQUEUE);
}

static __always_inline void io_message(const struct tp_syscall *call, struct tp_io *io,
                                       tp_u64 *ret_name)
{
    struct tp_message m;

    if (bpf_probe_read_user(&m, sizeof(m), (void *)call->argument[1])) {
        io->unreadable = 1;
        return;
    }
    io->address = m.segments;
    io->segments = m.count;
    *ret_name = m.name;
}

/* Fills in where the bytes are. Returns 0 if this call moved none. */
static __always_inline int io_places(const struct tp_syscall *call, struct tp_io *io,
                                     tp_u64 *ret_name)
{
    tp_u64 flags = 0;

    switch (call->number) {
    case __NR_recvfrom:
        flags = call->argument[3];
        break;
    case __NR_recvmsg:
        flags = call->argument[2];
        io_message(call, io, ret_name);
        break;
    case __NR_sendto:
        *ret_name = call->argument[4];
        break;
    case __NR_sendmsg:
        io_message(call, io, ret_name);
        break;
    case __NR_readv:
    case __NR_writev:
        io->segments = call->argument[2];
        break;
    case __NR_read:
    case __NR_write:
        break;
    default:
        return 0;
    }
    if (flags & TP_MSG_TRUNC)
        io->unreadable = 1;
    return !flags_skip(flags);
}

static __always_inline void on_data_call(const struct tp_syscall *call, tp_u64 own_ids, tp_u64 n)
{
    int sending = is_sending(call->number);
    struct tp_io io = {
        .own_ids = own_ids,
        .fd = call->argument[0],
        .address = call->argument[1],
        .n = n,
        .direction = sending ? TP_DIR_WRITE : TP_DIR_READ,
    };
    tp_u64 name = 0;

    if (!io_places(call, &io, &name))
        return;
    io.entry_ns = sending ? io_entry() : bpf_ktime_get_ns();
    if (!io.unreadable && is_ciphering(own_ids))
        io_of_ciphers(&io);
    io_done(&io, name);
}

/* The kernel moves these bytes by itself: on an HTTP connection they are a hole of known length. */
static __always_inline void on_kernel_copy(tp_u64 fd, tp_u8 direction, tp_u64 own_ids, tp_u64 n)
{
    struct tp_io io = {.own_ids = own_ids, .fd = fd, .n = n, .direction = direction};

    io.unreadable = 1;
    io.entry_ns = bpf_ktime_get_ns();
    if (io_done(&io, 0))
        count_unseen(TP_UNSEEN_SENDFILE, 1);
}

/* The connection belongs to who opened it, also if a child speaks first and ends. */
static __always_inline void socket_opened(const struct tp_socket_ref *ref, tp_u64 own_ids)
{
    client_remember(ref, own_ids);
    socket_state(ref, own_ids);
}

static __always_inline void on_connect(const struct tp_syscall *call, tp_u64 own_ids)
{
    struct tp_socket_ref ref;

    if (socket_of_file(file_of(call->argument[0]), &ref) && ref.type == TP_SOCK_STREAM &&
        (socket_is_inet(&ref) || ref.family == TP_AF_UNIX))
        socket_opened(&ref, own_ids);
}

static __always_inline void on_setsockopt(const struct tp_syscall *call)
{
    tp_u32 name = 0;

    if (call->argument[1] != TP_SOL_TCP || call->argument[2] != TP_TCP_ULP)
        return;
    bpf_probe_read_user(&name, 3, (void *)call->argument[3]);
    if (name == ('t' | 'l' << 8 | 's' << 16))
        count_unseen(TP_UNSEEN_KTLS, 1);
}

/* Several messages in one call: to UDP port 443, or in the midst of HTTP. */
static __always_inline void on_many(const struct tp_syscall *call, tp_u64 own_ids, tp_u64 count)
{
    struct tp_socket_ref ref;
    struct tp_io io = {.own_ids = own_ids, .direction = call->number == __NR_sendmmsg};
    tp_u64 name = 0;

    if (!socket_of_file(file_of(call->argument[0]), &ref))
        return;
    if (ref.type == TP_SOCK_STREAM) {
        tp_u64 key = TP_CONN_SOCKET | ref.inode;
        struct tp_socket_state *s = bpf_map_lookup_elem(&sockets, &key);
        if (s && s->verdict == TP_SOCKET_HTTP)
            count_unseen(TP_UNSEEN_SENDMMSG, count);
        return;
    }
    bpf_probe_read_user(&name, sizeof(name), (void *)call->argument[1]);
    check_quic(&ref, &io, name);
}

static __always_inline void on_result(const struct tp_syscall *call, tp_u64 own_ids, long result)
{
    if (call->number == __NR_connect) {
        if (plain_wanted)
            on_connect(call, own_ids);
        return;
    }
    if (call->number == __NR_setsockopt) {
        on_setsockopt(call);
        return;
    }
    if (result <= 0)
        return;
    switch (call->number) {
    case __NR_splice:
        on_kernel_copy(call->argument[0], TP_DIR_READ, own_ids, result);
        on_kernel_copy(call->argument[2], TP_DIR_WRITE, own_ids, result);
        break;
    case __NR_sendfile:
        on_kernel_copy(call->argument[0], TP_DIR_WRITE, own_ids, result);
        break;
    case __NR_sendmmsg:
    case __NR_recvmmsg:
        on_many(call, own_ids, result);
        break;
    default:
        on_data_call(call, own_ids, result);
    }
}

SEC("raw_tp/sys_exit")
int on_syscall_return(struct bpf_raw_tracepoint_args *ctx)
{
    long result = ctx->args[1];
    struct tp_syscall call;

    if (result < 0 && result != -EINPROGRESS)
        return 0;
    struct tp_ids ids;
    ids_of_current(&ids);
    if (!is_watched(ids.own) || syscall_read((void *)ctx->args[0], &call))
        return 0;
    if (syscall_is_compat()) {
        if (result > 0 && syscall_is_compat_network(call.number))
            count_unseen(TP_UNSEEN_COMPAT, 1);
        return 0;
    }
    on_result(&call, ids.own, result);
    return 0;
}

static __always_inline void ciphers_end(tp_u64 own_ids, tp_u64 inode)
{
    struct tp_stream_key key = {.conn = TP_CONN_SOCKET | TP_CONN_CIPHER | inode,
                                .pid = own_ids >> 32};
    struct tp_stream_state *s = bpf_map_lookup_elem(&streams, &key);

    if (s && put_close(own_ids, key.conn, s))
        bpf_map_delete_elem(&streams, &key);
}

/* The last descriptor of a connection goes. */
static __always_inline void on_close_call(tp_u64 fd, tp_u64 own_ids)
{
    struct tp_socket_ref ref;
    struct file *file = file_of(fd);

    if (!socket_of_file(file, &ref) || !file_is_held_once(file))
        return;
    if (is_ciphering(own_ids))
        ciphers_end(own_ids, ref.inode);
    tp_u64 key = TP_CONN_SOCKET | ref.inode;
    struct tp_socket_state *s = bpf_map_lookup_elem(&sockets, &key);
    if (!s)
        return;
    if (s->verdict != TP_SOCKET_HTTP ||
        put_close((tp_u64)s->pid << 32 | (tp_u32)own_ids, key, &s->stream))
        bpf_map_delete_elem(&sockets, &key);
}

/* In place where it can be: an update costs several times a look-up. */
static __always_inline void note_entry(tp_u64 thread)
{
    tp_u64 now = bpf_ktime_get_ns();
    tp_u64 *entry = bpf_map_lookup_elem(&entered, &thread);

    if (entry)
        *entry = now;
    else
        bpf_map_update_elem(&entered, &thread, &now, BPF_ANY);
}

SEC("raw_tp/sys_enter")
int on_syscall_entry(struct bpf_raw_tracepoint_args *ctx)
{
    tp_u64 number = ctx->args[1];
    struct tp_syscall call;

    if (number != __NR_close && !is_sending(number))
        return 0;
    struct tp_ids ids;
    ids_of_current(&ids);
    if (!is_watched(ids.own))
        return 0;
    if (number != __NR_close) {
        note_entry(ids.global);
        return 0;
    }
    if (!syscall_is_compat() && !syscall_read((void *)ctx->args[0], &call))
        on_close_call(call.argument[0], ids.own);
    return 0;
}

#endif
