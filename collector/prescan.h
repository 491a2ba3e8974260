/* SPDX-License-Identifier: MIT
 * What a command is going to run, guessed before it runs, so that the probes are there in time:
 * through PATH, symbolic links, #! lines, env, package managers' launchers and small shell scripts;
 * and the system's TLS libraries, which something may load later. What it misses is found when it
 * is mapped.
 */
#ifndef TP_PRESCAN_H
#define TP_PRESCAN_H

#include <stddef.h>

#include "collector/words.h"

#define TP_PRESCAN_PATH_MAX 4096

struct tp_prescan_ops {
    void *cx;
    /* What a file names; tp_words_read() or where that is done. */
    tp_words_fn *read;
    /* Receives each ELF file's path, none twice in a row; best candidates first. */
    void (*file)(void *cx, const char *path);
};

/* argv: the command, NULL-terminated. Environment (PATH, LD_LIBRARY_PATH) is this process's. */
void tp_prescan(char *const *argv, const struct tp_prescan_ops *ops);

/* Where execvp(3) would find `name`. 0; -ENOENT; -EACCES: found, but not executable; -ENAMETOOLONG.
 */
int tp_command_find(const char *name, char ret_path[TP_PRESCAN_PATH_MAX]);

#endif
