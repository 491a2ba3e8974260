/* SPDX-License-Identifier: MIT */
#include "collector/record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "collector/calls.h"
#include "collector/conn.h"
#include "collector/events.h"
#include "collector/features.h"
#include "collector/launch.h"
#include "collector/options.h"
#include "collector/output.h"
#include "collector/prescan.h"
#include "collector/session.h"
#include "collector/summary.h"
#include "common/log.h"

#define EXIT_TOKPROF 125
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND 127

#define FLUSH_PERIOD_NS 250000000u
#define POLL_BUSY_MS 10
#define POLL_IDLE_MS 100

/* Everything one recording needs, in order of construction. */
struct recording {
    struct tp_record_options options;
    struct tp_identity user;
    struct tp_hash_key key;
    struct tp_output output;
    struct tp_events events;
    struct tp_launch launch;
    struct tp_session *session;
    struct tp_calls *calls;
    struct tp_conns *conns;
    struct tp_counters told; /* losses up to here were written as events */
    uint64_t flushed_ns;
    size_t targets, refused;
    int poll_ms;
    int epoll_fd;
};

static uint64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static const struct tp_process *process_of(struct recording *r, uint32_t pid)
{
    struct tp_process_source source = tp_session_processes(r->session);
    return source.find(source.cx, pid);
}

static void on_data(void *cx, const struct tp_data_record *record, const uint8_t *payload,
                    const char *tls)
{
    struct recording *r = cx;
    if (tp_conns_data(r->conns, record, payload, tls))
        tp_events_loss(&r->events, "stream", "no memory", record->length, 1,
                       process_of(r, record->head.pid));
}

static void on_close(void *cx, const struct tp_close_record *record)
{
    struct recording *r = cx;

    if (record->lost_bytes || record->lost_records)
        tp_events_stream_loss(&r->events, record->lost_bytes, record->lost_records,
                              process_of(r, record->head.pid));
    tp_conns_close(r->conns, record);
}

static void on_stream(void *cx, const struct tp_stream_key *key,
                      const struct tp_stream_state *state)
{
    struct recording *r = cx;

    if (state->lost_bytes || state->lost_records)
        tp_events_stream_loss(&r->events, state->lost_bytes, state->lost_records,
                              process_of(r, key->pid));
    tp_conns_reconcile(r->conns, key, state);
}

static void on_gone(void *cx, uint32_t pid, uint64_t time_ns)
{
    struct recording *r = cx;
    tp_conns_process_exit(r->conns, pid, time_ns);
}

static void on_process(void *cx, const struct tp_process_record *record,
                       const struct tp_process *process)
{
    struct recording *r = cx;
    tp_events_process(&r->events, record, process);
}

static void on_target(void *cx, const struct tp_target *target)
{
    struct recording *r = cx;

    tp_events_target(&r->events, target);
    r->targets++;
    if (target->error) {
        r->refused++;
        tp_warn("%s: cannot be probed: %s", target->file, target->error);
    } else {
        tp_debug("%s: %s, %s, late %.1f ms", target->file, target->stack, target->how,
                 (double)target->late_ns / 1e6);
    }
}

static void on_missing(void *cx, const char *what, const char *why, uint64_t count)
{
    struct recording *r = cx;
    tp_events_loss(&r->events, what, why, 0, count, NULL);
}

static const struct tp_session_ops session_ops = {
    .data = on_data,
    .close = on_close,
    .stream = on_stream,
    .gone = on_gone,
    .process = on_process,
    .target = on_target,
    .missing = on_missing,
};

/* A core dump of the collector would hold prompts; so would the memory that a debugger may read. */
static void protect_memory(const struct recording *r)
{
    const struct rlimit none = {0, 0};

    tp_launch_remember_limits();
    setrlimit(RLIMIT_CORE, &none);
    if (!r->options.debug)
        prctl(PR_SET_DUMPABLE, 0);
}

