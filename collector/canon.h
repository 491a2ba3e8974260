/* SPDX-License-Identifier: MIT
 * Identity of a JSON value: the same for the same value, whatever its layout, its order of keys and
 * the way it was cut. An object is the sum of its members' keyed hashes (order then cannot matter,
 * and nothing has to be held or sorted), an array the hash of its items in order.
 */
#ifndef TP_CANON_H
#define TP_CANON_H

#include <stdbool.h>
#include <tokprof/plugin.h>

#include "collector/estimator.h"
#include "common/buf.h"
#include "common/hash.h"

/* Deeper containers are hashed in the order in which they stand. */
#define TP_CANON_DEPTH_MAX 48

/* Size of text as it passes, and the text itself where it is wanted. */
struct tp_measure {
    uint64_t bytes;
    struct tp_estimator estimator;
    struct tp_buf *text; /* NULL: not wanted */
};

void tp_measure_add(struct tp_measure *m, const char *text, size_t n);

struct tp_canon;

/* NULL without memory. `without`: keys left out at the value's top, or NULL. The value's minimal
 * text is measured into `measure` (may be NULL). All pointers must stay valid. `object`: an object
 * is begun, and takes members given by key() and value(). */
struct tp_canon *tp_canon_new(const struct tp_hash_key *key, const char *const *without,
                              struct tp_measure *measure, bool object);
void tp_canon_free(struct tp_canon *canon);

void tp_canon_value(void *canon, const struct tp_json_event *event);
void tp_canon_key(void *canon, const char *key, size_t n);

/* Whether one value has come whole (with `object`: whether a member has). */
bool tp_canon_whole(const struct tp_canon *canon);
/* Whether that value is an object or array without members. */
bool tp_canon_empty(const struct tp_canon *canon);
/* Its hash, once. */
struct tp_hash tp_canon_end(struct tp_canon *canon);

/* The hash that an object without members has. */
struct tp_hash tp_canon_empty_object(const struct tp_hash_key *key);

#endif
