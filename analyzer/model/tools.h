/* SPDX-License-Identifier: MIT
 * Tool calls and their results: an answer asks for tools, a later request of the conversation
 * brings what they gave.
 */
#ifndef TP_TOOLS_H
#define TP_TOOLS_H

#include "analyzer/model/context.h"

/* Lists in the context's row the tools that its answer asks for. `output` is the event's array, for
 * the ids' text. False without memory. */
bool tp_tools_ask(struct tp_context *context, const msgpack_object *output);

/* Gives the results among the context's new blocks (from sent_from on) the names of the tools asked
 * for. */
void tp_tools_name(struct tp_context *context, struct tp_contexts *contexts);

/* Tells the calls that asked of the results among the new blocks; after the blocks have their
 * tokens. A result sent again after a failed call keeps its first time. */
void tp_tools_resolve(struct tp_context *context, struct tp_contexts *contexts);

#endif
