/* SPDX-License-Identifier: MIT */
#include "collector/session.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "collector/attach.h"
#include "collector/mmaps.h"
#include "collector/processes.h"
#include "collector/running.h"
#include "collector/unlinked.h"

#define ENDINGS_MAX 65536
/* Processes that fork as fast as they are found. */
#define JOIN_PASSES_MAX 64
/* How long to wait at the end for a record that some CPU is still writing. */
#define DRAIN_TRIES 50
#define DRAIN_PAUSE_NS 1000000
/* Without perf events, each process's mappings are read this often. */
#define SCAN_PERIOD_NS 250000000u

/* A process, or its old program, is over: to be told once the data ring has been read up to
 * `data_position`. */
struct ending {
    struct tp_process_record record;
    uint64_t data_position;
};

struct tp_session {
    const struct tp_session_ops *ops;
    void *cx;
    struct tp_probes *probes;
    struct tp_targets *targets;
    struct tp_processes *processes;
    struct tp_mmaps *mmaps;
    struct tp_unlinked *unlinked;
    int epoll_fd;
    struct ending *endings;
    size_t endings_len, endings_cap;
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
    struct tp_session *s = cx;
    s->ops->target(s->cx, target);
}

static int epoll_add(int epoll_fd, int fd)
{
    struct epoll_event ev = {.events = EPOLLIN};
    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

/* Told as a target of its own, so that a recording says whether plain HTTP was looked for. */
static void plain_begin(struct tp_session *s)
{
    int err = tp_probes_attach_plain(s->probes);

    s->plain = (struct tp_target){
        .file = "sockets",
        .stack = "none",
        .how = "syscalls",
        .confidence = 100,
        .error = err ? strerror(-err) : NULL,
    };
}

static int session_parts(struct tp_session *s, const struct tp_session_options *options)
{
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (s->epoll_fd < 0)
        return -errno;
    const struct tp_probes_options probes = {
        .ring_bytes = options->ring_bytes, .plain = options->plain, .oldest = options->oldest};
    int err = tp_probes_open(&s->probes, &probes);
    if (err)
        return err;
    s->targets = tp_targets_new(s->probes, tp_locate, NULL, on_target, s);
    s->processes = tp_processes_new(options->tree);
    s->unlinked = tp_unlinked_new(s->ops->data, s->cx);
    if (!s->targets || !s->processes || !s->unlinked)
        return -ENOMEM;
    err = epoll_add(s->epoll_fd, tp_probes_data_ring(s->probes)->fd);
    if (!err)
        err = epoll_add(s->epoll_fd, tp_probes_process_ring(s->probes)->fd);
    if (err)
        return err;
    if (tp_mmaps_open(&s->mmaps, s->epoll_fd, 0))
        s->mmaps = NULL;
    if (options->plain)
        plain_begin(s);
    return 0;
}

int tp_session_new(struct tp_session **ret_session, const struct tp_session_options *options,
                   const struct tp_session_ops *ops, void *cx)
{
    struct tp_session *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->ops = ops;
    s->cx = cx;
    int err = session_parts(s, options);
    if (err) {
        tp_session_free(s);
        return err;
    }
    *ret_session = s;
    return 0;
}

void tp_session_free(struct tp_session *session)
{
    if (!session)
        return;
    tp_mmaps_close(session->mmaps);
    tp_targets_free(session->targets);
    tp_unlinked_free(session->unlinked);
    tp_probes_close(session->probes);
    tp_processes_free(session->processes);
    free(session->endings);
    if (session->epoll_fd >= 0)
        close(session->epoll_fd);
    free(session);
}

struct tp_targets *tp_session_targets(struct tp_session *session)
{
    return session->targets;
}

struct tp_process_source tp_session_processes(struct tp_session *session)
{
    return tp_processes_source(session->processes);
}

int tp_session_watch(struct tp_session *session, uint32_t pid)
{
    return tp_probes_watch(session->probes, pid);
}

int tp_session_fd(const struct tp_session *session)
{
    return session->epoll_fd;
}

static void on_mapping(void *cx, const struct tp_mapping *mapping)
{
    struct tp_session *s = cx;
    if (tp_probes_watches(s->probes, mapping->pid) || tp_processes_find(s->processes, mapping->pid))
        tp_targets_add_mapping(s->targets, mapping, "mmap");
}

static void on_scanned(void *cx, const struct tp_mapping *mapping)
{
    struct tp_session *s = cx;
    tp_targets_add_mapping(s->targets, mapping, "maps");
}

static void scan_process(void *cx, const struct tp_process *process)
{
    tp_mmaps_of_process(process->pid, now_ns(), on_scanned, cx);
}

static void ending_add(struct tp_session *s, const struct tp_process_record *record)
{
    if (s->endings_len == s->endings_cap) {
        size_t cap = s->endings_cap ? 2 * s->endings_cap : 64;
        struct ending *grown =
            cap > ENDINGS_MAX ? NULL : reallocarray(s->endings, cap, sizeof(*grown));
        if (!grown) {
            s->ops->missing(s->cx, "process", "no memory", 1);
            return;
        }
        s->endings = grown;
        s->endings_cap = cap;
    }
    s->endings[s->endings_len].record = *record;
    s->endings[s->endings_len++].data_position = tp_ring_produced(tp_probes_data_ring(s->probes));
}

static void process_runs(struct tp_session *s, const struct tp_process_record *r)
{
    const struct tp_process *process = tp_processes_exec(s->processes, r);

    if (!process)
        s->ops->missing(s->cx, "process", "table full", 1);
    else
        s->ops->process(s->cx, r, process);
}

static void on_exec(struct tp_session *s, const struct tp_process_record *r)
{
    process_runs(s, r);
    if (!s->mmaps)
        tp_mmaps_of_process(r->head.pid, r->head.time_ns, on_scanned, s);
}

/* Watched first, so that whatever it forks from now on is followed; one that ended just before left
 * no word of it. */
static int join(struct tp_session *s, const struct tp_running *running)
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

    memcpy(record.comm, running->comm, sizeof(record.comm));
    int err = tp_probes_watch(s->probes, running->pid);
    if (err)
        return err;
    if (tp_running_read(running->pid, &again) || again.start_ns != running->start_ns) {
        tp_probes_unwatch(s->probes, running->pid);
        return -ESRCH;
    }
    process_runs(s, &record);
    tp_mmaps_of_process(running->pid, record.head.time_ns, on_scanned, s);
    return 0;
}

