/* SPDX-License-Identifier: MIT
 * Starts the command and stands between it and the world as little as possible: its streams, its
 * signals and its exit status are its own.
 */
#ifndef TP_LAUNCH_H
#define TP_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>

#include "collector/identity.h"

struct tp_launch {
    pid_t pid;       /* 0: not started, or reaped */
    int go_fd;       /* the child waits for a byte here */
    int error_fd;    /* errno of a failed exec; end of file when it worked */
    int signal_fd;   /* signals for us, the child's end among them */
    int wait_status; /* once reaped */
    bool reaped;
    int refused_signal; /* the last that the command could not be sent: it runs as another user */
    bool interrupted; /* a signal that ends programs came, and there was no command to pass it to */
};

/* Takes over signals; call before tp_launch_start(). 0 or negative errno. */
int tp_launch_init(struct tp_launch *launch);
void tp_launch_done(struct tp_launch *launch);

/* Limits this process set for itself (no core dump, file numbers) are put back in the child. Call
 * before changing any. */
void tp_launch_remember_limits(void);

/* Forks; the child waits. With stdout_to_stderr its standard output becomes our standard error. */
int tp_launch_start(struct tp_launch *launch, char *const *argv, const struct tp_identity *as,
                    bool stdout_to_stderr);
/* Lets it exec. 0, or the negative errno of exec (the child is reaped then). */
int tp_launch_go(struct tp_launch *launch);

/* Reads signal_fd: passes on to the child what was meant for it, and reaps it. */
void tp_launch_on_signal(struct tp_launch *launch);

/* Exit status for a shell: the command's own, or 128 + N. */
int tp_launch_exit_status(const struct tp_launch *launch);

#endif
