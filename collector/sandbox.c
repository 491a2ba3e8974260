/* SPDX-License-Identifier: MIT */
#include "collector/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* By name, for machines differ in which of them they have. */
static const char *const allowed[] = {
    /* what is open */
    "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "lseek", "fstat",
    "ftruncate", "fsync", "fdatasync", "close", "recvmsg", "sendmsg", "recvfrom", "poll", "ppoll",
    "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait",
    /* time */
    "clock_gettime", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "restart_syscall",
    /* memory, but for what the rules below say; the allocators look at the machine */
    "brk", "munmap", "mremap", "madvise", "futex", "getrandom", "sysinfo", "sched_getaffinity",
    "sched_yield", "getcpu",
    /* itself */
    "getpid", "gettid", "getuid", "geteuid", "uname", "rt_sigprocmask", "rt_sigreturn", "exit",
    "exit_group"};

/* Allowed where the argument, under the mask, has the value. */
static const struct {
    const char *name;
    unsigned int argument;
    scmp_datum_t mask, value;
} conditional[] = {
    {"mmap", 2, PROT_EXEC, 0},
    {"mprotect", 2, PROT_EXEC, 0},
    /* As C libraries ask for the state of a descriptor. */
    {"newfstatat", 3, AT_EMPTY_PATH, AT_EMPTY_PATH},
    {"fcntl", 1, ~(scmp_datum_t)0, F_GETFL},
    {"fcntl", 1, ~(scmp_datum_t)0, F_GETFD},
#ifdef PR_SET_VMA
    {"prctl", 0, ~(scmp_datum_t)0, PR_SET_VMA}, /* names of an allocator's memory */
#endif
};

bool tp_sandbox_available(void)
{
    return !SANITIZED;
}

static int rules_add(scmp_filter_ctx filter)
{
    int err = 0;

    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]) && !err; i++) {
        int number = seccomp_syscall_resolve_name(allowed[i]);
        if (number >= 0)
            err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
    }
    for (size_t i = 0; i < sizeof(conditional) / sizeof(conditional[0]) && !err; i++) {
        int number = seccomp_syscall_resolve_name(conditional[i].name);
        const struct scmp_arg_cmp rule = {conditional[i].argument, SCMP_CMP_MASKED_EQ,
                                          conditional[i].mask, conditional[i].value};
        if (number >= 0)
            err = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, 1, &rule);
    }
    return err;
}

/* Only what a signal handler may call. */
static void on_refused(int signal_number, siginfo_t *info, void *context)
{
    char text[64] = "tokprof: debug: refused system call ";
    size_t n = strlen(text);
    char digits[12];
    size_t len = 0;

    (void)context;
    for (unsigned int number = (unsigned int)info->si_syscall; len < sizeof(digits); number /= 10) {
        digits[len++] = (char)('0' + number % 10);
        if (number < 10)
            break;
    }
    while (len > 0)
        text[n++] = digits[--len];
    text[n++] = '\n';
    ssize_t written = write(STDERR_FILENO, text, n);
    (void)written;
    _exit(128 + signal_number);
}

static int handler_set(void)
{
    struct sigaction refused = {.sa_sigaction = on_refused, .sa_flags = SA_SIGINFO};
    return sigaction(SIGSYS, &refused, NULL) ? -errno : 0;
}

int tp_sandbox_enter(bool tell)
{
    if (SANITIZED)
        return 0;
    int err = tell ? handler_set() : 0;
    if (err)
        return err;
    scmp_filter_ctx filter = seccomp_init(tell ? SCMP_ACT_TRAP : SCMP_ACT_KILL_PROCESS);
    if (!filter)
        return -ENOMEM;
    err = rules_add(filter);
    if (!err)
        err = seccomp_load(filter);
    seccomp_release(filter);
    return err;
}