/* One pass over all processes: those that `wanted` names are joined. */
struct joining {
    struct tp_session *session;
    bool (*wanted)(struct joining *joining, const struct tp_running *running);
    bool others_too;
    size_t joined, left_out;
};

static void join_one(void *cx, const struct tp_running *running)
{
    struct joining *j = cx;

    if (!tp_probes_watches(j->session->probes, running->pid) && j->wanted(j, running) &&
        join(j->session, running) == 0)
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
    return tp_probes_watches(j->session->probes, running->parent_pid);
}

static bool is_allowed(struct joining *j, const struct tp_running *running)
{
    if (running->kernel || running->pid == (uint32_t)getpid())
        return false;
    if (j->others_too || running->uid == geteuid())
        return true;
    j->left_out++;
    return false;
}

int tp_session_join(struct tp_session *session, uint32_t pid)
{
    struct joining j = {.session = session, .wanted = is_child_of_watched};
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
    err = join(session, &running);
    if (!err)
        join_until_settled(&j);
    return err;
}

size_t tp_session_join_all(struct tp_session *session, bool others_too)
{
    struct joining j = {.session = session, .wanted = is_allowed, .others_too = others_too};
    join_until_settled(&j);
    return j.left_out;
}

/* An exec ends the old program's streams, but what they carried may still be unread: that part
 * waits. */
static void on_process_record(void *cx, const void *data, size_t len)
{
    struct tp_session *s = cx;
    const struct tp_process_record *r = data;

    if (len < sizeof(*r))
        return;
    switch (r->head.type) {
    case TP_RECORD_FORK:
        if (!tp_processes_fork(s->processes, r))
            s->ops->missing(s->cx, "process", "table full", 1);
        break;
    case TP_RECORD_EXEC:
        ending_add(s, r);
        on_exec(s, r);
        break;
    case TP_RECORD_EXIT:
        ending_add(s, r);
        break;
    default:
        break;
    }
}

static void ending_tell(struct tp_session *s, const struct ending *e)
{
    const struct tp_process_record *r = &e->record;
    const struct tp_process *process = tp_processes_find(s->processes, r->head.pid);

    tp_unlinked_release(s->unlinked, r->head.pid, 0);
    tp_probes_take_streams(s->probes, r->head.pid, r->head.time_ns, s->ops->stream, s->cx);
    s->ops->gone(s->cx, r->head.pid, r->head.time_ns);
    if (r->head.type == TP_RECORD_EXIT) {
        if (process)
            s->ops->process(s->cx, r, process);
        tp_processes_drop(s->processes, r->head.pid);
    }
}

static void endings_remove(struct tp_session *s, size_t first, size_t count)
{
    s->endings_len -= count;
    for (size_t i = first; i < s->endings_len; i++)
        s->endings[i] = s->endings[i + count];
}

/* This record is of a later program (or process) under the same pid: the earlier one's streams end
 * first. */
