/* SPDX-License-Identifier: MIT
 * Where finished events go: a recording, a pipe, a test's memory.
 */
#ifndef TP_SINK_H
#define TP_SINK_H

#include <stddef.h>

struct tp_sink {
    void *cx;
    /* One whole MessagePack event. 0 or negative errno (the caller counts the loss). */
    int (*event)(void *cx, const void *data, size_t n);
};

#endif
