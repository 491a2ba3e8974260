/* SPDX-License-Identifier: MIT
 * What tokprof uses of the kernel: one table, from which docs/kernels.md tells too. Each feature is
 * tried, never concluded from a version number: distributions carry features back, and leave some
 * out.
 */
#ifndef TP_FEATURES_H
#define TP_FEATURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The oldest kernel that has all that is needed. */
#define TP_KERNEL_FLOOR "5.15"

enum tp_feature {
    TP_FEATURE_TYPES,
    TP_FEATURE_RING,
    TP_FEATURE_TRACEPOINTS,
    TP_FEATURE_UPROBES,
    TP_FEATURE_COOKIES,
    TP_FEATURE_SYSCALLS,
    TP_FEATURE_MULTI,
    TP_FEATURES
};

struct tp_feature_facts {
    const char *name;
    const char *since; /* kernel release */
    const char *use;
    const char *otherwise; /* what happens without it; NULL: nothing can be recorded */
    const char *remedy;    /* where it is lacking in a kernel that is new enough; may be NULL */
    bool newer;            /* than TP_KERNEL_FLOOR */
    bool (*test)(void);
};

/* Static. */
const struct tp_feature_facts *tp_feature_facts(enum tp_feature feature);

/* Tries it, which needs the capabilities for probing. With `oldest`, what is newer than the floor
 * is never there. */
bool tp_feature_is_here(enum tp_feature feature, bool oldest);

/* Why this kernel cannot be probed: the first feature that is needed and not here, what it is for
 * and the way out, on one line. False, and text untouched, if all are here. */
bool tp_features_explain(char *text, size_t bytes);

/* The environment asks for the oldest path: TOKPROF_KERNEL=5.15, as --oldest-kernel does. 0, or
 * -EINVAL where it holds anything else. */
int tp_features_from_environment(bool *ret_oldest);

#endif
