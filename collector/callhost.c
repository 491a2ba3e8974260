/* SPDX-License-Identifier: MIT
 * What the host does for provider plugins: the functions of struct tp_call_host.
 */
#include <stdlib.h>
#include <string.h>

#include "collector/call.h"

/* The last one counts: what an event says late is what the provider knows best. */
static void set_string(struct tp_call *call, enum tp_call_string which, const char *s, size_t n)
{
    char clean[TP_CALL_STRING_MAX];
    if ((unsigned)which >= TP_CALL_STRINGS || tp_utf8_copy(clean, sizeof(clean), s, n) == 0)
        return;
    char **at = &call->strings[call->answering][which];
    char *copy = strdup(clean);
    if (!copy)
        return;
    free(*at);
    *at = copy;
}

static void set_streamed(struct tp_call *call, bool streamed)
{
    call->streamed = streamed;
}

static void set_usage(struct tp_call *call, enum tp_usage_field field, int64_t tokens)
{
    if ((unsigned)field < TP_USAGE_FIELDS && tokens >= 0)
        call->usage[field] = tokens;
}

static void set_modality(struct tp_call *call, bool output, enum tp_modality m, int64_t tokens)
{
    if ((unsigned)m < TP_MODALITIES && tokens >= 0)
        call->modality[output][m] = tokens;
}

static struct tp_server_tool *server_tool(struct tp_call *call, const char *name)
{
    for (size_t i = 0; i < call->server_tool_count; i++)
        if (strcmp(call->server_tools[i].name, name) == 0)
            return &call->server_tools[i];
    if (!call->server_tools)
        call->server_tools = calloc(TP_SERVER_TOOLS_MAX, sizeof(*call->server_tools));
    if (!call->server_tools || call->server_tool_count == TP_SERVER_TOOLS_MAX)
        return NULL;
    struct tp_server_tool *tool = &call->server_tools[call->server_tool_count++];
    memcpy(tool->name, name, sizeof(tool->name));
    return tool;
}

/* A name that does not fit is left out: cut, it could be taken for another tool's. */
static void set_server_tool(struct tp_call *call, const char *name, size_t n, int64_t count)
{
    char clean[sizeof(call->server_tools->name)] = {0};
    if (count < 0 || n >= sizeof(clean) || tp_utf8_copy(clean, sizeof(clean), name, n) == 0)
        return;
    struct tp_server_tool *tool = server_tool(call, clean);
    if (tool)
        tool->count = (uint64_t)count;
}

static void set_failed(struct tp_call *call)
{
    call->failed = true;
}

static void set_finished(struct tp_call *call)
{
    call->finished |= !call->cut;
}

static void set_not_a_call(struct tp_call *call)
{
    call->not_a_call = true;
}

/* The time of the bytes, not of their being read here. */
static void output_seen(struct tp_call *call)
{
    if (!call->first_output_ns)
        call->first_output_ns = call->now_ns;
    call->last_output_ns = call->now_ns;
}

/* 2^53: past it, a double (which the other side may have used) is no longer exact. */
#define WHOLE_MAX 9007199254740992LL

static int64_t plain_digits(const char *s, size_t n)
{
    int64_t value = 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9' || value > WHOLE_MAX)
            return -1;
        value = 10 * value + (s[i] - '0');
    }
    return n && value <= WHOLE_MAX ? value : -1;
}

/* JSON has no integers: 1e3 and 12.0 are whole as well. */
static int64_t whole_number(const struct tp_json_event *event)
{
    char text[40];
    char *end;
    if (event->type != TP_JSON_NUMBER || event->len >= sizeof(text))
        return -1;
    int64_t value = plain_digits(event->data, event->len);
    if (value >= 0)
        return value;
    memcpy(text, event->data, event->len);
    text[event->len] = '\0';
    double d = strtod(text, &end);
    if (*end || !(d >= 0 && d <= (double)WHOLE_MAX) || (double)(int64_t)d != d)
        return -1;
    return (int64_t)d;
}

static struct tp_block *block_open(struct tp_call *call, enum tp_section section,
                                   enum tp_block_kind kind)
{
    return tp_block_open(&call->blocks, section, kind);
}

static struct tp_rules_walk *walk_of(struct tp_block *block)
{
    struct tp_blocks *blocks = tp_block_owner(block);
    struct tp_call *call = (void *)((char *)blocks - offsetof(struct tp_call, blocks));
    return call->walk;
}

static void block_json_capture(struct tp_block *block, const char *const *without)
{
    if (block && walk_of(block))
        tp_block_json_capture(block, walk_of(block), without);
}

static void block_json_member(struct tp_block *block)
{
    if (block && walk_of(block))
        tp_block_json_member(block, walk_of(block));
}

static uint32_t group_begin(struct tp_call *call)
{
    return tp_blocks_group_begin(&call->blocks);
}

static void group_end(struct tp_call *call, uint32_t group, const struct tp_group_end *end)
{
    tp_blocks_group_end(&call->blocks, group,
                        call->answering ? TP_SECTION_OUTPUT : TP_SECTION_MESSAGES, end);
}

const struct tp_call_host tp_call_host_functions = {
    .size = sizeof(struct tp_call_host),
    .set_string = set_string,
    .set_streamed = set_streamed,
    .set_usage = set_usage,
    .set_modality = set_modality,
    .set_failed = set_failed,
    .set_finished = set_finished,
    .set_not_a_call = set_not_a_call,
    .output_seen = output_seen,
    .whole_number = whole_number,
    .block_open = block_open,
    .block_text = tp_block_text,
    .block_json_text = tp_block_json_text,
    .block_json_capture = block_json_capture,
    .block_json_member = block_json_member,
    .block_kind = tp_block_set_kind,
    .block_name = tp_block_set_name,
    .block_call_id = tp_block_set_call_id,
    .block_failed = tp_block_set_failed,
    .block_close = tp_block_close,
    .block_discard = tp_block_discard,
    .group_begin = group_begin,
    .group_end = group_end,
    .set_server_tool = set_server_tool,
};
