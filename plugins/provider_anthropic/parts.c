/* SPDX-License-Identifier: MIT
 * Parts of a message's content: https://docs.anthropic.com/en/api/messages (content blocks).
 */
#include "anthropic.h"

static enum tp_section section(const struct state *s)
{
    return s->in_answer ? TP_SECTION_OUTPUT : TP_SECTION_MESSAGES;
}

static enum part_type part_type(const struct tp_json_event *e)
{
    static const struct {
        const char *name;
        enum part_type type;
    } types[] = {
        {"text", TEXT},         {"thinking", REASONING}, {"redacted_thinking", REASONING},
        {"tool_use", TOOL_USE}, {"image", IMAGE},        {"document", DOCUMENT},
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
        if (is(e, types[i].name))
            return types[i].type;
    if (e->len > 9 && memcmp(e->data + e->len - 9, "_tool_use", 9) == 0)
        return TOOL_USE; /* server_tool_use, mcp_tool_use */
    if (e->len >= 11 && memcmp(e->data + e->len - 11, "tool_result", 11) == 0)
        return TOOL_RESULT; /* also web_search_tool_result and its kin */
    return UNKNOWN;
}

struct tp_block *anthropic_open_once(struct tp_call_cx *cx, struct tp_block **at,
                                     enum tp_block_kind kind)
{
    if (!*at)
        *at = cx->host->block_open(cx->call, section(cx->state), kind);
    return *at;
}

static void part_text(struct tp_call_cx *cx, const struct tp_json_event *e, enum tp_block_kind kind)
{
    struct state *s = cx->state;
    if (e->type == TP_JSON_STRING)
        cx->host->block_text(anthropic_open_once(cx, &s->part.block, kind), e->data, e->len);
}

void anthropic_part_begin(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    memset(&s->part, 0, sizeof(s->part));
    s->part.group = cx->host->group_begin(cx->call);
}

/* Kinds that the type decides; text keeps its kind until the role is known. */
static void part_kind(struct tp_call_cx *cx, struct part *p)
{
    if (p->type == IMAGE)
        cx->host->block_kind(p->block, TP_BLOCK_IMAGE);
    else if (p->type == DOCUMENT)
        cx->host->block_kind(p->block, TP_BLOCK_DOCUMENT);
    else if (p->type == TOOL_USE)
        anthropic_open_once(cx, &p->block, TP_BLOCK_TOOL_CALL);
    if (p->type == TOOL_USE)
        cx->host->block_call_id(p->block, p->call_id, p->call_id_len);
}

/* A result's parts have become blocks of their own; its id and state make them one. */
static void result_end(struct tp_call_cx *cx, struct part *p)
{
    struct tp_group_end end = {.kind = TP_BLOCK_TOOL_RESULT,
                               .join = true,
                               .failed = p->failed,
                               .call_id = p->result_id,
                               .call_id_len = p->result_id_len};
    cx->host->group_end(cx->call, p->group, &end);
}

void anthropic_part_end(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    struct part *p = &s->part;
    bool result = p->type == TOOL_RESULT || p->result_id_len;
    part_kind(cx, p);
    cx->host->block_close(p->block);
    if (p->block || result || p->type != UNKNOWN) {
        cx->host->block_discard(p->other);
    } else {
        cx->host->block_name(p->other, p->type_name, p->type_len);
        cx->host->block_close(p->other);
    }
    if (result)
        result_end(cx, p);
    memset(p, 0, sizeof(*p));
}

static void result_part(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    struct part *p = &s->part;
    if (action == PART_RESULT && ends(e)) {
        cx->host->block_close(p->inner);
        p->inner = NULL;
        p->inner_document = false;
    } else if (action == PART_RESULT_TYPE) {
        p->inner_document = is(e, "document");
        if (p->inner && (p->inner_document || is(e, "image")))
            cx->host->block_kind(p->inner, p->inner_document ? TP_BLOCK_DOCUMENT : TP_BLOCK_IMAGE);
    } else if (action == PART_RESULT_PART_TEXT && e->type == TP_JSON_STRING) {
        cx->host->block_text(anthropic_open_once(cx, &p->inner, TP_BLOCK_TEXT), e->data, e->len);
    } else if (action == PART_RESULT_SOURCE && e->type == TP_JSON_STRING) {
        enum tp_block_kind kind = p->inner_document ? TP_BLOCK_DOCUMENT : TP_BLOCK_IMAGE;
        cx->host->block_text(anthropic_open_once(cx, &p->inner, kind), e->data, e->len);
    }
}

/* `content` of a result as one string (of the types that have it). */
static void result_text(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (e->type != TP_JSON_STRING)
        return;
    cx->host->block_text(anthropic_open_once(cx, &s->part.inner, TP_BLOCK_TEXT), e->data, e->len);
    if (!e->last)
        return;
    cx->host->block_close(s->part.inner);
    s->part.inner = NULL;
}

static void part_input(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (ends(e) || e->type == TP_JSON_ARRAY_END || !e->first)
        return;
    cx->host->block_json_capture(anthropic_open_once(cx, &s->part.block, TP_BLOCK_TOOL_CALL), NULL);
}

static void part_other(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (ends(e) || e->type == TP_JSON_ARRAY_END || !e->first)
        return;
    cx->host->block_json_member(anthropic_open_once(cx, &s->part.other, TP_BLOCK_OTHER));
}

static void part_type_told(struct state *s, const struct tp_json_event *e)
{
    s->part.type = part_type(e);
    s->part.type_len = copy(s->part.type_name, sizeof(s->part.type_name), e);
}

void anthropic_part_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    struct part *p = &s->part;
    switch (action) {
    case PART_TYPE:
        if (e->type == TP_JSON_STRING)
            part_type_told(s, e);
        break;
    case PART_TEXT:
        part_text(cx, e, TP_BLOCK_TEXT);
        break;
    case PART_THINKING:
    case PART_DATA:
        part_text(cx, e, TP_BLOCK_REASONING);
        break;
    case PART_SOURCE:
        part_text(cx, e, p->type == DOCUMENT ? TP_BLOCK_DOCUMENT : TP_BLOCK_IMAGE);
        break;
    case PART_ID:
        p->call_id_len = copy(p->call_id, sizeof(p->call_id), e);
        break;
    case PART_NAME:
        if (e->type == TP_JSON_STRING)
            cx->host->block_name(anthropic_open_once(cx, &p->block, TP_BLOCK_TOOL_CALL), e->data,
                                 e->len);
        break;
    case PART_INPUT:
        part_input(cx, e);
        break;
    case PART_RESULT_ID:
        p->result_id_len = copy(p->result_id, sizeof(p->result_id), e);
        break;
    case PART_RESULT_TEXT:
        result_text(cx, e);
        break;
    case PART_FAILED:
        p->failed = e->type == TP_JSON_TRUE;
        break;
    case PART_OTHER:
        part_other(cx, e);
        break;
    default:
        result_part(cx, action, e);
    }
}

struct tp_block *anthropic_part_streamed(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    struct part *p = &s->part;
    part_kind(cx, p);
    struct tp_block *block = p->block;
    if (block || p->type != UNKNOWN) {
        cx->host->block_discard(p->other);
    } else {
        cx->host->block_name(p->other, p->type_name, p->type_len);
        block = p->other;
    }
    if (p->type == TOOL_RESULT || p->result_id_len)
        result_end(cx, p);
    memset(p, 0, sizeof(*p));
    return block;
}
