/* SPDX-License-Identifier: MIT
 * The identity of a JSON value (collector/canon.h), looked up before it is worked out: what makes
 * the value up is noted first, in a form that does not depend on how it was cut, and read again
 * only if it is new. What is too large to be noted is worked out as it comes.
 */
#ifndef TP_VALUE_H
#define TP_VALUE_H

#include "collector/canon.h"
#include "collector/memo.h"

#define TP_VALUE_NOTED_MAX (64u << 10)

/* How blocks are read; shared by all of a recording. */
struct tp_blocks_options {
    const struct tp_hash_key *key;
    struct tp_memo *memo; /* NULL: nothing is remembered */
    bool content;         /* text is kept */
};

struct tp_value;

/* NULL without memory. As tp_canon_new(); `text` gets the value's minimal text if content is
 * wanted. */
struct tp_value *tp_value_new(const struct tp_blocks_options *options, const char *const *without,
                              bool object, struct tp_buf *text);
void tp_value_free(struct tp_value *value);

void tp_value_event(void *value, const struct tp_json_event *event);
void tp_value_key(void *value, const char *key, size_t n);

/* Once. False if the value did not come whole. */
bool tp_value_end(struct tp_value *value, struct tp_memo_result *ret_result);

/* JSON that arrives as text: its value, or else the text's own hash. */
struct tp_json_text;

struct tp_json_text *tp_json_text_new(const struct tp_blocks_options *options, struct tp_buf *text);
void tp_json_text_free(struct tp_json_text *json);
void tp_json_text_add(struct tp_json_text *json, const char *s, size_t n);
/* Once. False without memory. */
bool tp_json_text_end(struct tp_json_text *json, struct tp_memo_result *ret_result);

#endif
