/* SPDX-License-Identifier: MIT */
#include "collector/session.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "collector/locate.h"
#include "collector/processes.h"
#include "collector/unlinked.h"

#define ENDINGS_MAX 65536
/* How long to wait at the end for a record that some CPU is still writing. */
#define DRAIN_TRIES 50
#define DRAIN_PAUSE_NS 1000000

/* A process, or its old program, is over: to be told once the data ring has been read up to
 * `data_position`. */
struct ending {
    struct tp_process_record record;
    uint64_t data_position;
};

struct tp_session {
    const struct tp_session_ops *ops;
    void *cx;
    struct tp_session_asks asks;
    struct tp_ring *data, *process;
    struct tp_processes *processes;
    struct tp_unlinked *unlinked;
    int epoll_fd;
    struct ending *endings;
    size_t endings_len, endings_cap;
};

static int epoll_add(int epoll_fd, int fd)
{
    struct epoll_event ev = {.events = EPOLLIN};
    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

static int session_parts(struct tp_session *s, const struct tp_session_options *options)
{
    s->asks = options->asks;
    s->data = options->data;
    s->process = options->process;
    s->processes = tp_processes_new(options->tree);
    s->unlinked = tp_unlinked_new(s->ops->data, s->cx);
    if (!s->processes || !s->unlinked)
        return -ENOMEM;
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (s->epoll_fd < 0)
        return -errno;
    int err = epoll_add(s->epoll_fd, s->data->fd);
    return err ? err : epoll_add(s->epoll_fd, s->process->fd);
}

int tp_session_new(struct tp_session **ret_session, const struct tp_session_options *options,
                   const struct tp_session_ops *ops, void *cx)
{
    struct tp_session *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->ops = ops;
    s->cx = cx;
    s->epoll_fd = -1;
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
    tp_unlinked_free(session->unlinked);
    tp_processes_free(session->processes);
    free(session->endings);
    if (session->epoll_fd >= 0)
        close(session->epoll_fd);
    free(session);
}

struct tp_process_source tp_session_processes(struct tp_session *session)
{
    return tp_processes_source(session->processes);
}

int tp_session_fd(const struct tp_session *session)
{
    return session->epoll_fd;
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
    s->endings[s->endings_len++].data_position = tp_ring_produced(s->data);
}

void tp_session_joined(struct tp_session *session, const struct tp_process_record *record,
                       const char *program)
{
    const struct tp_process *process = tp_processes_exec(session->processes, record, program);

    if (!process)
        session->ops->missing(session->cx, "process", "table full", 1);
    else
        session->ops->process(session->cx, record, process);
}

static void on_exec(struct tp_session *s, const struct tp_process_record *r)
{
    char program[TP_PROGRAM_BYTES];

    s->asks.program(s->asks.cx, r, program);
    tp_session_joined(s, r, program);
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
    s->asks.take_streams(s->asks.cx, r->head.pid, r->head.time_ns, s->ops->stream, s->cx);
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
    uint64_t consumed = tp_ring_consumed(s->data);
    size_t done = 0;

    while (done < s->endings_len && s->endings[done].data_position <= consumed)
        ending_tell(s, &s->endings[done++]);
    endings_remove(s, 0, done);
}

/* The data ring's position is taken first: every process whose bytes stand before it has its record
 * in the process ring by then. */
size_t tp_session_poll(struct tp_session *session)
{
    struct tp_ring *data = session->data, *process = session->process;
    uint64_t until = tp_ring_produced(data);
    size_t count;

    count = tp_ring_read(process, tp_ring_produced(process), on_process_record, session);
    count += tp_ring_read(data, until, on_data_record, session);
    endings_tell(session);
    return count;
}

static bool rings_empty(const struct tp_session *s)
{
    return tp_ring_consumed(s->data) == tp_ring_produced(s->data) &&
           tp_ring_consumed(s->process) == tp_ring_produced(s->process);
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
    session->asks.take_streams(session->asks.cx, 0, UINT64_MAX, session->ops->stream, session->cx);
}
