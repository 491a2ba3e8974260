/* SPDX-License-Identifier: MIT */
#include "collector/attacher.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/channel.h"
#include "collector/features.h"
#include "collector/messages.h"
#include "collector/output.h"
#include "collector/prescan.h"
#include "collector/privilege.h"
#include "common/log.h"

/* How long a message may wait for a parser that is busy, or whose output is stuck. */
#define SEND_MS 1000
#define READY_MS 10000
/* A parser that asks without end must not keep signals waiting. */
#define QUESTIONS_AT_ONCE 64
/* Where nothing else tells that the last process has ended. */
#define POLL_PIDS_MS 100

static void tell(struct tp_attacher *a, const struct tp_message *m)
{
    if (a->parser->fd < 0)
        return;
    if (tp_channel_send(a->parser->fd, m, sizeof(*m), NULL, 0, SEND_MS) == -EAGAIN)
        a->untold++;
}

static void on_target(void *cx, const struct tp_target *target)
{
    struct tp_message m;

    tp_message_put_target(&m, target);
    tell(cx, &m);
    if (target->error)
        tp_warn("%s: cannot be probed: %s", target->file, target->error);
    else
        tp_debug("%s: %s, %s, late %.1f ms", target->file, target->stack, target->how,
                 (double)target->late_ns / 1e6);
}

static void on_missing(void *cx, const char *what, const char *why, uint64_t count)
{
    struct tp_message m = {.kind = TP_TELL_MISSING, .missing.count = count};

    tp_message_text(m.missing.what, sizeof(m.missing.what), what);
    tp_message_text(m.missing.why, sizeof(m.missing.why), why);
    tell(cx, &m);
}

static void on_joined(void *cx, const struct tp_process_record *record, const char *program)
{
    struct tp_message m = {.kind = TP_TELL_JOINED, .process.record = *record};

    tp_message_text(m.process.program, sizeof(m.process.program), program);
    tell(cx, &m);
}

static const struct tp_watcher_ops watcher_ops = {
    .target = on_target,
    .missing = on_missing,
    .joined = on_joined,
};

/* One answer that is being filled with streams. */
struct streams_answer {
    struct tp_attacher *attacher;
    struct tp_message message;
};

static void on_stream(void *cx, const struct tp_stream_key *key,
                      const struct tp_stream_state *state)
{
    struct streams_answer *answer = cx;
    struct tp_message *m = &answer->message;

    if (m->streams.count == TP_STREAMS_PER_MESSAGE) {
        tell(answer->attacher, m);
        m->streams.count = 0;
    }
    m->streams.stream[m->streams.count++] = (struct tp_stream_final){*key, *state};
}

static void answer_streams(struct tp_attacher *a, const struct tp_message *question)
{
    struct streams_answer answer = {
        .attacher = a, .message = {.kind = TP_ASK_STREAMS, .ticket = question->ticket}};

    tp_probes_take_streams(tp_watcher_probes(a->watcher), question->ask_streams.pid,
                           question->ask_streams.before_ns, on_stream, &answer);
    answer.message.streams.last = 1;
    tell(a, &answer.message);
}

static void answer_program(struct tp_attacher *a, const struct tp_message *question)
{
    struct tp_message m = {.kind = TP_ASK_PROGRAM, .ticket = question->ticket};
    char comm[TP_COMM_BYTES];

    memcpy(comm, question->ask_program.comm, sizeof(comm));
    comm[sizeof(comm) - 1] = 0;
    tp_watcher_program(a->watcher, question->ask_program.pid, comm, m.program);
    tell(a, &m);
}

static void answer_counters(struct tp_attacher *a, const struct tp_message *question)
{
    struct tp_message m = {.kind = TP_ASK_COUNTERS, .ticket = question->ticket};

    m.counters.err = tp_probes_counters(tp_watcher_probes(a->watcher), &m.counters.sum);
    tell(a, &m);
}

