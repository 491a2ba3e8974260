/* SPDX-License-Identifier: MIT
 * Which events came already: remembers the latest half million to a million ids.
 */
#ifndef TP_SEEN_H
#define TP_SEEN_H

#include <stdbool.h>

#include "common/hash.h"

struct tp_seen;

/* NULL without memory; grows as ids come, to some 32 MiB. */
struct tp_seen *tp_seen_new(void);
/* NULL is fine. */
void tp_seen_free(struct tp_seen *seen);
/* True when it is new (or memory ran out). */
bool tp_seen_add(struct tp_seen *seen, const struct tp_hash *id);

#endif
