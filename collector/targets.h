/* SPDX-License-Identifier: MIT
 * Targets: which files hold a TLS stack, and the probes on them. Each file (inode) is looked at
 * once.
 */
#ifndef TP_TARGETS_H
#define TP_TARGETS_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/attach.h"
#include "collector/locate.h"
#include "collector/mmaps.h"

struct tp_targets;

/* What became of one file that a plugin took for its own. */
struct tp_target {
    const char *file; /* base name */
    char build_id[TP_BUILD_ID_HEX_MAX];
    const char *stack;
    const char
        *how; /* "prescan": before the command ran; "mmap": when a process mapped it; "maps" */
    int confidence;    /* 0..100 */
    uint64_t late_ns;  /* from being mapped to being probed; 0: in time */
    const char *error; /* NULL: attached. Valid during the call. */
    uint32_t id;       /* as its records have it; 0: not attached */
};

typedef void tp_target_fn(void *cx, const struct tp_target *target);

/* `locate` looks into files; `each` is called once for each target, attached or refused. NULL
 * without memory. */
struct tp_targets *tp_targets_new(struct tp_probes *probes, tp_locate_fn *locate, void *locate_cx,
                                  tp_target_fn *each, void *cx);
void tp_targets_free(struct tp_targets *targets);

/* Looks at what came by at places that were found without symbols: where it is not what it should
 * be, the probes are removed, and `each` is called for the target once more, with the error. */
void tp_targets_check(struct tp_targets *targets);

/* The file at path, before anyone runs it. 0, also when it is no target; -errno where it cannot be
 * opened. */
int tp_targets_add_path(struct tp_targets *targets, const char *path);

/* A mapping that a watched process made. `how` is a static string. */
void tp_targets_add_mapping(struct tp_targets *targets, const struct tp_mapping *mapping,
                            const char *how);

#endif
