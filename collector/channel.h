/* SPDX-License-Identifier: MIT
 * Messages between tokprof's own processes, over a pair of connected sockets (unix(7),
 * SOCK_SEQPACKET): one send is one message, whole or not at all, and an end that is gone is
 * noticed.
 */
#ifndef TP_CHANNEL_H
#define TP_CHANNEL_H

#include <stddef.h>
#include <sys/types.h>

/* Descriptors that one message can bring along. */
#define TP_CHANNEL_FDS_MAX 3

/* 0 or negative errno. */
int tp_channel_pair(int ret_fds[2]);

/* One message of n bytes, and copies of `fd_count` descriptors. 0; -EPIPE: nobody is there;
 * -EAGAIN: it was not taken within timeout_ms; or negative errno. */
int tp_channel_send(int fd, const void *message, size_t n, const int *fds, size_t fd_count,
                    int timeout_ms);

/* The next message. Its bytes; 0: nobody is there any more; -EAGAIN: none came within timeout_ms;
 * -EMSGSIZE: it is longer than `size`; or negative errno. */
ssize_t tp_channel_receive(int fd, void *ret_message, size_t size, int timeout_ms);

/* The same for one that brings `fd_count` descriptors along, which become the caller's. -EBADMSG:
 * it brings another number. */
ssize_t tp_channel_receive_fds(int fd, void *ret_message, size_t size, int *ret_fds,
                               size_t fd_count, int timeout_ms);

#endif
