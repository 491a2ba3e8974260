/* SPDX-License-Identifier: MIT
 * A call as JSON, with the keys that the command line promises.
 */
#ifndef TP_CALLOUT_H
#define TP_CALLOUT_H

#include "analyzer/format/json.h"
#include "analyzer/model/row.h"

/* Sizes of texts, each with its NUL. */
#define TP_HEX_SIZE (2 * TP_HASH_BYTES + 1)
#define TP_CONVERSATION_SIZE 17

/* The short name of a conversation: 16 hex digits of its first call's id. */
void tp_conversation_name(const struct tp_row *row, char ret_text[TP_CONVERSATION_SIZE]);

/* The usage's members, into the map that is open. */
void tp_json_usage(struct tp_json *j, const struct tp_usage *usage);
/* An array of objects: kind, name, tokens, source, cached_tokens, first_call. */
void tp_json_parts(struct tp_json *j, const struct tp_part *parts, size_t count,
                   const struct tp_names *names);
/* One whole object. */
void tp_json_call(struct tp_json *j, const struct tp_row *row, const struct tp_names *names);

/* Time to first token, and from first to last output event over the output tokens but one;
 * negative: unknown. */
int64_t tp_row_ttft_ns(const struct tp_row *row);
int64_t tp_row_per_output_token_ns(const struct tp_row *row);

#endif
