/* SPDX-License-Identifier: MIT
 * What TLS stacks a running process has mapped, and whether they could be probed. Looks, and probes
 * nothing.
 */
#ifndef TP_INSPECT_H
#define TP_INSPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/locator.h"

struct tp_inspector;

struct tp_finding {
    uint32_t pid;
    const char *file;  /* base name; NULL: of no file */
    const char *stack; /* NULL: none known */
    int confidence;    /* 0..100 */
    bool attachable;
    const char *reason; /* why not; NULL where attachable */
};

/* `locator` looks into the files. NULL without memory. */
struct tp_inspector *tp_inspector_new(struct tp_locator *locator);
void tp_inspector_free(struct tp_inspector *inspector);

/* Each finding in what pid has mapped; one without a file where that may not be read. Returns how
 * many. */
size_t tp_inspector_process(struct tp_inspector *inspector, uint32_t pid,
                            void (*each)(void *cx, const struct tp_finding *finding), void *cx);

#endif
