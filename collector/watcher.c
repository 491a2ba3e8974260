/* SPDX-License-Identifier: MIT */
#include "collector/watcher.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "collector/mmaps.h"
#include "collector/running.h"

/* Processes that fork as fast as they are found. */
#define JOIN_PASSES_MAX 64
/* Without perf events, each process's mappings are read this often. */
#define SCAN_PERIOD_NS (TP_WATCHER_PERIOD_MS * UINT64_C(1000000))

struct tp_watcher {
    const struct tp_watcher_ops *ops;
    void *cx;
    struct tp_probes *probes;
    struct tp_targets *targets;
    struct tp_mmaps *mmaps;
    int epoll_fd;
    uint64_t last_scan_ns;
    struct tp_target plain; /* file is NULL: not asked for */
};

static uint64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void on_target(void *cx, const struct tp_target *target)
{
    struct tp_watcher *w = cx;
    w->ops->target(w->cx, target);
}

/* Told as a target of its own, so that a recording says whether plain HTTP was looked for. */
static void plain_begin(struct tp_watcher *w)
{
    int err = tp_probes_attach_plain(w->probes);

    w->plain = (struct tp_target){
        .file = "sockets",
        .stack = "none",
        .how = "syscalls",
        .confidence = 100,
        .error = err ? strerror(-err) : NULL,
    };
}

static int watcher_parts(struct tp_watcher *w, const struct tp_watcher_options *options)
{
    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (w->epoll_fd < 0)
        return -errno;
    const struct tp_probes_options probes = {
        .ring_bytes = options->ring_bytes, .plain = options->plain, .oldest = options->oldest};
    int err = tp_probes_open(&w->probes, &probes);
    if (err)
        return err;
    w->targets = tp_targets_new(w->probes, options->locate, options->locate_cx, on_target, w);
    if (!w->targets)
        return -ENOMEM;
    if (tp_mmaps_open(&w->mmaps, w->epoll_fd, 0))
        w->mmaps = NULL;
    if (options->plain)
        plain_begin(w);
    return 0;
}

int tp_watcher_new(struct tp_watcher **ret_watcher, const struct tp_watcher_options *options,
                   const struct tp_watcher_ops *ops, void *cx)
{
    struct tp_watcher *w = calloc(1, sizeof(*w));
    if (!w)
        return -ENOMEM;
    w->ops = ops;
    w->cx = cx;
    int err = watcher_parts(w, options);
    if (err) {
        tp_watcher_free(w);
        return err;
    }
    *ret_watcher = w;
    return 0;
}

void tp_watcher_free(struct tp_watcher *watcher)
{
    if (!watcher)
        return;
    tp_mmaps_close(watcher->mmaps);
    tp_targets_free(watcher->targets);
    tp_probes_close(watcher->probes);
    if (watcher->epoll_fd >= 0)
        close(watcher->epoll_fd);
    free(watcher);
}

struct tp_probes *tp_watcher_probes(struct tp_watcher *watcher)
{
    return watcher->probes;
}

struct tp_targets *tp_watcher_targets(struct tp_watcher *watcher)
{
    return watcher->targets;
}

const struct tp_target *tp_watcher_plain(const struct tp_watcher *watcher)
{
    return watcher->plain.file ? &watcher->plain : NULL;
}

bool tp_watcher_sees_mappings(const struct tp_watcher *watcher)
{
    return watcher->mmaps != NULL;
}

int tp_watcher_watch(struct tp_watcher *watcher, uint32_t pid)
{
    return tp_probes_watch(watcher->probes, pid);
}

int tp_watcher_fd(const struct tp_watcher *watcher)
{
    return watcher->epoll_fd;
}

static void on_scanned(void *cx, const struct tp_mapping *mapping)
{
    struct tp_watcher *w = cx;
    tp_targets_add_mapping(w->targets, mapping, "maps");
}

static void scan_process(void *cx, uint32_t pid)
{
    tp_mmaps_of_process(pid, now_ns(), on_scanned, cx);
}

/* Neither alive nor a zombie's own: proc_pid_exe(5). */
static bool is_gone(uint32_t pid)
{
    char path[64], byte;

    snprintf(path, sizeof(path), "/proc/%" PRIu32 "/exe", pid);
    return readlink(path, &byte, 1) < 0 && (errno == ENOENT || errno == ESRCH);
}

/* One that ended before it could be asked for may have been watched: its file is looked at, for the
 * next one may map it too. */