static int load_key(struct recording *r)
{
    char path[4352];

    int err = tp_hash_key_path(path, sizeof(path), r->user.home);
    if (!err) {
        tp_identity_files_begin(&r->user);
        err = tp_hash_key_load(&r->key, path);
        tp_identity_files_end(&r->user);
    }
    if (err == -EPERM)
        tp_error("%s: others may read this hash key; chmod 600 it", path);
    else if (err == -EBADMSG)
        tp_error("%s: this is no hash key; move it away and a new one is made", path);
    else if (err)
        tp_error("%s: cannot read or make the hash key: %s; set TOKPROF_KEY_FILE to a place that "
                 "can be written",
                 path, strerror(-err));
    return err;
}

/* The tree's name: the same for all of this recording, different from any other's. */
static void tree_name(const struct recording *r, char name[17])
{
    struct {
        uint64_t time_ns;
        pid_t pid;
        uint32_t pad;
    } root = {now_ns(), getpid(), 0};
    struct tp_hash h = tp_hash_of(&r->key, &root, sizeof(root));
    char hex[2 * TP_HASH_BYTES + 1];

    tp_hash_hex(&h, hex);
    memcpy(name, hex, 16);
    name[16] = 0;
}

/* Files and names are looked up by process id in /proc, which must be of our PID namespace. */
static bool proc_is_ours(void)
{
    char text[32];
    ssize_t n = readlink("/proc/self", text, sizeof(text) - 1);

    if (n <= 0)
        return false;
    text[n] = 0;
    return strtol(text, NULL, 10) == getpid();
}

static int check_privilege(void)
{
    const char *missing = tp_privilege_missing();

    if (missing) {
        tp_error("probing needs %s; run it with sudo, or once: setcap "
                 "cap_bpf,cap_perfmon,cap_sys_ptrace+ep "
                 "tokprof-record",
                 missing);
        return -EPERM;
    }
    if (!proc_is_ours()) {
        tp_error("/proc shows another PID namespace than this one; mount its own: "
                 "mount -t proc proc /proc");
        return -EPERM;
    }
    return 0;
}

static int open_session(struct recording *r)
{
    char tree[17];

    tree_name(r, tree);
    const struct tp_session_options options = {
        .ring_bytes = r->options.ring_bytes,
        .tree = tree,
        .plain = !r->options.no_plain,
        .oldest = r->options.oldest_kernel,
    };
    int err = tp_session_new(&r->session, &options, &session_ops, r);
    if (err) {
        char why[256];
        if (tp_features_explain(why, sizeof(why)))
            tp_error("%s", why);
        else
            tp_error("the kernel refused the probes: %s; --debug tells more", strerror(-err));
        return err;
    }
    if (tp_session_ring_bytes(r->session) < r->options.ring_bytes)
        tp_warn("only %zu KiB of kernel buffer could be had",
                tp_session_ring_bytes(r->session) / 1024);
    if (!tp_session_sees_mappings(r->session))
        tp_warn("perf events are refused: libraries loaded late are found up to 250 ms later");
    if (r->user.uid != geteuid() && !tp_privilege_sees_others())
        tp_warn("no CAP_SYS_PTRACE: what other users' processes load late cannot be probed");
    return 0;
}

static int open_consumers(struct recording *r)
{
    const struct tp_sink sink = tp_output_sink(&r->output);
    const struct tp_calls_options options = {
        .size = sizeof(options),
        .key = &r->key,
        .processes = tp_session_processes(r->session),
        .sink = sink,
        .machine = r->events.machine,
        .task = r->options.task,
        .labels = r->options.labels,
        .label_count = r->options.label_count,
        .content = r->options.content,
        .unix_offset_ns = r->events.unix_offset_ns,
    };

    r->calls = tp_calls_new(&options);
    if (r->calls)
        r->conns = tp_conns_new(&tp_calls_exchange_ops, r->calls, NULL);
    if (r->conns)
        return 0;
    tp_error("out of memory");
    return -ENOMEM;
}