static void answer(struct tp_attacher *a, const struct tp_message *question)
{
    switch (question->kind) {
    case TP_ASK_PROGRAM:
        answer_program(a, question);
        break;
    case TP_ASK_STREAMS:
        answer_streams(a, question);
        break;
    case TP_ASK_COUNTERS:
        answer_counters(a, question);
        break;
    case TP_TELL_ENOUGH:
        a->enough = true;
        break;
    default:
        break;
    }
}

/* The channel first: what the parser said last may have come with its end. */
static void serve_parser(struct tp_attacher *a)
{
    struct tp_message question;

    for (int i = 0; i < QUESTIONS_AT_ONCE && a->parser->fd >= 0; i++) {
        ssize_t n = tp_channel_receive(a->parser->fd, &question, sizeof(question), 0);
        if (n == -EAGAIN)
            return;
        if (n == sizeof(question)) {
            answer(a, &question);
            continue;
        }
        tp_child_stop(a->parser, n != 0); /* it is gone, or talks nonsense */
    }
}

/* What lies in the ring will not be read by anyone. The command is spared the probes from here on.
 */
static void tell_parser_end(struct tp_attacher *a)
{
    const struct tp_ring *ring = tp_probes_data_ring(tp_watcher_probes(a->watcher));
    char how[64];

    tp_error("the parser %s: %s ends there, %" PRIu64 " captured bytes are lost, and nothing more "
             "is recorded",
             tp_child_describe_end(a->parser, how, sizeof(how)), a->options->output,
             tp_ring_produced(ring) - tp_ring_consumed(ring));
    tp_watcher_free(a->watcher);
    a->watcher = NULL;
}

/* What must not wait: signals, the command's end, the parser. */
static void serve(struct tp_attacher *a)
{
    tp_launch_on_signal(a->launch);
    if (a->launch->refused_signal)
        tp_warn("signal %d cannot be passed on: the command runs as another user by now",
                a->launch->refused_signal);
    a->launch->refused_signal = 0;
    serve_parser(a);
    if (a->parser->fd < 0 && !a->enough && !a->parser_ended)
        a->parser_ended = true;
}

/* With a command: with the command. Else when interrupted, or with the last of the processes. */
static bool is_over(struct tp_attacher *a)
{
    if (a->options->command)
        return a->launch->reaped;
    if (a->launch->interrupted || a->parser_ended)
        return true;
    return !a->options->all && tp_probes_watched_count(tp_watcher_probes(a->watcher)) == 0;
}

/* While the locator looks into a large file. False: that is of no use any more. */
static bool serve_meanwhile(void *cx)
{
    struct tp_attacher *a = cx;

    serve(a);
    return !a->launch->reaped && !a->launch->interrupted && !a->parser_ended;
}

