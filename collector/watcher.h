/* SPDX-License-Identifier: MIT
 * The privileged side of a recording, all in one place: the probes, which processes they watch, and
 * which files those have mapped. Reads no byte of what the processes move, and no ELF file. One
 * thread.
 */
#ifndef TP_WATCHER_H
#define TP_WATCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/attach.h"
#include "collector/program.h"
#include "collector/targets.h"

struct tp_watcher;

/* What a watcher tells. All must be set. */
struct tp_watcher_ops {
    void (*target)(void *cx, const struct tp_target *target);
    /* Something outside the ledger of bytes went missing: `count` of `what`. */
    void (*missing)(void *cx, const char *what, const char *why, uint64_t count);
    /* A process that ran already is watched from now on; as its exec would have been told. */
    void (*joined)(void *cx, const struct tp_process_record *record, const char *program);
};

struct tp_watcher_options {
    size_t ring_bytes;
    bool plain;           /* plain HTTP on sockets, too */
    bool oldest;          /* as in struct tp_probes_options */
    tp_locate_fn *locate; /* looks into files */
    void *locate_cx;
};

/* Loads and attaches. 0 or negative errno; -EPERM: privilege is missing. */
int tp_watcher_new(struct tp_watcher **ret_watcher, const struct tp_watcher_options *options,
                   const struct tp_watcher_ops *ops, void *cx);
/* Detaches and frees. NULL is fine. */
void tp_watcher_free(struct tp_watcher *watcher);

struct tp_probes *tp_watcher_probes(struct tp_watcher *watcher);
struct tp_targets *tp_watcher_targets(struct tp_watcher *watcher);
/* How plain sockets are seen (`error`: why not), or NULL if that was not asked for. */
const struct tp_target *tp_watcher_plain(const struct tp_watcher *watcher);
/* False: late mappings are found by looking at /proc/PID/maps (perf events were refused). */
bool tp_watcher_sees_mappings(const struct tp_watcher *watcher);

/* pid and all that it forks from now on. */
int tp_watcher_watch(struct tp_watcher *watcher, uint32_t pid);

/* A process that runs already, with what it has mapped, and all its descendants but this program's
 * own. 0; -ESRCH: there is none; -EACCES: what it has mapped is not for us to read. */
int tp_watcher_join(struct tp_watcher *watcher, uint32_t pid);
/* All processes but this program's own and the kernel's; those of other users only with others_too.
 * Returns how many were left out for that. */
size_t tp_watcher_join_all(struct tp_watcher *watcher, bool others_too);

/* Readable when mappings were made. */
int tp_watcher_fd(const struct tp_watcher *watcher);
/* Looks at the mappings that were made; call it every TP_WATCHER_PERIOD_MS at least. */
void tp_watcher_poll(struct tp_watcher *watcher);
#define TP_WATCHER_PERIOD_MS 250

/* The name of the program that this process, if it is watched, runs now; else its comm. */
void tp_watcher_program(struct tp_watcher *watcher, uint32_t pid, const char *comm,
                        char ret_name[TP_PROGRAM_BYTES]);

#endif
