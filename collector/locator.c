/* SPDX-License-Identifier: MIT */
#include "collector/locator.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "collector/channel.h"
#include "collector/child.h"
#include "collector/privilege.h"

#define STARTS_MAX 4
/* A file of a GiB on a slow disk is read in this time. */
#define ANSWER_MS 20000
#define SEND_MS 1000
#define NAME_BYTES_MAX 256

enum question { QUESTION_LOCATE = 1, QUESTION_WORDS, QUESTION_TRACE };

/* Comes with the file's descriptor. */
struct request {
    uint32_t question;
    char name[NAME_BYTES_MAX];
};

struct answer {
    int32_t err; /* of the function that was asked; TRACE: its result */
    union {
        struct tp_location location;
        struct tp_words words;
    };
};

#define ANSWER_HEAD offsetof(struct answer, location)

struct tp_locator {
    struct tp_locator_options options;
    struct tp_child child;
    int starts;
    int idle_fd;
    bool (*serve)(void *cx);
    void *serve_cx;
    bool late;     /* it was ended for taking too long */
    bool given_up; /* no answer is of use any more */
    size_t answer_bytes;
    struct answer answer;
};

/* What was found stands at its end: the rest of the room is not sent. */
static size_t location_bytes(const struct tp_location *location)
{
    return offsetof(struct tp_location, found) + location->found_count * sizeof(struct tp_found);
}

/* Of the answer, what is sent. */
static size_t work(const struct request *request, int fd, struct answer *a)
{
    switch (request->question) {
    case QUESTION_LOCATE:
        a->err = tp_locate(NULL, fd, request->name, &a->location);
        return ANSWER_HEAD + (a->err ? 0 : location_bytes(&a->location));
    case QUESTION_WORDS:
        a->err = tp_words_read(NULL, fd, &a->words);
        return ANSWER_HEAD + (a->err ? 0 : offsetof(struct tp_words, text) + a->words.bytes);
    case QUESTION_TRACE:
        a->err = tp_trace_search(fd);
        return ANSWER_HEAD;
    default:
        a->err = -EINVAL;
        return ANSWER_HEAD;
    }
}

/* In the child. */
static int locator_run(void *cx, int channel)
{
    static struct answer answer;
    const struct tp_locator_options *options = cx;
    struct request request;
    int fd;

    tp_privilege_come_first();
    if (tp_child_confine("locator", options->identity, options->debug))
        return 1;
    for (;;) {
        ssize_t n = tp_channel_receive_fds(channel, &request, sizeof(request), &fd, 1, -1);
        if (n != sizeof(request))
            return n == 0 ? 0 : 1;
        size_t bytes = work(&request, fd, &answer);
        close(fd);
        if (tp_channel_send(channel, &answer, bytes, NULL, 0, -1))
            return 0;
    }
}

static int start(struct tp_locator *l)
{
    if (l->child.fd >= 0)
        return 0;
    if (l->starts == STARTS_MAX)
        return -ESHUTDOWN;
    l->starts++;
    return tp_child_start(&l->child, locator_run, &l->options);
}

int tp_locator_new(struct tp_locator **ret_locator, const struct tp_locator_options *options)
{
    struct tp_locator *l = calloc(1, sizeof(*l));
    if (!l)
        return -ENOMEM;
    l->options = *options;
    l->child = (struct tp_child)TP_CHILD_NONE("locator");
    l->idle_fd = -1;
    int err = start(l);
    if (err) {
        free(l);
        return err;
    }
    *ret_locator = l;
    return 0;
}

void tp_locator_free(struct tp_locator *locator)
{
    if (!locator)
        return;
    tp_child_stop(&locator->child, false);
    free(locator);
}

void tp_locator_set_idle(struct tp_locator *locator, int fd, bool (*serve)(void *cx), void *cx)
{
    locator->idle_fd = fd;
    locator->serve = serve;
    locator->serve_cx = cx;
}

pid_t tp_locator_pid(const struct tp_locator *locator)
{
    return locator->child.pid;
}

