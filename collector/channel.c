/* SPDX-License-Identifier: MIT */
#include "collector/channel.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for the descriptors of one message (cmsg(3)). */
union control {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(TP_CHANNEL_FDS_MAX * sizeof(int))];
};

int tp_channel_pair(int ret_fds[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_fds) ? -errno : 0;
}

/* Readiness for `events`, or that the other end is gone. */
static int wait_for(int fd, short events, int timeout_ms)
{
    struct pollfd at = {.fd = fd, .events = events};
    int n;

    do
        n = poll(&at, 1, timeout_ms);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    return n == 0 ? -EAGAIN : 0;
}

static void put_fds(struct msghdr *m, union control *control, const int *fds, size_t fd_count)
{
    if (fd_count == 0)
        return;
    memset(control, 0, sizeof(*control));
    m->msg_control = control;
    m->msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
    control->head.cmsg_level = SOL_SOCKET;
    control->head.cmsg_type = SCM_RIGHTS;
    control->head.cmsg_len = CMSG_LEN(fd_count * sizeof(int));
    memcpy(CMSG_DATA(&control->head), fds, fd_count * sizeof(int));
}

int tp_channel_send(int fd, const void *message, size_t n, const int *fds, size_t fd_count,
                    int timeout_ms)
{
    struct iovec piece = {.iov_base = (void *)(uintptr_t)message, .iov_len = n};
    struct msghdr m = {.msg_iov = &piece, .msg_iovlen = 1};
    union control control;

    if (fd_count > TP_CHANNEL_FDS_MAX)
        return -EINVAL;
    put_fds(&m, &control, fds, fd_count);
    for (;;) {
        ssize_t sent = sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0)
            return 0;
        if (errno != EAGAIN && errno != EINTR)
            return errno == ECONNRESET ? -EPIPE : -errno;
        int err = errno == EAGAIN ? wait_for(fd, POLLOUT, timeout_ms) : 0;
        if (err)
            return err;
    }
}

static int take_fds(struct msghdr *m, int *ret_fds, size_t fd_count)
{
    const struct cmsghdr *head = CMSG_FIRSTHDR(m);
    size_t n = 0;
    int fds[TP_CHANNEL_FDS_MAX];

    if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) {
        n = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(head), n * sizeof(int));
    }
    if (n == fd_count) {
        memcpy(ret_fds, fds, n * sizeof(int));
        return 0;
    }
    for (size_t i = 0; i < n; i++)
        close(fds[i]);
    return -EBADMSG;
}

ssize_t tp_channel_receive_fds(int fd, void *ret_message, size_t size, int *ret_fds,
                               size_t fd_count, int timeout_ms)
{
    struct iovec piece = {.iov_base = ret_message, .iov_len = size};
    union control control;
    struct msghdr m = {.msg_iov = &piece, .msg_iovlen = 1};
    ssize_t n;

    if (fd_count > TP_CHANNEL_FDS_MAX)
        return -EINVAL;
    int err = wait_for(fd, POLLIN, timeout_ms);
    if (err)
        return err;
    if (fd_count > 0) {
        m.msg_control = &control;
        m.msg_controllen = sizeof(control);
    }
    do
        n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == ECONNRESET ? 0 : -errno;
    if (n > 0 && fd_count > 0)
        err = take_fds(&m, ret_fds, fd_count);
    if (!err && (m.msg_flags & MSG_TRUNC))
        err = -EMSGSIZE;
    return err ? err : n;
}

ssize_t tp_channel_receive(int fd, void *ret_message, size_t size, int timeout_ms)
{
    return tp_channel_receive_fds(fd, ret_message, size, NULL, 0, timeout_ms);
}
