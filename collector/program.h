/* SPDX-License-Identifier: MIT
 * The name of the program that a process runs, for people: the script rather than its interpreter.
 */
#ifndef TP_PROGRAM_H
#define TP_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#define TP_PROGRAM_BYTES 64

/* The program that a command line stands for: the script where `exe` is an interpreter, else `exe`;
 * base names only. cmdline: NUL-separated, as in /proc/PID/cmdline, and need not end in a NUL. */
void tp_program_name(const char *exe, const char *cmdline, size_t n,
                     char ret_name[TP_PROGRAM_BYTES]);

/* What pid runs now, as /proc tells; `comm` where it does not. */
void tp_program_of_process(uint32_t pid, const char *comm, char ret_name[TP_PROGRAM_BYTES]);

#endif
