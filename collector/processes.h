/* SPDX-License-Identifier: MIT
 * The table of watched processes, kept from fork, exec and exit records. A process stays until it
 * is dropped, so that its last bytes still find it.
 */
#ifndef TP_PROCESSES_H
#define TP_PROCESSES_H

#include <stddef.h>

#include "bpf/shared/record.h"
#include "collector/process.h"

struct tp_processes;

/* `tree`: 16 hex digits that name the tree; copied. NULL without memory. */
struct tp_processes *tp_processes_new(const char *tree);
void tp_processes_free(struct tp_processes *processes);

/* A process joins: from its fork, or by hand. Existing ones are started anew. NULL past the
 * ceiling. */
struct tp_process *tp_processes_fork(struct tp_processes *processes,
                                     const struct tp_process_record *record);
/* It runs another program now: comm and program are renewed. NULL past the ceiling. */
struct tp_process *tp_processes_exec(struct tp_processes *processes,
                                     const struct tp_process_record *record, const char *program);
/* Forgets it. */
void tp_processes_drop(struct tp_processes *processes, uint32_t pid);

const struct tp_process *tp_processes_find(const struct tp_processes *processes, uint32_t pid);
struct tp_process_source tp_processes_source(struct tp_processes *processes);

/* Each in the table, in no order. */
void tp_processes_each(const struct tp_processes *processes,
                       void (*each)(void *cx, const struct tp_process *process), void *cx);

#endif
