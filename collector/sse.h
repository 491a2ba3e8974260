/* SPDX-License-Identifier: MIT
 * Server-sent events (WHATWG HTML, section 9.2), incremental: data is passed on as it comes, never
 * held.
 */
#ifndef TP_SSE_H
#define TP_SSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TP_SSE_NAME_MAX 64

struct tp_sse_handler {
    /* First data of an event; `event` is its name as far as it stood before, or "". */
    void (*begin)(void *cx, const char *event);
    void (*data)(void *cx, const char *data, size_t n);
    void (*end)(void *cx);
    /* The open event goes on in bytes that were lost; end() does not follow. */
    void (*abort)(void *cx);
};

struct tp_sse {
    const struct tp_sse_handler *handler;
    void *cx;
    uint8_t state, field;
    uint8_t field_len, bom;
    bool cr;       /* the last byte was a carriage return */
    bool in_event; /* begin() was called */
    size_t name_len;
    char name[TP_SSE_NAME_MAX];
    char field_name[8];
};

void tp_sse_init(struct tp_sse *sse, const struct tp_sse_handler *handler, void *cx);
void tp_sse_feed(struct tp_sse *sse, const char *data, size_t n);
/* Bytes are missing here: gives the open event up. What follows is taken as a line's beginning: the
 * rest of a cut line names no field that matters, and no JSON text has a line end inside. */
void tp_sse_hole(struct tp_sse *sse);
/* No more bytes: an open event counts as ended, though the standard would drop it (its data was
 * seen). */
void tp_sse_end(struct tp_sse *sse);

#endif
