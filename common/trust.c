/* SPDX-License-Identifier: MIT */
#include "common/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool has_capabilities(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
    if (syscall(SYS_capget, &head, data))
        return true; /* not known: assume the worse */
    return data[0].permitted || data[1].permitted;
}

bool tp_privileged(void)
{
    return getauxval(AT_SECURE) || geteuid() == 0 || geteuid() != getuid() ||
           getegid() != getgid() || has_capabilities();
}

/* In a sticky directory only an entry's owner, who is looked at next, can replace the entry; so
 * /tmp may stand on the way, but may not hold the files themselves. */
static const char *distrust(const struct stat *st, bool privileged, bool on_the_way)
{
    mode_t writable = S_IWOTH | (privileged ? S_IWGRP : 0);
    if (st->st_uid != 0 && (privileged || st->st_uid != geteuid()))
        return privileged ? "does not belong to root, as it must where tokprof has privilege"
                          : "belongs to another user";
    if (!(st->st_mode & writable) || (on_the_way && (st->st_mode & S_ISVTX)))
        return NULL;
    return st->st_mode & S_IWOTH ? "can be written by everyone" : "can be written by its group";
}

static int fail(int err, const char *what, const char *why, char *ret_reason, size_t size)
{
    snprintf(ret_reason, size, "%s%s%s", what, *what ? " " : "", why);
    return err;
}

/* Closes `directory` and returns the one below it, checked. */
static int step_down(int directory, const char *name, const char *so_far, bool last,
                     bool privileged, char *ret_reason, size_t size)
{
    struct stat st;
    int flags = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | (last ? O_RDONLY : O_PATH);
    int fd = openat(directory, name, flags);
    int err = fd < 0 || fstat(fd, &st) ? -errno : 0;
    if (directory >= 0)
        close(directory);
    const char *why = err ? strerror(-err) : distrust(&st, privileged, !last);
    if (!why)
        return fd;
    if (fd >= 0)
        close(fd);
    return fail(err ? err : -EACCES, so_far, why, ret_reason, size);
}

/* From / down by descriptors, so that what was checked is what is opened. */
static int walk(char *path, bool privileged, char *ret_reason, size_t size)
{
    int fd = step_down(-1, "/", "/", path[1] == '\0', privileged, ret_reason, size);
    for (char *name = path + 1; fd >= 0 && *name;) {
        char *end = strchrnul(name, '/');
        bool last = *end == '\0';
        char part[NAME_MAX + 1];
        snprintf(part, sizeof(part), "%.*s", (int)(end - name), name);
        *end = '\0'; /* `path` is now what was walked so far */
        fd = step_down(fd, part, path, last, privileged, ret_reason, size);
        if (!last)
            *end = '/';
        name = last ? end : end + 1;
    }
    return fd;
}

int tp_trusted_directory(const char *path, bool privileged, char *ret_reason, size_t size)
{
    char *real = realpath(path, NULL);
    if (!real) {
        int err = -errno;
        return fail(err, "", strerror(-err), ret_reason, size);
    }
    int fd = walk(real, privileged, ret_reason, size);
    free(real);
    return fd;
}

int tp_trusted_file(int directory, const char *name, bool privileged, char *ret_reason, size_t size)
{
    struct stat st;
    /* O_NONBLOCK: a FIFO must not hold the program up before it is seen to be one. */
    int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st)) {
        int err = -errno;
        if (fd >= 0)
            close(fd);
        return fail(err, "", err == -ELOOP ? "is a symbolic link" : strerror(-err), ret_reason,
                    size);
    }
    const char *why =
        S_ISREG(st.st_mode) ? distrust(&st, privileged, false) : "is not a regular file";
    if (!why)
        return fd;
    close(fd);
    return fail(-EACCES, "", why, ret_reason, size);
}
