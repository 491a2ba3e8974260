/* SPDX-License-Identifier: MIT
 * The system call filter of the processes that handle hostile bytes (seccomp(2)): what is open can
 * be read, written and waited for, and there is memory and time. Nothing can be opened, connected,
 * started, traced or made executable.
 */
#ifndef TP_SANDBOX_H
#define TP_SANDBOX_H

#include <stdbool.h>

/* From here on any other system call ends the process with SIGSYS. With `tell` it first says on
 * standard error which one it was. For good, with no_new_privs. 0 or negative errno. */
int tp_sandbox_enter(bool tell);

/* False in builds with sanitizers, whose run time needs more (it opens /proc files, starts
 * processes): there tp_sandbox_enter() does nothing, here alone. */
bool tp_sandbox_available(void);

#endif
