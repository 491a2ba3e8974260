/* SPDX-License-Identifier: MIT
 * Messages of chat completions: texts, reasoning (as reasoning_content or reasoning, or as parts of
 * content: Mistral, Databricks), parts, tool calls.
 */
#include "chat.h"

static enum tp_section section(const struct chat *s)
{
    return s->in_answer ? TP_SECTION_OUTPUT : TP_SECTION_MESSAGES;
}

static struct chat_choice *choice(struct chat *s)
{
    return s->in_answer ? &s->choices[s->choice % CHOICES_MAX] : &s->request;
}

static struct tp_block *open_once(struct tp_call_cx *cx, struct tp_block **at,
                                  enum tp_block_kind kind)
{
    if (!*at)
        *at = cx->host->block_open(cx->call, section(cx->state), kind);
    return *at;
}

static void output_seen(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct chat *s = cx->state;
    if (s->in_answer && e->len)
        cx->host->output_seen(cx->call);
}

/* ---- texts and parts ---- */

static void close_texts(struct tp_call_cx *cx, struct chat_choice *c)
{
    cx->host->block_close(c->reasoning);
    cx->host->block_close(c->text);
    c->reasoning = c->text = NULL;
}

/* What the event before said stands in this one again. */
static void forget_answer(struct tp_call_cx *cx)
{
    struct chat *s = cx->state;
    struct chat_choice *c = choice(s);
    cx->host->block_discard(c->text);
    cx->host->block_discard(c->reasoning);
    c->text = c->reasoning = NULL;
    tool_calls_discard(cx, &s->calls);
}

/* Perplexity's events have the message so far beside what is new. */
static void piece_seen(struct tp_call_cx *cx)
{
    struct chat *s = cx->state;
    if (!s->in_delta || s->pieces_seen)
        return;
    s->pieces_seen = true;
    if (s->message_here)
        forget_answer(cx);
}

static void text(struct tp_call_cx *cx, const struct tp_json_event *e, bool reasoning)
{
    struct chat_choice *c = choice(cx->state);
    if (e->type != TP_JSON_STRING)
        return;
    if (e->len)
        piece_seen(cx);
    struct tp_block **at = reasoning ? &c->reasoning : &c->text;
    if (e->len || *at)
        cx->host->block_text(open_once(cx, at, reasoning ? TP_BLOCK_REASONING : TP_BLOCK_TEXT),
                             e->data, e->len);
    output_seen(cx, e);
}

static bool type_is(const struct chat *s, const char *type)
{
    return s->type_len == strlen(type) && memcmp(s->type, type, s->type_len) == 0;
}

static void part_end(struct tp_call_cx *cx)
{
    struct chat *s = cx->state;
    if (type_is(s, "image_url"))
        cx->host->block_kind(s->part, TP_BLOCK_IMAGE);
    else if (type_is(s, "input_audio"))
        cx->host->block_kind(s->part, TP_BLOCK_AUDIO);
    else if (type_is(s, "video_url"))
        cx->host->block_kind(s->part, TP_BLOCK_VIDEO);
    else if (type_is(s, "file"))
        cx->host->block_kind(s->part, TP_BLOCK_DOCUMENT);
    if (s->part)
        cx->host->block_discard(s->other);
    else
        cx->host->block_name(s->other, s->type, s->type_len);
    cx->host->block_close(s->part);
    if (!s->part)
        cx->host->block_close(s->other);
    s->part = s->other = NULL;
    s->type_len = 0;
}

static void part(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct chat *s = cx->state;
    if (action == PART && ends(e))
        part_end(cx);
    else if (action == PART_TYPE)
        s->type_len = copy_string(s->type, sizeof(s->type), e);
    else if (action == PART_TEXT && s->in_answer) /* goes on with what other pieces said */
        text(cx, e, false);
    else if (action == PART_TEXT && e->type == TP_JSON_STRING)
        cx->host->block_text(open_once(cx, &s->part, TP_BLOCK_TEXT), e->data, e->len);
    else if (action == PART_MEDIA && e->type == TP_JSON_STRING)
        cx->host->block_text(open_once(cx, &s->part, TP_BLOCK_IMAGE), e->data, e->len);
    else if (action == PART_OTHER && value_begins(e))
        cx->host->block_json_member(open_once(cx, &s->other, TP_BLOCK_OTHER));
}

/* ---- tool calls ---- */

/* Pieces of the older form, of which a message has one, have no index. */
#define FUNCTION_INDEX INT32_MAX

static void tool_call_entry(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct chat *s = cx->state;
    if (begins(e)) {
        piece_seen(cx);
        tool_calls_begin(&s->calls, s->choice, !s->in_answer || (!s->in_delta && !s->piecewise));
        if (action == FUNCTION)
            tool_calls_index(&s->calls, FUNCTION_INDEX);
    } else if (ends(e)) {
        tool_calls_end(cx, &s->calls, section(s));
    }
}