static void endings_tell_before(struct tp_session *s, const struct tp_record_head *head)
{
    for (size_t i = 0; i < s->endings_len;) {
        const struct ending e = s->endings[i];
        if (e.record.head.pid != head->pid || e.record.head.time_ns >= head->time_ns) {
            i++;
            continue;
        }
        endings_remove(s, i, 1);
        ending_tell(s, &e);
    }
}

static void on_data_record(void *cx, const void *data, size_t len)
{
    struct tp_session *s = cx;
    const struct tp_record_head *head = data;

    if (s->endings_len > 0 && len >= sizeof(*head))
        endings_tell_before(s, head);
    if (len >= sizeof(struct tp_data_record) && head->type == TP_RECORD_DATA) {
        const struct tp_data_record *r = data;
        const uint8_t *payload = r->failed ? NULL : (const uint8_t *)data + sizeof(*r);
        if (!r->failed && r->length > len - sizeof(*r))
            return;
        tp_unlinked_data(s->unlinked, r, payload,
                         r->stack == TP_STACK_NONE ? "none" : tp_stack_name(r->stack));
    } else if (len >= sizeof(struct tp_link_record) && head->type == TP_RECORD_LINK) {
        tp_unlinked_link(s->unlinked, data);
    } else if (len >= sizeof(struct tp_close_record) && head->type == TP_RECORD_CLOSE) {
        const struct tp_close_record *r = data;
        tp_unlinked_release(s->unlinked, head->pid, r->conn);
        s->ops->close(s->cx, r);
    }
}

static void endings_tell(struct tp_session *s)
{
    uint64_t consumed = tp_ring_consumed(tp_probes_data_ring(s->probes));
    size_t done = 0;

    while (done < s->endings_len && s->endings[done].data_position <= consumed)
        ending_tell(s, &s->endings[done++]);
    endings_remove(s, 0, done);
}

static void look_for_mappings(struct tp_session *s)
{
    if (s->mmaps) {
        uint64_t lost = tp_mmaps_read(s->mmaps, on_mapping, s);
        if (lost) {
            s->ops->missing(s->cx, "mapping", "perf ring full", lost);
            tp_processes_each(s->processes, scan_process, s);
        }
        return;
    }
    uint64_t now = now_ns();
    if (now - s->last_scan_ns < SCAN_PERIOD_NS)
        return;
    s->last_scan_ns = now;
    tp_processes_each(s->processes, scan_process, s);
}

/* The data ring's position is taken first: every process whose bytes stand before it has its record
 * in the process ring by then. Mappings come before data, for a probe that is missing is more
 * urgent. */
size_t tp_session_poll(struct tp_session *session)
{
    struct tp_ring *data = tp_probes_data_ring(session->probes);
    struct tp_ring *process = tp_probes_process_ring(session->probes);
    uint64_t until = tp_ring_produced(data);
    size_t count;

    count = tp_ring_read(process, tp_ring_produced(process), on_process_record, session);
    look_for_mappings(session);
    count += tp_ring_read(data, until, on_data_record, session);
    endings_tell(session);
    return count;
}

static bool rings_empty(const struct tp_session *s)
{
    const struct tp_ring *data = tp_probes_data_ring(s->probes);
    const struct tp_ring *process = tp_probes_process_ring(s->probes);
    return tp_ring_consumed(data) == tp_ring_produced(data) &&
           tp_ring_consumed(process) == tp_ring_produced(process);
}

void tp_session_drain(struct tp_session *session)
{
    for (int i = 0; i < DRAIN_TRIES; i++) {
        if (tp_session_poll(session) == 0 && rings_empty(session))
            break;
        const struct timespec pause = {.tv_nsec = DRAIN_PAUSE_NS};
        if (!rings_empty(session))
            nanosleep(&pause, NULL);
    }
    tp_unlinked_release(session->unlinked, 0, 0);
    tp_probes_take_streams(session->probes, 0, UINT64_MAX, session->ops->stream, session->cx);
}

int tp_session_counters(const struct tp_session *session, struct tp_counters *ret_counters)
{
    return tp_probes_counters(session->probes, ret_counters);
}

size_t tp_session_watched_count(const struct tp_session *session)
{
    return tp_probes_watched_count(session->probes);
}

size_t tp_session_ring_bytes(const struct tp_session *session)
{
    return tp_probes_data_ring(session->probes)->bytes;
}

uint32_t tp_session_features(const struct tp_session *session)
{
    return tp_probes_features(session->probes);
}

bool tp_session_sees_mappings(const struct tp_session *session)
{
    return session->mmaps != NULL;
}

const struct tp_target *tp_session_plain(const struct tp_session *session)
{
    return session->plain.file ? &session->plain : NULL;
}
