/* SPDX-License-Identifier: MIT
 * The attacher: the process that holds the probes and is the command's parent. It reads nothing
 * that the watched processes move and no file's content: the parser (parser.h) and the locator
 * (locator.h) do, and what they say is checked. Once the command may run it keeps three
 * capabilities.
 */
#ifndef TP_ATTACHER_H
#define TP_ATTACHER_H

#include "collector/child.h"
#include "collector/identity.h"
#include "collector/launch.h"
#include "collector/locator.h"
#include "collector/options.h"
#include "collector/watcher.h"

struct tp_attacher {
    const struct tp_record_options *options;
    const struct tp_identity *user;
    struct tp_launch *launch; /* of the command; its signals are taken over */
    struct tp_locator *locator;
    struct tp_child *parser;
    struct tp_watcher *watcher;
    uint64_t untold;   /* messages that the parser did not take in time */
    bool parser_ended; /* and that was said */
    bool enough;       /* the parser will ask no more */
    int epoll_fd;
    int urgent_fd; /* of these: what must not wait for the locator */
};

/* Loads and attaches, hands the rings and the output over; the parser is ready then. The other
 * members are the caller's. Reports what goes wrong. 0 or negative errno. */
int tp_attacher_open(struct tp_attacher *attacher);

/* Starts to watch: the command, which waits, and processes that run already; gives up privilege;
 * then lets the command go. 0, or the exit status to leave with. */
int tp_attacher_start(struct tp_attacher *attacher);

/* Until the command has ended, or whatever else the recording ends with; then until the parser has
 * read what is left. The exit status. */
int tp_attacher_run(struct tp_attacher *attacher);

/* Detaches. Half-built is fine. */
void tp_attacher_close(struct tp_attacher *attacher);

/* tokprof's own exit statuses, as shells have them. */
#define TP_EXIT_TOKPROF 125
#define TP_EXIT_NOT_EXECUTABLE 126
#define TP_EXIT_NOT_FOUND 127

#endif
