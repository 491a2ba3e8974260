/* SPDX-License-Identifier: MIT */
#include "capture.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/features.h"
#include "collector/launch.h"
#include "collector/prescan.h"
#include "collector/privilege.h"
#include "collector/session.h"
#include "collector/watcher.h"

#define PERIOD 65521u
#define STREAMS_MAX 4096

struct stream {
    uint64_t conn, generation;
    uint64_t next[2]; /* offset after the last record */
};

struct run {
    struct capture *c;
    struct tp_watcher *watcher;
    struct tp_session *session;
    struct stream stream[STREAMS_MAX];
    size_t streams;
    uint8_t pattern[PERIOD];
};

static void pattern_fill(uint8_t pattern[PERIOD])
{
    uint32_t x = 2463534242u;
    for (size_t i = 0; i < PERIOD; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        pattern[i] = (uint8_t)(x >> 24);
    }
}

static struct stream *stream_of(struct run *r, uint64_t conn, uint64_t generation)
{
    for (size_t i = 0; i < r->streams; i++) {
        if (r->stream[i].conn == conn && r->stream[i].generation == generation)
            return &r->stream[i];
    }
    if (r->streams == STREAMS_MAX)
        abort();
    struct stream *s = &r->stream[r->streams++];
    *s = (struct stream){.conn = conn, .generation = generation};
    return s;
}

static void on_data(void *cx, const struct tp_data_record *d, const uint8_t *payload,
                    const char *tls)
{
    struct run *r = cx;
    struct stream *s = stream_of(r, d->conn, d->generation);
    struct capture *c = r->c;

    if (strcmp(tls, "openssl") != 0)
        c->wrong_bytes++;
    if (d->offset < s->next[d->direction])
        c->backwards++;
    c->gap_bytes += d->offset - s->next[d->direction];
    s->next[d->direction] = d->offset + d->length;
    c->records++;
    if (d->length > c->largest_record)
        c->largest_record = d->length;
    if (!payload) {
        c->gap_bytes += d->length;
        return;
    }
    c->payload_bytes[d->direction] += d->length;
    for (uint32_t i = 0; i < d->length; i++)
        c->wrong_bytes += payload[i] != r->pattern[(d->offset + i) % PERIOD];
}

static void finished(struct run *r, uint64_t conn, uint64_t generation, const uint64_t offset[2],
                     uint64_t lost)
{
    const struct stream *s = stream_of(r, conn, generation);

    for (int i = 0; i < 2; i++) {
        r->c->gap_bytes += offset[i] - s->next[i];
        r->c->final_bytes[i] += offset[i];
    }
    r->c->stream_lost_bytes += lost;
}

static void on_close(void *cx, const struct tp_close_record *record)
{
    finished(cx, record->conn, record->generation, record->offset, record->lost_bytes);
}

static void on_stream(void *cx, const struct tp_stream_key *key,
                      const struct tp_stream_state *state)
{
    finished(cx, key->conn, state->generation, state->offset, state->lost_bytes);
}

static void on_gone(void *cx, uint32_t pid, uint64_t time_ns)
{
    (void)cx;
    (void)pid;
    (void)time_ns;
}

static void on_process(void *cx, const struct tp_process_record *record,
                       const struct tp_process *process)
{
    struct capture *c = ((struct run *)cx)->c;

    if (record->head.type == TP_RECORD_EXIT) {
        c->exits++;
        return;
    }
    c->execs++;
    if (c->pid_count < 16)
        c->pids[c->pid_count++] = process->pid;
}

static void on_target(void *cx, const struct tp_target *target)
{
    struct capture *c = ((struct run *)cx)->c;
    c->targets++;
    c->late_targets += target->late_ns > 0;
    c->failed_targets += target->error != NULL;
}

static void on_missing(void *cx, const char *what, const char *why, uint64_t count)
{
    (void)what;
    (void)why;
    ((struct run *)cx)->c->backwards += count;
}

static const struct tp_session_ops session_ops = {
    .data = on_data,
    .close = on_close,
    .stream = on_stream,
    .gone = on_gone,
    .process = on_process,
    .missing = on_missing,
};

static void on_joined(void *cx, const struct tp_process_record *record, const char *program)
{
    tp_session_joined(((struct run *)cx)->session, record, program);
}

static const struct tp_watcher_ops watcher_ops = {
    .target = on_target,
    .missing = on_missing,
    .joined = on_joined,
};

