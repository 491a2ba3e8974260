/* SPDX-License-Identifier: MIT
 * A process of tokprof's own that handles hostile bytes: forked from this program, with nothing
 * open but standard error and its end of a channel.
 */
#ifndef TP_CHILD_H
#define TP_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "collector/identity.h"

struct tp_child {
    const char *name; /* "parser": for people */
    pid_t pid;        /* 0: there is none, or it has ended */
    int fd;           /* our end of its channel; -1: none */
    int wait_status;  /* once it has ended */
};

#define TP_CHILD_NONE(child_name)                                                                  \
    {                                                                                              \
        .name = (child_name), .fd = -1                                                             \
    }

/* What it does; `fd` is its end of the channel. The result is its exit status. */
typedef int tp_child_fn(void *cx, int fd);

/* Forks. Signals that are blocked here stay so there: a terminal's Ctrl-C is not for it. 0 or
 * negative errno. */
int tp_child_start(struct tp_child *child, tp_child_fn *run, void *cx);

/* In the child, when it has what it needs: becomes `identity`, gives up all capabilities, enters
 * the sandbox, and with `debug` says what it holds. 0 or negative errno. */
int tp_child_confine(const char *name, const struct tp_identity *identity, bool debug);

/* True once it has ended; with `wait` not before. */
bool tp_child_ended(struct tp_child *child, bool wait);

/* How it ended: "was killed by signal 31 (Bad system call)", "ended with status 1".
 * Returns ret_text. */
const char *tp_child_describe_end(const struct tp_child *child, char *ret_text, size_t size);

/* Our end of the channel is closed, which ends it; with `kill_it` it is not asked. Then waits for
 * it. */
void tp_child_stop(struct tp_child *child, bool kill_it);

#endif
