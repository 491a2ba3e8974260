/* SPDX-License-Identifier: MIT */
#include "collector/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

static const int handled[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD};

static sigset_t inherited_mask;
static struct sigaction inherited_pipe;
static const int limited[] = {RLIMIT_CORE, RLIMIT_NOFILE, RLIMIT_MEMLOCK};
static struct rlimit inherited_limit[sizeof(limited) / sizeof(limited[0])];

void tp_launch_remember_limits(void)
{
    for (size_t i = 0; i < sizeof(limited) / sizeof(limited[0]); i++)
        getrlimit((unsigned int)limited[i], &inherited_limit[i]);
}

int tp_launch_init(struct tp_launch *launch)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t set;

    *launch = (struct tp_launch){.go_fd = -1, .error_fd = -1, .signal_fd = -1};
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(handled) / sizeof(handled[0]); i++)
        sigaddset(&set, handled[i]);
    if (sigprocmask(SIG_BLOCK, &set, &inherited_mask) ||
        sigaction(SIGPIPE, &ignore, &inherited_pipe))
        return -errno;
    launch->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return launch->signal_fd < 0 ? -errno : 0;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void tp_launch_done(struct tp_launch *launch)
{
    close_fd(&launch->go_fd);
    close_fd(&launch->error_fd);
    close_fd(&launch->signal_fd);
}

static void child_settings(void)
{
    for (size_t i = 0; i < sizeof(limited) / sizeof(limited[0]); i++)
        setrlimit((unsigned int)limited[i], &inherited_limit[i]);
    sigaction(SIGPIPE, &inherited_pipe, NULL);
    sigprocmask(SIG_SETMASK, &inherited_mask, NULL);
}

/* If tokprof dies before it says go, the pipe ends and the command never runs unseen. */
static void child_run(char *const *argv, const struct tp_identity *as, bool stdout_to_stderr,
                      int go_fd, int error_fd)
{
    char byte;
    ssize_t n;

    do
        n = read(go_fd, &byte, 1);
    while (n < 0 && errno == EINTR);
    if (n != 1)
        _exit(125);
    int err = tp_identity_become(as);
    if (!err && stdout_to_stderr && dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        err = -errno;
    if (!err) {
        child_settings();
        execvp(argv[0], argv);
        err = -errno;
    }
    if (write(error_fd, &err, sizeof(err)) < 0)
        _exit(125);
    _exit(127);
}

int tp_launch_start(struct tp_launch *launch, char *const *argv, const struct tp_identity *as,
                    bool stdout_to_stderr)
{
    int go[2], error[2];

    if (pipe2(go, O_CLOEXEC))
        return -errno;
    if (pipe2(error, O_CLOEXEC)) {
        int err = -errno;
        close(go[0]);
        close(go[1]);
        return err;
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(go[1]);
        close(error[0]);
        child_run(argv, as, stdout_to_stderr, go[0], error[1]);
    }
    int err = pid < 0 ? -errno : 0;
    close(go[0]);
    close(error[1]);
    launch->go_fd = go[1];
    launch->error_fd = error[0];
    launch->pid = pid > 0 ? pid : 0;
    return err;
}

static void reap(struct tp_launch *launch, int flags)
{
    int status;

    if (launch->pid > 0 && waitpid(launch->pid, &status, flags) == launch->pid) {
        launch->wait_status = status;
        launch->reaped = true;
        launch->pid = 0;
    }
}

int tp_launch_go(struct tp_launch *launch)
{
    int child_errno = 0;
    ssize_t n;

    if (write(launch->go_fd, "g", 1) != 1)
        return -errno;
    close_fd(&launch->go_fd);
    do
        n = read(launch->error_fd, &child_errno, sizeof(child_errno));
    while (n < 0 && errno == EINTR);
    close_fd(&launch->error_fd);
    if (n != sizeof(child_errno))
        return 0;
    reap(launch, 0);
    return child_errno;
}

/* A terminal sends its signals (si_code SI_KERNEL) to the whole foreground group: the child has its
 * own. */
static void pass_on(struct tp_launch *launch, const struct signalfd_siginfo *info)
{
    if (launch->pid <= 0 && info->ssi_signo != SIGUSR1 && info->ssi_signo != SIGUSR2)
        launch->interrupted = true;
    if (launch->pid <= 0 || info->ssi_code == SI_KERNEL || info->ssi_pid == (uint32_t)launch->pid)
        return;
    if (kill(launch->pid, (int)info->ssi_signo) && errno == EPERM)
        launch->refused_signal = (int)info->ssi_signo;
}

void tp_launch_on_signal(struct tp_launch *launch)
{
    struct signalfd_siginfo info;

    while (read(launch->signal_fd, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo == SIGCHLD)
            reap(launch, WNOHANG);
        else
            pass_on(launch, &info);
    }
}

int tp_launch_exit_status(const struct tp_launch *launch)
{
    if (!launch->reaped)
        return 125;
    if (WIFSIGNALED(launch->wait_status))
        return 128 + WTERMSIG(launch->wait_status);
    return WEXITSTATUS(launch->wait_status);
}