/* What tokprof's parser asks its attacher: here they are one process. */
static void ask_program(void *cx, const struct tp_process_record *record,
                        char ret_name[TP_PROGRAM_BYTES])
{
    tp_watcher_program(((struct run *)cx)->watcher, record->head.pid, record->comm, ret_name);
}

static void ask_streams(void *cx, uint32_t pid, uint64_t before_ns, tp_stream_fn *each,
                        void *each_cx)
{
    tp_probes_take_streams(tp_watcher_probes(((struct run *)cx)->watcher), pid, before_ns, each,
                           each_cx);
}

static int open_both(struct run *r, size_t ring_bytes)
{
    struct tp_watcher_options watched = {.ring_bytes = ring_bytes, .locate = tp_locate};
    int err = tp_features_from_environment(&watched.oldest);

    if (!err)
        err = tp_watcher_new(&r->watcher, &watched, &watcher_ops, r);

    if (err)
        return err;
    const struct tp_session_options read = {
        .data = tp_probes_data_ring(tp_watcher_probes(r->watcher)),
        .process = tp_probes_process_ring(tp_watcher_probes(r->watcher)),
        .tree = "0123456789abcdef",
        .asks = {.cx = r, .program = ask_program, .take_streams = ask_streams}};
    return tp_session_new(&r->session, &read, &session_ops, r);
}

const char *capture_problem(void)
{
    static char why[128];
    const char *missing = tp_privilege_missing();

    if (missing) {
        snprintf(why, sizeof(why), "needs %s", missing);
        return why;
    }
    return capture_certificate() ? NULL : "openssl(1) and python3 are needed";
}

const char *capture_certificate(void)
{
    static char path[64];
    char command[1024];

    if (path[0])
        return path;
    snprintf(path, sizeof(path), "/tmp/tokprof-test-%d.pem", getpid());
    snprintf(
        command, sizeof(command),
        "umask 077; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
        "-subj "
        "/CN=localhost -keyout %s -out %s.crt >/dev/null 2>&1 && cat %s.crt >>%s && rm %s.crt && "
        "command -v python3 >/dev/null",
        path, path, path, path, path);
    if (system(command) != 0)
        path[0] = 0;
    return path[0] ? path : NULL;
}

static void add_candidate(void *cx, const char *path)
{
    tp_targets_add_path(tp_watcher_targets(((struct run *)cx)->watcher), path);
}

static int run_command(struct run *r, struct tp_launch *launch, char *const *argv, bool prescan)
{
    struct tp_identity self = {0};

    int err = tp_launch_start(launch, argv, &self, true);
    if (!err)
        err = tp_watcher_watch(r->watcher, (uint32_t)launch->pid);
    const struct tp_prescan_ops ops = {.cx = r, .read = tp_words_read, .file = add_candidate};
    if (!err && prescan)
        tp_prescan(argv, &ops);
    if (!err)
        err = tp_launch_go(launch);
    while (!err && !launch->reaped) {
        struct pollfd fds[3] = {{.fd = tp_session_fd(r->session), .events = POLLIN},
                                {.fd = tp_watcher_fd(r->watcher), .events = POLLIN},
                                {.fd = launch->signal_fd, .events = POLLIN}};
        poll(fds, 3, 10);
        tp_launch_on_signal(launch);
        tp_watcher_poll(r->watcher);
        tp_session_poll(r->session);
    }
    return err;
}

int capture_run(struct capture *ret_capture, char *const *argv, size_t ring_bytes, bool prescan)
{
    struct run *r = calloc(1, sizeof(*r));
    struct tp_launch launch;

    if (!r)
        return -ENOMEM;
    memset(ret_capture, 0, sizeof(*ret_capture));
    r->c = ret_capture;
    pattern_fill(r->pattern);
    tp_launch_remember_limits();
    int err = tp_launch_init(&launch);
    if (!err)
        err = open_both(r, ring_bytes);
    if (!err)
        err = run_command(r, &launch, argv, prescan);
    if (!err) {
        tp_session_drain(r->session);
        err = tp_probes_counters(tp_watcher_probes(r->watcher), &ret_capture->counters);
    }
    ret_capture->exit_status = tp_launch_exit_status(&launch);
    ret_capture->streams = r->streams;
    tp_session_free(r->session);
    tp_watcher_free(r->watcher);
    tp_launch_done(&launch);
    free(r);
    return err;
}
