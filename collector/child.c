/* SPDX-License-Identifier: MIT */
#include "collector/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/channel.h"
#include "collector/privilege.h"
#include "collector/sandbox.h"
#include "common/log.h"

#define CHANNEL_FD 3

/* Nothing else may stay open: a link would outlive the process that attached it, and a pipe's
 * reader would wait for us. */
static int keep_only_channel(int fd)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null >= 0) {
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
    }
    if (fd != CHANNEL_FD && dup2(fd, CHANNEL_FD) < 0)
        return -errno;
    return close_range(CHANNEL_FD + 1, ~0u, 0) ? -errno : 0;
}

/* As ps(1) and top(1) show it. */
static void name_process(const char *name)
{
    char comm[16];

    snprintf(comm, sizeof(comm), "tokprof-%s", name);
    prctl(PR_SET_NAME, comm);
}

int tp_child_start(struct tp_child *child, tp_child_fn *run, void *cx)
{
    int fds[2];
    int err = tp_channel_pair(fds);

    if (err)
        return err;
    pid_t pid = fork();
    if (pid == 0) {
        name_process(child->name);
        _exit(keep_only_channel(fds[1]) ? 1 : run(cx, CHANNEL_FD));
    }
    err = pid < 0 ? -errno : 0;
    close(fds[1]);
    if (err) {
        close(fds[0]);
        return err;
    }
    child->pid = pid;
    child->fd = fds[0];
    return 0;
}

int tp_child_confine(const char *name, const struct tp_identity *identity, bool debug)
{
    char text[256] = "";

    int err = tp_privilege_drop_all(identity);
    if (debug)
        tp_privilege_describe(text, sizeof(text));
    if (!err)
        err = tp_sandbox_enter(debug);
    if (err)
        tp_error("the %s cannot be confined: %s", name, strerror(-err));
    else
        tp_debug("%s %d: %s, %s", name, (int)getpid(), text,
                 tp_sandbox_available() ? "seccomp filter" : "no seccomp filter");
    return err;
}

bool tp_child_ended(struct tp_child *child, bool wait)
{
    int status;

    if (child->pid > 0 && waitpid(child->pid, &status, wait ? 0 : WNOHANG) == child->pid) {
        child->wait_status = status;
        child->pid = 0;
    }
    return child->pid == 0;
}

const char *tp_child_describe_end(const struct tp_child *child, char *ret_text, size_t size)
{
    int status = child->wait_status;

    if (WIFSIGNALED(status))
        snprintf(ret_text, size, "was killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(ret_text, size, "ended with status %d", WEXITSTATUS(status));
    return ret_text;
}

void tp_child_stop(struct tp_child *child, bool kill_it)
{
    if (kill_it && child->pid > 0)
        kill(child->pid, SIGKILL);
    if (child->fd >= 0)
        close(child->fd);
    child->fd = -1;
    tp_child_ended(child, true);
}