static void add_candidate(void *cx, const char *path)
{
    struct recording *r = cx;
    tp_targets_add_path(tp_session_targets(r->session), path);
}

static int epoll_open(struct recording *r)
{
    struct epoll_event ev = {.events = EPOLLIN};

    r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (r->epoll_fd < 0 || epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, r->launch.signal_fd, &ev) ||
        epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, tp_session_fd(r->session), &ev))
        return -errno;
    return 0;
}

static void write_start(struct recording *r)
{
    const struct tp_start_facts facts = {
        .hash_key_id = r->key.id,
        .estimator = tp_estimator_name,
        .task = r->options.task,
        .ring_bytes = tp_session_ring_bytes(r->session),
        .content = r->options.content,
        .sees_mappings = tp_session_sees_mappings(r->session),
        .features = tp_session_features(r->session),
        .oldest_kernel = r->options.oldest_kernel,
    };
    tp_events_start(&r->events, &facts);
}

static int prepare(struct recording *r)
{
    int err = tp_identity_get(&r->user);
    if (err) {
        tp_error("SUDO_UID names no user");
        return err;
    }
    err = check_privilege();
    if (!err)
        err = load_key(r);
    if (!err)
        err = open_session(r);
    if (!err)
        err = tp_output_open(&r->output, r->options.output, &r->user);
    if (err)
        return err;
    const struct tp_sink sink = tp_output_sink(&r->output);
    tp_events_init(&r->events, &sink);
    write_start(r);
    if (tp_session_plain(r->session))
        on_target(r, tp_session_plain(r->session));
    err = open_consumers(r);
    if (!err)
        err = tp_launch_init(&r->launch);
    if (!err)
        err = epoll_open(r);
    return err;
}

static int fork_command(struct recording *r)
{
    bool to_stderr = strcmp(r->options.output, "-") == 0;
    int err = tp_launch_start(&r->launch, r->options.command, &r->user, to_stderr);

    if (!err)
        err = tp_session_watch(r->session, (uint32_t)r->launch.pid);
    if (err)
        tp_error("cannot start %s: %s", r->options.command[0], strerror(-err));
    return err;
}

static int join_process(struct recording *r, uint32_t pid)
{
    int err = tp_session_join(r->session, pid);

    if (err == -ESRCH)
        tp_error("process %" PRIu32 ": there is none; see ps(1)", pid);
    else if (err == -EACCES)
        tp_error("process %" PRIu32 ": what it has mapped cannot be read; that needs "
                 "CAP_SYS_PTRACE, run it with sudo",
                 pid);
    else if (err)
        tp_error("process %" PRIu32 ": cannot be watched: %s", pid, strerror(-err));
    return err;
}

static int join_running(struct recording *r)
{
    int err = 0;

    for (size_t i = 0; i < r->options.pid_count && !err; i++)
        err = join_process(r, r->options.pids[i]);
    if (err || !r->options.all)
        return err;
    size_t left_out = tp_session_join_all(r->session, tp_privilege_sees_others());
    if (left_out > 0)
        tp_warn("%zu processes of other users are left out: that needs CAP_SYS_PTRACE", left_out);
    return 0;
}

/* The exit status to leave with, or 0. */
static int start(struct recording *r)
{
    char *const no_command[] = {NULL};

    if ((r->options.command && fork_command(r)) || join_running(r))
        return EXIT_TOKPROF;
    const struct tp_prescan_ops ops = {.cx = r, .read = tp_words_read, .file = add_candidate};
    tp_prescan(r->options.command ? r->options.command : no_command, &ops);
    if (!r->options.command)
        return 0;
    int err = tp_launch_go(&r->launch);
    if (!err)
        return 0;
    tp_error("%s: %s", r->options.command[0], strerror(-err));
    return err == -ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
}

static void tell_losses(struct recording *r)
{
    struct tp_counters now;

    if (tp_session_counters(r->session, &now))
        return;
    tp_events_counters(&r->events, &r->told, &now);
    r->told = now;
}

