/* SPDX-License-Identifier: MIT OR GPL-2.0-only
 *
 * From a file descriptor of the current task to its socket, by the kernel's own tables. A dup'ed or
 * inherited descriptor leads to the same socket, whose inode number is its name.
 */
#ifndef TP_SOCKET_BPF_H
#define TP_SOCKET_BPF_H

#include "bpf/task.bpf.h"

#define TP_MODE_TYPE 0170000
#define TP_MODE_SOCKET 0140000
#define TP_SOCK_STREAM 1
#define TP_SOCK_DGRAM 2
#define TP_AF_UNIX 1
#define TP_AF_INET 2
#define TP_AF_INET6 10

struct inode {
    tp_u16 i_mode;
    unsigned long i_ino;
} __attribute__((preserve_access_index));

/* file.f_count until 6.12; then file.f_ref, which counts from 0. */
struct file {
    void *private_data;
    struct inode *f_inode;
    struct {
        long counter;
    } f_count;
} __attribute__((preserve_access_index));

struct file___ref {
    struct {
        struct {
            long counter;
        } refcnt;
    } f_ref;
} __attribute__((preserve_access_index));

struct fdtable {
    unsigned int max_fds;
    struct file **fd;
} __attribute__((preserve_access_index));

struct files_struct {
    struct fdtable *fdt;
} __attribute__((preserve_access_index));

struct in6_addr {
    tp_u8 bytes[16];
};

struct sock_common {
    tp_u32 skc_daddr;
    tp_u32 skc_rcv_saddr;
    tp_u16 skc_dport; /* network order */
    tp_u16 skc_num;   /* host order */
    tp_u16 skc_family;
    struct in6_addr skc_v6_daddr;
    struct in6_addr skc_v6_rcv_saddr;
} __attribute__((preserve_access_index));

struct sock {
    struct sock_common __sk_common;
    struct socket *sk_socket;
} __attribute__((preserve_access_index));

struct socket {
    short type;
    struct sock *sk;
} __attribute__((preserve_access_index));

struct socket_alloc {
    struct socket socket;
    struct inode vfs_inode;
} __attribute__((preserve_access_index));

struct unix_sock {
    void *addr; /* NULL: never bound */
    struct sock *peer;
} __attribute__((preserve_access_index));

struct tp_socket_ref {
    struct sock *sk;
    tp_u64 inode;
    tp_u16 type;
    tp_u16 family;
};

/* The two ends of a connection, as seen from one. Addresses are IPv6 or mapped IPv4; of a local
 * socket, its inode and its peer's. */
struct tp_socket_ends {
    tp_u64 local[2], remote[2];
    tp_u16 local_port, remote_port; /* host order */
    tp_u32 pad;
};

static __always_inline struct file *file_of(tp_u64 fd)
{
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    struct fdtable *table = BPF_CORE_READ(task, files, fdt);
    struct file **slots = BPF_CORE_READ(table, fd);
    struct file *file = NULL;

    fd = (tp_u32)fd;
    if (fd >= BPF_CORE_READ(table, max_fds))
        return NULL;
    if (bpf_probe_read_kernel(&file, sizeof(file), slots + fd))
        return NULL;
    return file;
}

/* 1 if the file is a socket. */
static __always_inline int socket_of_file(struct file *file, struct tp_socket_ref *ret_ref)
{
    struct inode *inode = BPF_CORE_READ(file, f_inode);

    if (!file || (BPF_CORE_READ(inode, i_mode) & TP_MODE_TYPE) != TP_MODE_SOCKET)
        return 0;
    struct socket *socket = BPF_CORE_READ(file, private_data);
    struct sock *sk = BPF_CORE_READ(socket, sk);
    ret_ref->sk = sk;
    ret_ref->type = BPF_CORE_READ(socket, type);
    ret_ref->inode = BPF_CORE_READ(inode, i_ino);
    ret_ref->family = BPF_CORE_READ(sk, __sk_common.skc_family);
    return sk != 0;
}

/* Does this close() end the file? No, while another descriptor or thread holds it. */
static __always_inline int file_is_held_once(struct file *file)
{
    struct file___ref *newer = (void *)file;

    if (bpf_core_field_exists(newer->f_ref))
        return BPF_CORE_READ(newer, f_ref.refcnt.counter) == 0;
    return BPF_CORE_READ(file, f_count.counter) == 1;
}

static __always_inline tp_u64 inode_of_sock(struct sock *sk)
{
    struct socket_alloc *both = (void *)BPF_CORE_READ(sk, sk_socket);
    return both ? BPF_CORE_READ(both, vfs_inode.i_ino) : 0;
}

static __always_inline int socket_is_inet(const struct tp_socket_ref *ref)
{
    return ref->family == TP_AF_INET || ref->family == TP_AF_INET6;
}

static __always_inline void map_ipv4(tp_u64 address[2], tp_u32 ipv4)
{
    address[0] = 0;
    address[1] = (tp_u64)ipv4 << 32 | 0xffff0000u;
}

static __always_inline void ends_of_inet(const struct tp_socket_ref *ref,
                                         struct tp_socket_ends *ret_ends)
{
    struct sock *sk = ref->sk;

    ret_ends->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
    ret_ends->remote_port = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
    if (bpf_core_field_exists(sk->__sk_common.skc_v6_daddr) && ref->family == TP_AF_INET6) {
        bpf_core_read(ret_ends->local, 16, &sk->__sk_common.skc_v6_rcv_saddr);
        bpf_core_read(ret_ends->remote, 16, &sk->__sk_common.skc_v6_daddr);
    } else {
        map_ipv4(ret_ends->local, BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr));
        map_ipv4(ret_ends->remote, BPF_CORE_READ(sk, __sk_common.skc_daddr));
    }
}

static __always_inline void ends_of(const struct tp_socket_ref *ref,
                                    struct tp_socket_ends *ret_ends)
{
    struct unix_sock *local = (void *)ref->sk;

    __builtin_memset(ret_ends, 0, sizeof(*ret_ends));
    if (socket_is_inet(ref)) {
        ends_of_inet(ref, ret_ends);
        return;
    }
    if (!bpf_core_field_exists(local->peer))
        return;
    ret_ends->local[0] = ref->inode;
    ret_ends->remote[0] = inode_of_sock(BPF_CORE_READ(local, peer));
}

static __always_inline void ends_swap(const struct tp_socket_ends *ends,
                                      struct tp_socket_ends *ret_swapped)
{
    ret_swapped->local[0] = ends->remote[0];
    ret_swapped->local[1] = ends->remote[1];
    ret_swapped->remote[0] = ends->local[0];
    ret_swapped->remote[1] = ends->local[1];
    ret_swapped->local_port = ends->remote_port;
    ret_swapped->remote_port = ends->local_port;
    ret_swapped->pad = 0;
}

/* A stream socket on which a server can be reached: TCP, or a local one where either end was bound
 * to a name. The pairs that carry a child's standard streams are none. */
static __always_inline int socket_can_serve(const struct tp_socket_ref *ref)
{
    struct unix_sock *local = (void *)ref->sk;

    if (socket_is_inet(ref))
        return 1;
    if (ref->family != TP_AF_UNIX || !bpf_core_field_exists(local->peer))
        return 0;
    struct unix_sock *remote = (void *)BPF_CORE_READ(local, peer);
    return BPF_CORE_READ(local, addr) || BPF_CORE_READ(remote, addr);
}

#endif
