/* SPDX-License-Identifier: MIT
 * Strings that recur (models, servers, tools ...), kept once and compared by number.
 */
#ifndef TP_NAMES_H
#define TP_NAMES_H

#include <stddef.h>
#include <stdint.h>

struct tp_names;

/* Number of an unknown string; tp_names_text() gives NULL for it. */
#define TP_NAME_NONE 0u

/* NULL without memory. */
struct tp_names *tp_names_new(void);
/* All texts are gone after it. NULL is fine. */
void tp_names_free(struct tp_names *names);

/* The string's number; longer ones are cut at 512 bytes, bytes that are no text are replaced.
 * TP_NAME_NONE for n == 0, past a million names and without memory. */
uint32_t tp_names_add(struct tp_names *names, const char *s, size_t n);

/* A copy of s, for the caller to free, that is safe to print: valid UTF-8 (RFC 3629) without
 * control characters. NULL without memory. */
char *tp_text_clean(const char *s, size_t n);

/* NUL-terminated UTF-8, valid as long as `names`. */
const char *tp_names_text(const struct tp_names *names, uint32_t name);

#endif