static void flush_in_time(struct recording *r)
{
    uint64_t now = now_ns();

    if (now - r->flushed_ns < FLUSH_PERIOD_NS)
        return;
    r->flushed_ns = now;
    tell_losses(r);
    tp_output_flush(&r->output);
}

/* With a command: with the command. Else when interrupted, or with the last of the processes. */
static bool is_over(struct recording *r)
{
    if (r->options.command)
        return r->launch.reaped;
    if (r->launch.interrupted)
        return true;
    return !r->options.all && tp_session_watched_count(r->session) == 0;
}

static void run_until_over(struct recording *r)
{
    struct epoll_event events[4];

    r->poll_ms = POLL_BUSY_MS;
    while (!is_over(r)) {
        epoll_wait(r->epoll_fd, events, 4, r->poll_ms);
        tp_launch_on_signal(&r->launch);
        if (tp_session_poll(r->session) > 0)
            r->poll_ms = POLL_BUSY_MS;
        else if (r->poll_ms < POLL_IDLE_MS)
            r->poll_ms += POLL_BUSY_MS;
        flush_in_time(r);
    }
}

/* What is open ends now, and is written. */
static void close_consumers(struct recording *r, struct tp_calls_stats *ret_stats)
{
    tp_conns_free(r->conns, now_ns());
    r->conns = NULL;
    if (r->calls)
        tp_calls_stats(r->calls, ret_stats);
    tp_calls_free(r->calls);
    r->calls = NULL;
}

/* Everything that is still in the rings, then what never ended, then the ledger. */
static void finish(struct recording *r, struct tp_summary *ret_summary)
{
    struct tp_end_facts facts = {.running = tp_session_watched_count(r->session)};

    tp_session_drain(r->session);
    close_consumers(r, &ret_summary->calls);
    tell_losses(r);
    facts.counters = r->told;
    facts.calls = ret_summary->calls.calls;
    facts.other_exchanges = ret_summary->calls.other_exchanges;
    tp_events_end(&r->events, &facts);
    ret_summary->counters = r->told;
    ret_summary->refused_targets = r->refused;
}

static void recording_done(struct recording *r)
{
    struct tp_calls_stats unused;

    close_consumers(r, &unused);
    tp_output_close(&r->output);
    tp_session_free(r->session);
    tp_launch_done(&r->launch);
    tp_events_done(&r->events);
    if (r->epoll_fd >= 0)
        close(r->epoll_fd);
}

static int record(struct recording *r)
{
    struct tp_summary summary = {.output = r->options.output};
    char line[1024];

    if (prepare(r))
        return EXIT_TOKPROF;
    int status = start(r);
    if (status)
        return status;
    run_until_over(r);
    finish(r, &summary);
    if (!tp_output_cost(&r->output, &summary.cost_nano, summary.currency))
        summary.currency[0] = 0;
    int err = tp_output_close(&r->output);
    if (err) {
        tp_error("%s: the recording is incomplete: %s", r->options.output, strerror(-err));
        return EXIT_TOKPROF;
    }
    tp_summary_format(&summary, line, sizeof(line));
    tp_info("%s", line);
    return r->options.command ? tp_launch_exit_status(&r->launch) : 0;
}

int tp_record_main(int argc, char **argv)
{
    static struct recording r = {.epoll_fd = -1,
                                 .launch = {.go_fd = -1, .error_fd = -1, .signal_fd = -1}};
    char path[TP_PRESCAN_PATH_MAX];

    int status = tp_record_options_parse(&r.options, argc, argv);
    if (status)
        return status;
    if (r.options.debug)
        tp_log_set_level(TP_LOG_DEBUG);
    int err = r.options.command ? tp_command_find(r.options.command[0], path) : 0;
    if (err) {
        tp_error("%s: %s", r.options.command[0],
                 err == -ENOENT ? "command not found" : "cannot be executed");
        return err == -ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
    }
    protect_memory(&r);
    status = record(&r);
    recording_done(&r);
    return status;
}