static void on_mapping(void *cx, const struct tp_mapping *mapping)
{
    struct tp_watcher *w = cx;
    if (tp_probes_watches(w->probes, mapping->pid) || is_gone(mapping->pid))
        tp_targets_add_mapping(w->targets, mapping, "mmap");
}

void tp_watcher_poll(struct tp_watcher *watcher)
{
    tp_targets_check(watcher->targets);
    if (watcher->mmaps) {
        uint64_t lost = tp_mmaps_read(watcher->mmaps, on_mapping, watcher);
        if (lost) {
            watcher->ops->missing(watcher->cx, "mapping", "perf ring full", lost);
            tp_probes_each_watched(watcher->probes, scan_process, watcher);
        }
        return;
    }
    uint64_t now = now_ns();
    if (now - watcher->last_scan_ns < SCAN_PERIOD_NS)
        return;
    watcher->last_scan_ns = now;
    tp_probes_each_watched(watcher->probes, scan_process, watcher);
}

void tp_watcher_program(struct tp_watcher *watcher, uint32_t pid, const char *comm,
                        char ret_name[TP_PROGRAM_BYTES])
{
    if (!tp_probes_watches(watcher->probes, pid)) {
        snprintf(ret_name, TP_PROGRAM_BYTES, "%s", comm);
        return;
    }
    tp_program_of_process(pid, comm, ret_name);
    if (!watcher->mmaps)
        scan_process(watcher, pid);
}

/* Watched first, so that whatever it forks from now on is followed; one that ended just before left
 * no word of it. */
static int join(struct tp_watcher *w, const struct tp_running *running)
{
    struct tp_process_record record = {
        .head = {.type = TP_RECORD_EXEC,
                 .size = sizeof(record),
                 .time_ns = now_ns(),
                 .pid = running->pid,
                 .tid = running->pid},
        .parent_pid = running->parent_pid,
        .start_ns = running->start_ns,
    };
    struct tp_running again;
    char program[TP_PROGRAM_BYTES];

    memcpy(record.comm, running->comm, sizeof(record.comm));
    int err = tp_probes_watch(w->probes, running->pid);
    if (err)
        return err;
    if (tp_running_read(running->pid, &again) || again.start_ns != running->start_ns) {
        tp_probes_unwatch(w->probes, running->pid);
        return -ESRCH;
    }
    tp_program_of_process(running->pid, record.comm, program);
    w->ops->joined(w->cx, &record, program);
    tp_mmaps_of_process(running->pid, record.head.time_ns, on_scanned, w);
    return 0;
}

/* One pass over all processes: those that `wanted` names are joined. */
struct joining {
    struct tp_watcher *watcher;
    bool (*wanted)(struct joining *joining, const struct tp_running *running);
    bool others_too;
    size_t joined, left_out;
};

/* This process, or one that it started. */
static bool is_own(const struct tp_running *running)
{
    return running->pid == (uint32_t)getpid() || running->parent_pid == (uint32_t)getpid();
}

static void join_one(void *cx, const struct tp_running *running)
{
    struct joining *j = cx;

    if (!is_own(running) && !tp_probes_watches(j->watcher->probes, running->pid) &&
        j->wanted(j, running) && join(j->watcher, running) == 0)
        j->joined++;
}

static void join_until_settled(struct joining *j)
{
    int passes = 0;

    do {
        j->joined = j->left_out = 0;
        tp_running_each(join_one, j);
    } while (j->joined > 0 && ++passes < JOIN_PASSES_MAX);
}

static bool is_child_of_watched(struct joining *j, const struct tp_running *running)
{
    return tp_probes_watches(j->watcher->probes, running->parent_pid);
}

static bool is_allowed(struct joining *j, const struct tp_running *running)
{
    if (running->kernel)
        return false;
    if (j->others_too || running->uid == geteuid())
        return true;
    j->left_out++;
    return false;
}

int tp_watcher_join(struct tp_watcher *watcher, uint32_t pid)
{
    struct joining j = {.watcher = watcher, .wanted = is_child_of_watched};
    struct tp_running running;
    char path[64];

    int err = tp_running_read(pid, &running);
    if (err)
        return err;
    snprintf(path, sizeof(path), "/proc/%" PRIu32 "/maps", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -ESRCH : -EACCES;
    close(fd);
    err = join(watcher, &running);
    if (!err)
        join_until_settled(&j);
    return err;
}

size_t tp_watcher_join_all(struct tp_watcher *watcher, bool others_too)
{
    struct joining j = {.watcher = watcher, .wanted = is_allowed, .others_too = others_too};
    join_until_settled(&j);
    return j.left_out;
}
