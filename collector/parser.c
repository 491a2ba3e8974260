/* SPDX-License-Identifier: MIT */
#include "collector/parser.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "collector/calls.h"
#include "collector/child.h"
#include "collector/conn.h"
#include "collector/events.h"
#include "collector/hotline.h"
#include "collector/output.h"
#include "collector/session.h"
#include "collector/summary.h"
#include "common/log.h"

#define FLUSH_PERIOD_NS 250000000u
#define POLL_BUSY_MS 10
#define POLL_IDLE_MS 100

/* In order of construction. */
struct parser {
    const struct tp_parser_options *given;
    struct tp_hotline line;
    struct tp_output output;
    struct tp_events events;
    struct tp_ring data, process;
    struct tp_session *session;
    struct tp_calls *calls;
    struct tp_conns *conns;
    struct tp_counters told; /* losses up to here were written as events */
    uint64_t flushed_ns, running;
    size_t refused;
    bool going, over;
    int poll_ms;
    int epoll_fd;
};

static uint64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static const struct tp_process *process_of(struct parser *p, uint32_t pid)
{
    struct tp_process_source source = tp_session_processes(p->session);
    return source.find(source.cx, pid);
}

static void on_data(void *cx, const struct tp_data_record *record, const uint8_t *payload,
                    const char *tls)
{
    struct parser *p = cx;
    if (tp_conns_data(p->conns, record, payload, tls))
        tp_events_loss(&p->events, "stream", "no memory", record->length, 1,
                       process_of(p, record->head.pid));
}

static void on_close(void *cx, const struct tp_close_record *record)
{
    struct parser *p = cx;

    if (record->lost_bytes || record->lost_records)
        tp_events_stream_loss(&p->events, record->lost_bytes, record->lost_records,
                              process_of(p, record->head.pid));
    tp_conns_close(p->conns, record);
}

static void on_stream(void *cx, const struct tp_stream_key *key,
                      const struct tp_stream_state *state)
{
    struct parser *p = cx;

    if (state->lost_bytes || state->lost_records)
        tp_events_stream_loss(&p->events, state->lost_bytes, state->lost_records,
                              process_of(p, key->pid));
    tp_conns_reconcile(p->conns, key, state);
}

static void on_gone(void *cx, uint32_t pid, uint64_t time_ns)
{
    struct parser *p = cx;
    tp_conns_process_exit(p->conns, pid, time_ns);
}

static void on_process(void *cx, const struct tp_process_record *record,
                       const struct tp_process *process)
{
    struct parser *p = cx;
    tp_events_process(&p->events, record, process);
}

static void on_missing(void *cx, const char *what, const char *why, uint64_t count)
{
    struct parser *p = cx;
    tp_events_loss(&p->events, what, why, 0, count, NULL);
}

static const struct tp_session_ops session_ops = {
    .data = on_data,
    .close = on_close,
    .stream = on_stream,
    .gone = on_gone,
    .process = on_process,
    .missing = on_missing,
};

static void on_target(struct parser *p, const struct tp_message *m)
{
    const struct tp_target target = tp_message_target(m);

    tp_events_target(&p->events, &target);
    p->refused += target.error != NULL;
}

static void on_told(void *cx, const struct tp_message *m)
{
    struct parser *p = cx;

    switch (m->kind) {
    case TP_TELL_JOINED:
        tp_session_joined(p->session, &m->process.record, m->process.program);
        break;
    case TP_TELL_TARGET:
        on_target(p, m);
        break;
    case TP_TELL_MISSING:
        on_missing(p, m->missing.what, m->missing.why, m->missing.count);
        break;
    case TP_TELL_GO:
        p->going = true;
        break;
    case TP_TELL_STOP:
        p->running = m->stop.running;
        p->over = true;
        break;
    default:
        break;
    }
}

static void write_start(struct parser *p, const struct tp_message *m)
{
    const struct tp_record_options *options = p->given->options;
    const struct tp_start_facts facts = {
        .hash_key_id = p->given->key.id,
        .estimator = tp_estimator_name,
        .task = options->task,
        .ring_bytes = m->start.data_ring_bytes,
        .content = options->content,
        .sees_mappings = m->start.sees_mappings,
        .features = m->start.features,
        .oldest_kernel = options->oldest_kernel,
    };
    tp_events_start(&p->events, &facts);
}

static int open_consumers(struct parser *p)
{
    const struct tp_record_options *o = p->given->options;
    const struct tp_calls_options options = {
        .size = sizeof(options),
        .key = &p->given->key,
        .processes = tp_session_processes(p->session),
        .sink = tp_output_sink(&p->output),
        .machine = p->events.machine,
        .task = o->task,
        .labels = o->labels,
        .label_count = o->label_count,
        .content = o->content,
        .unix_offset_ns = p->events.unix_offset_ns,
    };

    p->calls = tp_calls_new(&options);
    if (p->calls)
        p->conns = tp_conns_new(&tp_calls_exchange_ops, p->calls, NULL);
    return p->conns ? 0 : -ENOMEM;
}

