/* SPDX-License-Identifier: MIT */
#include "analyzer/model/tools.h"

#include <stdlib.h>
#include <string.h>
#include <tokprof/event.h>

#include "common/unpack.h"

/* How many calls back a result's tool call is looked for. */
#define ANCESTORS_MAX 32

/* The ids' text is kept only in the row, where `calls` shows it; matching goes by hash. */
bool tp_tools_ask(struct tp_context *context, const msgpack_object *output)
{
    struct tp_row *row = context->row;
    uint32_t n = context->count - context->request_count, asked = 0;
    for (uint32_t i = 0; i < n; i++)
        asked += context->blocks[context->request_count + i].kind == TP_PART_TOOL_CALL;
    row->tools = asked > 0 ? calloc(asked, sizeof(*row->tools)) : NULL;
    if (asked > 0 && !row->tools)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        const struct tp_block_info *b = &context->blocks[context->request_count + i];
        const msgpack_object *id = tp_unpack_get(&output->via.array.ptr[i], TP_B_CALL_ID);
        if (b->kind != TP_PART_TOOL_CALL)
            continue;
        struct tp_row_tool *tool = &row->tools[row->tool_count++];
        *tool = (struct tp_row_tool){
            .name = b->name, .id_hash = b->call_id, .duration_ns = -1, .result_tokens = -1};
        row->tools_open++;
        if (b->call_id && !(tool->call_id = tp_text_clean(id->via.str.ptr, id->via.str.size)))
            return false;
    }
    return true;
}

/* A result without id belongs to the first open call of that name in the answer just before. */
static bool fits(const struct tp_row_tool *tool, const struct tp_block_info *result, bool direct)
{
    if (tool->result_tokens >= 0)
        return false;
    if (result->call_id && tool->id_hash)
        return tool->id_hash == result->call_id;
    return direct && !tool->resolved &&
           (result->name == TP_NAME_NONE || result->name == tool->name);
}

/* The open tool call that a result answers, and the row that asked for it; NULL if there is none.
 */
static struct tp_row_tool *find(const struct tp_context *context,
                                const struct tp_block_info *result, struct tp_contexts *contexts,
                                struct tp_row **ret_row)
{
    const struct tp_row *at = context->row;
    bool direct = true;
    for (int i = 0; i < ANCESTORS_MAX && at->has_parent; i++) {
        struct tp_context *parent = tp_contexts_find(contexts, &at->parent);
        if (!parent)
            return NULL;
        for (size_t t = 0; parent->row->tools_open > 0 && t < parent->row->tool_count; t++)
            if (fits(&parent->row->tools[t], result, direct)) {
                *ret_row = parent->row;
                return &parent->row->tools[t];
            }
        at = parent->row;
        direct = direct && parent->failed;
    }
    return NULL;
}

/* OpenAI's and Anthropic's results carry an id and no name; the report needs the name. */
void tp_tools_name(struct tp_context *context, struct tp_contexts *contexts)
{
    for (uint32_t i = context->sent_from; i < context->request_count; i++) {
        struct tp_block_info *b = &context->blocks[i];
        struct tp_row *row;
        if (b->kind != TP_PART_TOOL_RESULT || b->name != TP_NAME_NONE || !b->call_id)
            continue;
        const struct tp_row_tool *tool = find(context, b, contexts, &row);
        if (tool)
            b->name = tool->name;
    }
}

/* A tool ran from the end of the answer that asked until the request that brings the result
 * began. That includes the agent's own time, which from outside cannot be told apart. */
static void resolve(struct tp_row *row, struct tp_row_tool *tool, const struct tp_block_info *b,
                    uint64_t start_ns)
{
    uint64_t asked_ns = row->start_ns + (uint64_t)(row->end_ns > 0 ? row->end_ns : 0);
    if (!tool->resolved && row->end_ns >= 0)
        tool->duration_ns = start_ns > asked_ns ? (int64_t)(start_ns - asked_ns) : 0;
    tool->resolved = true;
    tool->failed = b->failed;
    tool->result_tokens = b->tokens;
}

/* After tp_attribute(): the result's tokens are what this call's usage gave it. */
void tp_tools_resolve(struct tp_context *context, struct tp_contexts *contexts)
{
    const struct tp_row *own = context->row;
    bool counted = own->usage.tokens[TP_USAGE_INPUT] >= 0;
    for (uint32_t i = context->sent_from; i < context->request_count; i++) {
        const struct tp_block_info *b = &context->blocks[i];
        struct tp_row *row;
        struct tp_row_tool *tool =
            b->kind == TP_PART_TOOL_RESULT ? find(context, b, contexts, &row) : NULL;
        if (!tool)
            continue;
        resolve(row, tool, b, own->start_ns);
        /* After a failed call the result comes again, with a call that counts it. */
        if (counted || !context->failed)
            row->tools_open--;
    }
}
