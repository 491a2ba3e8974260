/* SPDX-License-Identifier: MIT
 * Whether a path may name code that this program runs. A path is trusted if none but root, or
 * whoever runs the program, can change what it leads to: every directory from / down belongs to
 * them and only they can write to it. With privilege (effective capabilities, set-user-ID, or root)
 * only root counts, and groups may not write either: what a user can write must not run with more
 * than that user has.
 */
#ifndef TP_TRUST_H
#define TP_TRUST_H

#include <stdbool.h>
#include <stddef.h>

/* Whether this process can do more than the user who started it. */
bool tp_privileged(void);

/* Opens a directory for reading if each component of its real path is trusted. Descriptor (the
 * caller's), or negative errno; -EACCES where not trusted. ret_reason says what, in one line. */
int tp_trusted_directory(const char *path, bool privileged, char *ret_reason, size_t size);

/* The same for a regular file of an open directory; symbolic links are not followed. */
int tp_trusted_file(int directory, const char *name, bool privileged, char *ret_reason,
                    size_t size);

#endif
