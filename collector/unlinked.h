/* SPDX-License-Identifier: MIT
 * Bytes seen at a cipher context whose socket is not known yet: they wait until the kernel says
 * which one it is (struct tp_link_record), and go on under the socket's name, so that both
 * directions become one connection. What waits too long goes on under the context's own name.
 * Pure.
 */
#ifndef TP_UNLINKED_H
#define TP_UNLINKED_H

#include <stdint.h>

#include "bpf/shared/record.h"

struct tp_unlinked;

/* Receives the records, as struct tp_session_ops.data. */
typedef void tp_unlinked_fn(void *cx, const struct tp_data_record *record, const uint8_t *payload,
                            const char *tls);

/* NULL without memory. */
struct tp_unlinked *tp_unlinked_new(tp_unlinked_fn *data, void *cx);
/* What still waits is dropped. NULL is fine. */
void tp_unlinked_free(struct tp_unlinked *u);

/* One data record, of any kind: handed on at once, or kept; `tls` is a static string. */
void tp_unlinked_data(struct tp_unlinked *u, const struct tp_data_record *record,
                      const uint8_t *payload, const char *tls);
/* The context's socket: what waited is handed on. */
void tp_unlinked_link(struct tp_unlinked *u, const struct tp_link_record *link);
/* Hands on what waits at this context (0: at all) of this process (0: of all). */
void tp_unlinked_release(struct tp_unlinked *u, uint32_t pid, uint64_t context);

#endif
