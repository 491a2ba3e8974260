/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "collector/sandbox.h"

/* The wait status of a process that does this behind the filter; 0 where it came to its end. */
static int status_of(void (*act)(void))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        if (tp_sandbox_enter(false))
            _exit(1);
        act();
        _exit(0);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return status;
}

static void skip_where_there_is_none(void)
{
    if (!tp_sandbox_available())
        cr_skip_test("builds with sanitizers have no filter");
}

static void open_file(void)
{
    syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY);
}

static void make_socket(void)
{
    socket(AF_INET, SOCK_STREAM, 0);
}

static void run_program(void)
{
    char *const argv[] = {(char *)"true", NULL};
    execv("/bin/true", argv);
}

static void ask_bpf(void)
{
    union bpf_attr attr;
    memset(&attr, 0, sizeof(attr));
    syscall(SYS_bpf, BPF_MAP_GET_NEXT_ID, &attr, sizeof(attr));
}

static void start_process(void)
{
    if (fork() == 0)
        _exit(0);
}

static void trace_parent(void)
{
    ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static void read_parent(void)
{
    char byte;
    struct iovec local = {&byte, 1}, remote = {&byte, 1};
    process_vm_readv(getppid(), &local, 1, &remote, 1, 0);
}

static void signal_parent(void)
{
    kill(getppid(), 0);
}

static void make_code(void)
{
    mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void turn_into_code(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static void stat_path(void)
{
    syscall(SYS_newfstatat, AT_FDCWD, "/etc/passwd", NULL, 0);
}

static void change_user(void)
{
    setuid(65534);
}

Test(sandbox, kills_whoever_reaches_beyond_what_is_open)
{
    static const struct {
        const char *what;
        void (*act)(void);
    } cases[] = {{"open", open_file},      {"socket", make_socket},
                 {"execve", run_program},  {"bpf", ask_bpf},
                 {"fork", start_process},  {"ptrace", trace_parent},
                 {"readv", read_parent},   {"kill", signal_parent},
                 {"mmap code", make_code}, {"mprotect", turn_into_code},
                 {"stat", stat_path},      {"setuid", change_user}};

    skip_where_there_is_none();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int status = status_of(cases[i].act);
        cr_expect_eq(WIFSIGNALED(status) ? WTERMSIG(status) : 0, SIGSYS, "%s: status %#x",
                     cases[i].what, (unsigned int)status);
    }
}

static int pipe_ends[2];

/* What a parser and a locator live on; memory of all sizes, for the allocator takes it in different
 * ways. */
static void work(void)
{
    char text[] = "x";
    struct timespec now;
    const struct timespec nap = {.tv_nsec = 1000};

    for (size_t n = 16; n < 64u * 1024 * 1024; n *= 4) {
        char *block = malloc(n);
        memset(block, 1, n);
        block = realloc(block, 2 * n);
        free(block);
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    nanosleep(&nap, NULL);
    if (write(pipe_ends[1], text, 1) != 1 || read(pipe_ends[0], text, 1) != 1)
        _exit(2);
}

Test(sandbox, leaves_memory_time_and_what_is_open)
{
    cr_assert_eq(pipe(pipe_ends), 0);
    cr_expect_eq(status_of(work), 0);
}