static void tool_call_name(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct chat *s = cx->state;
    tool_calls_name(cx, &s->calls, e->data, e->len);
    if (s->in_answer)
        server_tools_called(cx, &s->tools, e->data, e->len);
}

static void tool_call(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct chat *s = cx->state;
    bool text = e->type == TP_JSON_STRING;
    if (action == TOOL_CALL || action == FUNCTION)
        tool_call_entry(cx, action, e);
    else if (action == TOOL_CALL_INDEX)
        tool_calls_index(&s->calls, cx->host->whole_number(e));
    else if (action == TOOL_CALL_ARGS)
        tool_calls_args(cx, &s->calls, section(s), e);
    else if (action == TOOL_CALL_ID && text)
        tool_calls_id(cx, &s->calls, e->data, e->len);
    else if (action == TOOL_CALL_NAME && text)
        tool_call_name(cx, e);
    if (text)
        output_seen(cx, e);
}

/* ---- messages ---- */

static bool role_is(const struct chat *s, const char *role)
{
    return s->role_len == strlen(role) && memcmp(s->role, role, s->role_len) == 0;
}

static void request_message_end(struct tp_call_cx *cx)
{
    struct chat *s = cx->state;
    struct tp_group_end end = {.kind = TP_BLOCK_USER};
    close_texts(cx, &s->request);
    tool_calls_close(cx, &s->calls);
    if (role_is(s, "assistant")) {
        end.kind = TP_BLOCK_ASSISTANT;
    } else if (role_is(s, "system") || role_is(s, "developer")) {
        end.kind = TP_BLOCK_SYSTEM;
    } else if (role_is(s, "tool") || role_is(s, "function")) {
        end.kind = TP_BLOCK_TOOL_RESULT;
        end.join = true;
        end.call_id = s->call_id;
        end.call_id_len = s->call_id_len;
    }
    cx->host->group_end(cx->call, s->group, &end);
}

static void whole_text(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct chat *s = cx->state;
    s->choices_seen |= s->in_answer;
    s->messages_seen |= !s->in_answer;
    if (e->first && s->in_answer && s->repeats)
        forget_answer(cx);
    text(cx, e, false);
    if (!s->in_answer && e->last) {
        cx->host->block_kind(s->request.text, TP_BLOCK_USER);
        close_texts(cx, &s->request);
    }
}

static void message_begin(struct tp_call_cx *cx, bool delta)
{
    struct chat *s = cx->state;
    s->role_len = s->call_id_len = 0;
    s->reasoning_from = 0;
    s->in_delta = delta;
    s->in_pieces |= delta;
    s->messages_seen |= !s->in_answer;
    s->ignored = !delta && s->pieces_seen;
    s->message_here |= !delta;
    if (!s->in_answer)
        s->group = cx->host->group_begin(cx->call);
    else if (s->repeats)
        forget_answer(cx);
}

static void message(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct chat *s = cx->state;
    if (begins(e))
        message_begin(cx, action == DELTA);
    else if (ends(e) && !s->in_answer)
        request_message_end(cx);
    if (ends(e))
        s->ignored = s->in_delta = false;
}

/* Some say it twice or three times, in each other's spellings: the first place that speaks counts.
 */
static void reasoning(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct chat *s = cx->state;
    bool says = e->type == TP_JSON_STRING && e->len;
    if (says && !s->reasoning_from && action != REASONING_SECRET)
        s->reasoning_from = action;
    if (action == REASONING_SECRET || action == s->reasoning_from)
        text(cx, e, true);
}

void chat_message_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct chat *s = cx->state;
    if (s->ignored && action != MESSAGE && action != DELTA)
        return;
    switch (action) {
    case MESSAGE:
    case DELTA:
        message(cx, action, e);
        break;
    case ROLE:
        s->role_len = copy_string(s->role, sizeof(s->role), e);
        break;
    case WHOLE_TEXT:
        whole_text(cx, e);
        break;
    case CALL_ID:
        s->call_id_len = copy_string(s->call_id, sizeof(s->call_id), e);
        break;
    case TEXT:
    case REFUSAL:
        text(cx, e, false);
        break;
    case REASONING:
    case REASONING_TOO:
    case REASONING_DETAIL:
    case REASONING_SECRET:
        reasoning(cx, action, e);
        break;
    case PART:
    case PART_TYPE:
    case PART_TEXT:
    case PART_MEDIA:
    case PART_OTHER:
        part(cx, action, e);
        break;
    default:
        tool_call(cx, action, e);
    }
}

void chat_request_done(struct tp_call_cx *cx)
{
    struct chat *s = cx->state;
    close_texts(cx, &s->request);
    tool_calls_close(cx, &s->calls);
    cx->host->block_close(s->part);
    cx->host->block_discard(s->other);
    s->part = s->other = NULL;
}

void chat_answer_done(struct tp_call_cx *cx)
{
    struct chat *s = cx->state;
    for (unsigned i = 0; i < CHOICES_MAX; i++)
        close_texts(cx, &s->choices[i]);
    tool_calls_close(cx, &s->calls);
}
