/* SPDX-License-Identifier: MIT
 * The locator: the process that looks into files, for their bytes are anyone's. It gets them as
 * open descriptors, has no privilege and can open nothing itself (child.h). What it answers is
 * checked like any other input. If it dies over a file, that file is refused and another locator
 * started, a few times.
 */
#ifndef TP_LOCATOR_H
#define TP_LOCATOR_H

#include <stdbool.h>

#include "collector/identity.h"
#include "collector/locate.h"
#include "collector/words.h"

struct tp_locator;

struct tp_locator_options {
    const struct tp_identity *identity; /* whom it becomes */
    bool debug;
};

/* Starts it. 0 or negative errno. */
int tp_locator_new(struct tp_locator **ret_locator, const struct tp_locator_options *options);
void tp_locator_free(struct tp_locator *locator);

/* A large file takes its time: while an answer is awaited and `fd` is readable, `serve` is called.
 * When it returns false, that answer and all later ones are given up. */
void tp_locator_set_idle(struct tp_locator *locator, int fd, bool (*serve)(void *cx), void *cx);

/* 0: there is none at the moment. */
pid_t tp_locator_pid(const struct tp_locator *locator);

/* With a locator as cx. -ECANCELED: it ended over this file, ret_location->why says how; -EINTR:
 * given up. */
tp_locate_fn tp_locator_locate;
tp_words_fn tp_locator_words;
/* As tp_trace_search(). */
int tp_locator_trace(struct tp_locator *locator, int fd);

#endif