static int64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Until an answer is there, or the locator is gone. */
static int await(struct tp_locator *l)
{
    int64_t until = now_ms() + ANSWER_MS;

    for (;;) {
        int64_t left = until - now_ms();
        struct pollfd fds[2] = {{.fd = l->child.fd, .events = POLLIN},
                                {.fd = l->idle_fd, .events = POLLIN}};
        if (left <= 0)
            return -ETIMEDOUT;
        if (poll(fds, 2, (int)left) < 0 && errno != EINTR)
            return -errno;
        if (fds[0].revents)
            return 0;
        if (fds[1].revents && !l->serve(l->serve_cx))
            return -EINTR;
    }
}

static int put(struct tp_locator *l, const struct request *request, int fd)
{
    int err = start(l);
    return err ? err : tp_channel_send(l->child.fd, request, sizeof(*request), &fd, 1, SEND_MS);
}

/* Bytes of the answer, or negative errno. */
static ssize_t exchange(struct tp_locator *l, const struct request *request, int fd)
{
    int err = l->given_up ? -EINTR : put(l, request, fd);

    if (err == -EPIPE) { /* it ended before: not over this file */
        tp_child_stop(&l->child, false);
        err = put(l, request, fd);
    }
    if (!err)
        err = await(l);
    if (err)
        return err;
    ssize_t n = tp_channel_receive(l->child.fd, &l->answer, sizeof(l->answer), 0);
    return n == 0 ? -EPIPE : n < (ssize_t)ANSWER_HEAD ? -EBADMSG : n;
}

/* An answer of the right length, or none and no locator any more. 0 or negative errno. */
static int ask(struct tp_locator *l, enum question question, int fd, const char *name,
               size_t bytes_min)
{
    struct request request = {.question = question};

    snprintf(request.name, sizeof(request.name), "%s", name);
    ssize_t n = exchange(l, &request, fd);
    l->answer_bytes = n > 0 ? (size_t)n : 0;
    if (n >= 0 && (l->answer.err || l->answer_bytes >= ANSWER_HEAD + bytes_min))
        return 0;
    l->late = n == -ETIMEDOUT;
    l->given_up = n == -EINTR;
    if (n == -ESHUTDOWN)
        return -ESHUTDOWN;
    tp_child_stop(&l->child, n != -EPIPE);
    return n == -EINTR ? -EINTR : -ECANCELED;
}

static void tell_end(const struct tp_locator *l, struct tp_location *location)
{
    char end[64];

    tp_child_describe_end(&l->child, end, sizeof(end));
    snprintf(location->why, sizeof(location->why), "the locator, which looks into it, %s",
             l->late ? "did not answer in time" : end);
}

int tp_locator_locate(void *cx, int fd, const char *name, struct tp_location *ret_location)
{
    struct tp_locator *l = cx;
    struct stat st;

    if (fstat(fd, &st))
        return -errno;
    int err = ask(l, QUESTION_LOCATE, fd, name, offsetof(struct tp_location, found));
    if (err == -ECANCELED)
        tell_end(l, ret_location);
    if (err || l->answer.err)
        return err ? err : l->answer.err == -ENOEXEC ? -ENOEXEC : -EIO;
    if (!tp_location_sound(&l->answer.location, (uint64_t)st.st_size) ||
        l->answer_bytes != ANSWER_HEAD + location_bytes(&l->answer.location)) {
        tp_child_stop(&l->child, true);
        snprintf(ret_location->why, sizeof(ret_location->why),
                 "the locator's answer about it makes no sense");
        return -ECANCELED;
    }
    memcpy(ret_location, &l->answer.location, location_bytes(&l->answer.location));
    return 0;
}

int tp_locator_words(void *cx, int fd, struct tp_words *ret_words)
{
    struct tp_locator *l = cx;

    int err = ask(l, QUESTION_WORDS, fd, "", offsetof(struct tp_words, text));
    if (err || l->answer.err)
        return err ? err : -EIO;
    size_t bytes = offsetof(struct tp_words, text) + l->answer.words.bytes;
    if (!tp_words_sound(&l->answer.words) || l->answer_bytes != ANSWER_HEAD + bytes)
        return -EBADMSG;
    memcpy(ret_words, &l->answer.words, bytes);
    return 0;
}

int tp_locator_trace(struct tp_locator *locator, int fd)
{
    return ask(locator, QUESTION_TRACE, fd, "", 0) ? -1 : locator->answer.err;
}