static int open_session(struct parser *p, const struct tp_message *m, const int *fds)
{
    const struct tp_session_options options = {
        .data = &p->data,
        .process = &p->process,
        .tree = p->given->tree,
        .asks = {.cx = &p->line,
                 .program = tp_hotline_program,
                 .take_streams = tp_hotline_take_streams},
    };

    int err = tp_ring_init(&p->data, fds[0], m->start.data_ring_bytes);
    if (!err)
        err = tp_ring_init(&p->process, fds[1], m->start.process_ring_bytes);
    return err ? err : tp_session_new(&p->session, &options, &session_ops, p);
}

static int epoll_open(struct parser *p)
{
    struct epoll_event ev = {.events = EPOLLIN};

    p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (p->epoll_fd < 0 || epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, p->line.fd, &ev) ||
        epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, tp_session_fd(p->session), &ev))
        return -errno;
    return 0;
}

static int begin_output(struct parser *p, int fd)
{
    const char *path = p->given->options->output;
    int err = tp_output_begin(&p->output, fd, path);

    if (err)
        tp_error("%s: cannot be written: %s", path, strerror(-err));
    return err;
}

/* With what the attacher has opened. */
static int begin(struct parser *p)
{
    struct tp_message m;
    int fds[3];

    int err = tp_hotline_take_start(&p->line, &m, fds, 3);
    if (err == -EPIPE)
        return err;
    if (!err)
        err = begin_output(p, fds[2]);
    if (!err)
        err = open_session(p, &m, fds);
    if (!err)
        err = open_consumers(p);
    if (!err)
        err = epoll_open(p);
    if (err) {
        if (p->output.writer)
            tp_error("the parser cannot begin: %s", strerror(-err));
        return err;
    }
    write_start(p, &m);
    tp_hotline_tell(&p->line, TP_TELL_READY);
    return 0;
}

static void tell_losses(struct parser *p)
{
    struct tp_counters now;

    if (p->line.gone || tp_hotline_counters(&p->line, &now))
        return;
    tp_events_counters(&p->events, &p->told, &now);
    p->told = now;
}

static void flush_in_time(struct parser *p)
{
    uint64_t now = now_ns();

    if (now - p->flushed_ns < FLUSH_PERIOD_NS)
        return;
    p->flushed_ns = now;
    tp_calls_settle(p->calls, now);
    tell_losses(p);
    tp_output_flush(&p->output);
}

static void run_until_over(struct parser *p)
{
    struct epoll_event events[4];

    p->poll_ms = POLL_BUSY_MS;
    while (!p->over && !p->line.gone) {
        epoll_wait(p->epoll_fd, events, 4, p->poll_ms);
        tp_hotline_take(&p->line);
        if (p->going && tp_session_poll(p->session) > 0)
            p->poll_ms = POLL_BUSY_MS;
        else if (p->poll_ms < POLL_IDLE_MS)
            p->poll_ms += POLL_BUSY_MS;
        if (p->going)
            flush_in_time(p);
    }
}

/* What is open ends now, and is written. */
static void close_consumers(struct parser *p, struct tp_calls_stats *ret_stats)
{
    tp_conns_free(p->conns, now_ns());
    tp_calls_settle(p->calls, UINT64_MAX);
    tp_calls_stats(p->calls, ret_stats);
    tp_calls_free(p->calls);
}

/* Everything that is still in the rings, then what never ended, then the ledger. */
static void finish(struct parser *p, struct tp_summary *ret_summary)
{
    struct tp_end_facts facts = {.running = p->running};

    tp_session_drain(p->session);
    tell_losses(p);
    tp_hotline_tell(&p->line, TP_TELL_ENOUGH);
    close_consumers(p, &ret_summary->calls);
    if (p->line.gone)
        on_missing(p, "attacher", "it ended before the recording", 1);
    else if (p->line.unanswered)
        on_missing(p, "attacher", "questions not answered", p->line.unanswered);
    facts.counters = p->told;
    facts.calls = ret_summary->calls.calls;
    facts.other_exchanges = ret_summary->calls.other_exchanges;
    tp_events_end(&p->events, &facts);
    ret_summary->counters = p->told;
    ret_summary->refused_targets = p->refused;
}

static int end(struct parser *p)
{
    const char *path = p->given->options->output;
    struct tp_summary summary = {.output = path};
    char line[1024];

    finish(p, &summary);
    if (!tp_output_cost(&p->output, &summary.cost_nano, summary.currency))
        summary.currency[0] = 0;
    int err = tp_output_close(&p->output);
    if (err) {
        tp_error("%s: the recording is incomplete: %s", path, strerror(-err));
        return 1;
    }
    if (p->line.gone)
        tp_error("%s ends early: the process that held the probes is gone", path);
    tp_summary_format(&summary, line, sizeof(line));
    tp_info("%s", line);
    return 0;
}

/* What needs files is read while they can be opened. */
int tp_parser_run(void *cx, int channel)
{
    static struct parser p;
    const struct tp_sink sink = tp_output_sink(&p.output);

    p.given = cx;
    p.line = (struct tp_hotline){.fd = channel, .told = on_told, .cx = &p};
    tp_output_init(&p.output, p.given->user);
    tp_events_init(&p.events, &sink);
    if (tp_child_confine("parser", p.given->user, p.given->options->debug))
        return 1;
    int err = begin(&p);
    if (err)
        return err == -EPIPE ? 0 : 1;
    run_until_over(&p);
    return end(&p);
}
