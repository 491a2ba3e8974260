/* SPDX-License-Identifier: MIT
 * Parts of a content: text, thoughts, media, calls of functions and their results. A part has no
 * type; which member it has says what it is.
 */
#include "google.h"

void google_close_text(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    cx->host->block_close(s->text);
    s->text = NULL;
}

/* In a stream, the first part of an answer goes on where the last one ended, if it is of the same
 * sort. */
static void text(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (e->type != TP_JSON_STRING)
        return;
    s->part.text_seen |= e->len > 0;
    if (e->first) {
        bool goes_on =
            s->in_answer && s->parts_in_document == 0 && s->text_is_thought == s->part.thought;
        if (!goes_on)
            google_close_text(cx);
        s->part.text_begun = !s->text;
        s->text_is_thought = s->part.thought;
    }
    if (s->in_answer && e->len)
        cx->host->output_seen(cx->call);
    open_once(cx, &s->text, s->part.thought ? TP_BLOCK_REASONING : TP_BLOCK_TEXT);
    cx->host->block_text(s->text, e->data, e->len);
}

static void thought(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (e->type != TP_JSON_TRUE)
        return;
    s->part.thought = true;
    if (s->part.text_begun) { /* said after the text */
        cx->host->block_kind(s->text, TP_BLOCK_REASONING);
        s->text_is_thought = true;
    }
}

/* What is none of these is a file that is read: PDF, plain text. */
static enum tp_block_kind media_kind(const struct part *p)
{
    static const struct {
        const char *begin;
        enum tp_block_kind kind;
    } kinds[] = {
        {"image/", TP_BLOCK_IMAGE}, {"audio/", TP_BLOCK_AUDIO}, {"video/", TP_BLOCK_VIDEO}};
    for (size_t i = 0; i < 3; i++)
        if (p->type_len >= 6 && memcmp(p->type, kinds[i].begin, 6) == 0)
            return kinds[i].kind;
    return TP_BLOCK_DOCUMENT;
}

static void part_end(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    struct part *p = &s->part;
    if (!s->in_answer)
        google_close_text(cx);
    if (p->call || p->media || p->result || p->other)
        google_close_text(cx);
    cx->host->block_kind(p->media, media_kind(p));
    cx->host->block_close(p->media);
    cx->host->block_close(p->call);
    cx->host->block_close(p->result);
    if (p->call || p->media || p->result || p->text_seen)
        cx->host->block_discard(p->other); /* settings of what stands beside them */
    else
        cx->host->block_close(p->other);
    memset(p, 0, sizeof(*p));
    s->parts_in_document++;
}

/* A call comes whole, also in a stream. */
static void call(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    struct tp_block *block = open_once(cx, &s->part.call, TP_BLOCK_TOOL_CALL);
    if (s->in_answer)
        cx->host->output_seen(cx->call);
    if (action == CALL_ARGS && value_begins(e))
        cx->host->block_json_capture(block, NULL);
    else if (action == CALL_NAME && e->type == TP_JSON_STRING)
        cx->host->block_name(block, e->data, e->len);
    else if (action == CALL_ID && e->type == TP_JSON_STRING)
        cx->host->block_call_id(block, e->data, e->len);
}

/* Results carry no id in most versions; the name ties them to their call. */
static void result(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    struct tp_block *block = open_once(cx, &s->part.result, TP_BLOCK_TOOL_RESULT);
    if (action == RESULT_VALUE && value_begins(e))
        cx->host->block_json_capture(block, NULL);
    else if (action == RESULT_NAME && e->type == TP_JSON_STRING)
        cx->host->block_name(block, e->data, e->len);
    else if (action == RESULT_ID && e->type == TP_JSON_STRING)
        cx->host->block_call_id(block, e->data, e->len);
}

void google_part_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    switch (action) {
    case PART:
        if (ends(e))
            part_end(cx);
        break;
    case TEXT:
        text(cx, e);
        break;
    case THOUGHT:
        thought(cx, e);
        break;
    case MEDIA_TYPE:
        s->part.type_len = copy(s->part.type, sizeof(s->part.type), e);
        break;
    case MEDIA:
        if (e->type == TP_JSON_STRING)
            cx->host->block_text(open_once(cx, &s->part.media, TP_BLOCK_DOCUMENT), e->data, e->len);
        break;
    case CODE:
        s->code += s->in_answer && begins(e);
        /* fall through */
    case PART_OTHER:
        if (value_begins(e))
            cx->host->block_json_member(open_once(cx, &s->part.other, TP_BLOCK_OTHER));
        break;
    default:
        if (action <= CALL_ARGS)
            call(cx, action, e);
        else
            result(cx, action, e);
    }
}
