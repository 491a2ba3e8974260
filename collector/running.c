/* SPDX-License-Identifier: MIT */
#include "collector/running.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KERNEL_THREAD_FLAG 0x00200000u /* PF_KTHREAD, include/linux/sched.h */

/* "pid (comm) state ppid pgrp session tty tpgid flags ... starttime": comm may hold anything. */
static bool parse(char *text, struct tp_running *running)
{
    char *open = strchr(text, '('), *close = strrchr(text, ')');
    uint64_t ticks = 0;
    unsigned int flags = 0;
    char state = 0;

    if (!open || !close || close < open)
        return false;
    *close = 0;
    snprintf(running->comm, sizeof(running->comm), "%s", open + 1);
    if (sscanf(close + 1,
               " %c %" SCNu32 " %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
               "%*d %" SCNu64,
               &state, &running->parent_pid, &flags, &ticks) != 4)
        return false;
    running->kernel = flags & KERNEL_THREAD_FLAG;
    running->start_ns = ticks * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
    return state != 'Z' && state != 'X';
}

/* A thread's directory can be opened by its number, though it is not listed. */
static bool leads(uint32_t pid)
{
    char path[64], text[4096], *line;

    snprintf(path, sizeof(path), "/proc/%" PRIu32 "/status", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return false;
    text[n] = 0;
    line = strstr(text, "\nTgid:");
    return line && strtoul(line + 6, NULL, 10) == pid;
}

static int read_stat(uint32_t pid, struct tp_running *ret_running)
{
    struct tp_running running = {.pid = pid};
    char path[64], text[1024];
    struct stat st;

    snprintf(path, sizeof(path), "/proc/%" PRIu32 "/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -ESRCH;
    ssize_t n = fstat(fd, &st) ? -1 : read(fd, text, sizeof(text) - 1);
    close(fd);
    if (n <= 0)
        return -ESRCH;
    text[n] = 0;
    if (!parse(text, &running))
        return -ESRCH;
    running.uid = st.st_uid;
    *ret_running = running;
    return 0;
}

int tp_running_read(uint32_t pid, struct tp_running *ret_running)
{
    return leads(pid) ? read_stat(pid, ret_running) : -ESRCH;
}

void tp_running_each(void (*each)(void *cx, const struct tp_running *running), void *cx)
{
    struct tp_running running;
    struct dirent *entry;
    DIR *dir = opendir("/proc");

    if (!dir)
        return;
    while ((entry = readdir(dir))) {
        if (isdigit((unsigned char)entry->d_name[0]) &&
            read_stat((uint32_t)strtoul(entry->d_name, NULL, 10), &running) == 0)
            each(cx, &running);
    }
    closedir(dir);
}
