/* SPDX-License-Identifier: MIT */
#include "collector/hotline.h"

#include <errno.h>
#include <string.h>

#include "collector/channel.h"

/* The attacher answers at once, but for the time that the kernel takes to attach or detach. */
#define ANSWER_MS 5000

/* One message of the right size. True if there is one. */
static bool receive(struct tp_hotline *l, struct tp_message *message, int timeout_ms)
{
    ssize_t n = l->gone ? -EPIPE : tp_channel_receive(l->fd, message, sizeof(*message), timeout_ms);

    if (n == sizeof(*message))
        return true;
    if (n != -EAGAIN)
        l->gone = true;
    return false;
}

void tp_hotline_take(struct tp_hotline *line)
{
    struct tp_message message;

    while (receive(line, &message, 0))
        line->told(line->cx, &message);
}

int tp_hotline_take_start(struct tp_hotline *line, struct tp_message *ret_message, int *ret_fds,
                          size_t fd_count)
{
    ssize_t n =
        tp_channel_receive_fds(line->fd, ret_message, sizeof(*ret_message), ret_fds, fd_count, -1);
    if (n == 0)
        return -EPIPE;
    if (n < 0)
        return (int)n;
    return n == sizeof(*ret_message) && ret_message->kind == TP_TELL_START ? 0 : -EBADMSG;
}

static void pass(struct tp_hotline *l, const struct tp_message *message)
{
    if (!l->gone && tp_channel_send(l->fd, message, sizeof(*message), NULL, 0, ANSWER_MS) == -EPIPE)
        l->gone = true;
}

void tp_hotline_tell(struct tp_hotline *line, enum tp_message_kind kind)
{
    const struct tp_message message = {.kind = kind};
    pass(line, &message);
}

static void ask(struct tp_hotline *l, struct tp_message *question, enum tp_message_kind kind)
{
    question->kind = kind;
    question->ticket = ++l->ticket;
    pass(l, question);
}

/* The next answer to the last question; late ones to earlier questions are dropped. */
static bool answer(struct tp_hotline *l, struct tp_message *ret_message)
{
    while (receive(l, ret_message, ANSWER_MS)) {
        if (ret_message->ticket == l->ticket)
            return true;
        if (ret_message->ticket == 0)
            l->told(l->cx, ret_message);
    }
    l->unanswered++;
    return false;
}

void tp_hotline_program(void *cx, const struct tp_process_record *record,
                        char ret_name[TP_PROGRAM_BYTES])
{
    struct tp_hotline *l = cx;
    struct tp_message m = {.ask_program.pid = record->head.pid};

    memcpy(m.ask_program.comm, record->comm, sizeof(m.ask_program.comm));
    ask(l, &m, TP_ASK_PROGRAM);
    bool answered = answer(l, &m);
    tp_message_text(ret_name, TP_PROGRAM_BYTES, answered ? m.program : record->comm);
}

void tp_hotline_take_streams(void *cx, uint32_t pid, uint64_t before_ns, tp_stream_fn *each,
                             void *each_cx)
{
    struct tp_hotline *l = cx;
    struct tp_message m = {.ask_streams = {.pid = pid, .before_ns = before_ns}};
    bool more = true;

    ask(l, &m, TP_ASK_STREAMS);
    while (more && answer(l, &m)) {
        more = !m.streams.last;
        for (uint32_t i = 0; i < m.streams.count; i++)
            each(each_cx, &m.streams.stream[i].key, &m.streams.stream[i].state);
    }
}

int tp_hotline_counters(struct tp_hotline *line, struct tp_counters *ret_sum)
{
    struct tp_message m = {0};

    ask(line, &m, TP_ASK_COUNTERS);
    if (!answer(line, &m))
        return -EPIPE;
    if (!m.counters.err)
        *ret_sum = m.counters.sum;
    return m.counters.err;
}