static int epoll_add(int epoll_fd, int fd)
{
    struct epoll_event ev = {.events = EPOLLIN};
    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

static int epoll_open(struct tp_attacher *a)
{
    a->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    a->urgent_fd = epoll_create1(EPOLL_CLOEXEC);
    if (a->epoll_fd < 0 || a->urgent_fd < 0)
        return -errno;
    int err = epoll_add(a->urgent_fd, a->launch->signal_fd);
    if (!err)
        err = epoll_add(a->urgent_fd, a->parser->fd);
    if (!err)
        err = epoll_add(a->epoll_fd, a->urgent_fd);
    if (!err)
        err = epoll_add(a->epoll_fd, tp_watcher_fd(a->watcher));
    return err;
}

static int open_watcher(struct tp_attacher *a)
{
    const struct tp_watcher_options options = {
        .ring_bytes = a->options->ring_bytes,
        .plain = !a->options->no_plain,
        .oldest = a->options->oldest_kernel,
        .locate = tp_locator_locate,
        .locate_cx = a->locator,
    };
    int err = tp_watcher_new(&a->watcher, &options, &watcher_ops, a);
    if (err) {
        char why[256];
        if (tp_features_explain(why, sizeof(why)))
            tp_error("%s", why);
        else
            tp_error("the kernel refused the probes: %s; --debug tells more", strerror(-err));
        return err;
    }
    size_t ring_bytes = tp_probes_data_ring(tp_watcher_probes(a->watcher))->bytes;
    if (ring_bytes < a->options->ring_bytes)
        tp_warn("only %zu KiB of kernel buffer could be had", ring_bytes / 1024);
    if (!tp_watcher_sees_mappings(a->watcher))
        tp_warn("perf events are refused: libraries loaded late are found up to 250 ms later");
    if (a->user->uid != geteuid() && !tp_privilege_sees_others())
        tp_warn("no CAP_SYS_PTRACE: what other users' processes load late cannot be probed");
    return 0;
}

/* The parser gets what is open, and says when it is confined and has taken it. */
static int hand_over(struct tp_attacher *a, int output_fd)
{
    struct tp_probes *probes = tp_watcher_probes(a->watcher);
    const struct tp_ring *data = tp_probes_data_ring(probes);
    const struct tp_ring *process = tp_probes_process_ring(probes);
    const int fds[] = {data->fd, process->fd, output_fd};
    struct tp_message m = {
        .kind = TP_TELL_START,
        .start = {.data_ring_bytes = data->bytes,
                  .process_ring_bytes = process->bytes,
                  .features = tp_probes_features(probes),
                  .sees_mappings = tp_watcher_sees_mappings(a->watcher)},
    };
    int fd = a->parser->fd;

    int err = tp_channel_send(fd, &m, sizeof(m), fds, sizeof(fds) / sizeof(fds[0]), SEND_MS);
    if (!err &&
        (tp_channel_receive(fd, &m, sizeof(m), READY_MS) != sizeof(m) || m.kind != TP_TELL_READY))
        err = -EPIPE;
    if (err) {
        char how[64];
        tp_child_stop(a->parser, true);
        if (!WIFEXITED(a->parser->wait_status)) /* else it has said why */
            tp_error("the parser did not start: it %s",
                     tp_child_describe_end(a->parser, how, sizeof(how)));
    }
    return err;
}

int tp_attacher_open(struct tp_attacher *attacher)
{
    struct tp_attacher *a = attacher;

    a->epoll_fd = a->urgent_fd = -1;
    int err = open_watcher(a);
    if (err)
        return err;
    int output_fd = tp_output_open(a->options->output, a->user);
    if (output_fd < 0)
        return output_fd;
    err = hand_over(a, output_fd);
    close(output_fd);
    if (!err)
        err = epoll_open(a);
    if (!err && tp_watcher_plain(a->watcher))
        on_target(a, tp_watcher_plain(a->watcher));
    if (!err)
        tp_locator_set_idle(a->locator, a->urgent_fd, serve_meanwhile, a);
    return err;
}

static int fork_command(struct tp_attacher *a)
{
    bool to_stderr = strcmp(a->options->output, "-") == 0;
    int err = tp_launch_start(a->launch, a->options->command, a->user, to_stderr);

    if (!err)
        err = tp_watcher_watch(a->watcher, (uint32_t)a->launch->pid);
    if (err)
        tp_error("cannot start %s: %s", a->options->command[0], strerror(-err));
    return err;
}

static int join_process(struct tp_attacher *a, uint32_t pid)
{
    int err = tp_watcher_join(a->watcher, pid);

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

static int join_running(struct tp_attacher *a)
{
    int err = 0;

    for (size_t i = 0; i < a->options->pid_count && !err; i++)
        err = join_process(a, a->options->pids[i]);
    if (err || !a->options->all)
        return err;
    size_t left_out = tp_watcher_join_all(a->watcher, tp_privilege_sees_others());
    if (left_out > 0)
        tp_warn("%zu processes of other users are left out: that needs CAP_SYS_PTRACE", left_out);
    return 0;
}

static void add_candidate(void *cx, const char *path)
{
    struct tp_attacher *a = cx;
    tp_targets_add_path(tp_watcher_targets(a->watcher), path);
}

static int read_words(void *cx, int fd, struct tp_words *ret_words)
{
    struct tp_attacher *a = cx;
    return tp_locator_words(a->locator, fd, ret_words);
}

static void prescan(struct tp_attacher *a)
{
    char *const no_command[] = {NULL};
    const struct tp_prescan_ops ops = {.cx = a, .read = read_words, .file = add_candidate};

    tp_prescan(a->options->command ? a->options->command : no_command, &ops);
}

static int confine(struct tp_attacher *a)
{
    char text[256];

    tp_privilege_come_first();
    int err = tp_privilege_keep_probing(a->user);

    if (err) {
        tp_error("privilege cannot be given up: %s", strerror(-err));
    } else if (a->options->debug) {
        tp_privilege_describe(text, sizeof(text));
        tp_debug("attacher %d: %s", (int)getpid(), text);
    }
    return err;
}

static int let_go(struct tp_attacher *a)
{
    int err = tp_launch_go(a->launch);
    if (!err)
        return 0;
    tp_error("%s: %s", a->options->command[0], strerror(-err));
    return err == -ENOENT ? TP_EXIT_NOT_FOUND : TP_EXIT_NOT_EXECUTABLE;
}

/* Files of the command and of what runs already are opened with all the privilege that there is:
 * they may be behind closed directories, or deleted. */
int tp_attacher_start(struct tp_attacher *attacher)
{
    struct tp_attacher *a = attacher;

    if ((a->options->command && fork_command(a)) || join_running(a))
        return TP_EXIT_TOKPROF;
    prescan(a);
    if (confine(a))
        return TP_EXIT_TOKPROF;
    const struct tp_message go = {.kind = TP_TELL_GO};
    tell(a, &go);
    return a->options->command ? let_go(a) : 0;
}

static void run_until_over(struct tp_attacher *a)
{
    struct epoll_event events[4];
    int period_ms = a->options->command ? TP_WATCHER_PERIOD_MS : POLL_PIDS_MS;

    while (!is_over(a)) {
        epoll_wait(a->epoll_fd, events, 4, period_ms);
        serve(a);
        if (a->parser_ended && a->watcher)
            tell_parser_end(a);
        if (a->watcher)
            tp_watcher_poll(a->watcher);
    }
}

/* What the parser still asks is answered until it has enough; the probes go while it writes. */
static void stop(struct tp_attacher *a)
{
    struct tp_message m = {.kind = TP_TELL_STOP};
    struct epoll_event events[4];

    if (!a->watcher)
        return;
    m.stop.running = tp_probes_watched_count(tp_watcher_probes(a->watcher));
    if (a->untold)
        on_missing(a, "message", "the parser was busy for too long", a->untold);
    tell(a, &m);
    while (!a->enough && !a->parser_ended) {
        epoll_wait(a->urgent_fd, events, 4, -1);
        serve(a);
    }
    if (a->parser_ended)
        tell_parser_end(a);
    tp_watcher_free(a->watcher);
    a->watcher = NULL;
}

int tp_attacher_run(struct tp_attacher *attacher)
{
    struct tp_attacher *a = attacher;
    char how[64];

    run_until_over(a);
    stop(a);
    tp_child_ended(a->parser, true);
    if (!a->parser_ended && WIFSIGNALED(a->parser->wait_status))
        tp_error("the parser %s: %s may be cut off",
                 tp_child_describe_end(a->parser, how, sizeof(how)), a->options->output);
    if (a->parser_ended || a->parser->wait_status)
        return TP_EXIT_TOKPROF;
    return a->options->command ? tp_launch_exit_status(a->launch) : 0;
}

void tp_attacher_close(struct tp_attacher *attacher)
{
    tp_watcher_free(attacher->watcher);
    attacher->watcher = NULL;
    if (attacher->epoll_fd >= 0)
        close(attacher->epoll_fd);
    if (attacher->urgent_fd >= 0)
        close(attacher->urgent_fd);
}
