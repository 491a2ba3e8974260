/* SPDX-License-Identifier: MIT
 * OpenAI responses: https://platform.openai.com/docs/api-reference/responses and
 * /responses-streaming. The blocks of an answer come from its whole items
 * (response.output_item.done, else the final response), so that they are read as the next request's
 * input will be; the deltas only tell the time.
 */
#include "servertools.h"
#include "usage.h"

enum action {
    MODEL,
    STREAM,
    GENERATE,
    TIER,
    PREVIOUS_ID,
    INSTRUCTIONS,
    TOOL,
    TOOL_NAME,
    INPUT_STRING,
    /* an item of input or output */
    ITEM,
    ITEM_LISTED, /* in a response, which repeats those that came one by one */
    ITEM_TYPE,
    ITEM_STATUS,
    ITEM_ROLE,
    ITEM_CALL_ID,
    ITEM_NAME,
    ITEM_ARGS,
    ITEM_ACTION,
    ITEM_ACTION_TYPE,
    ITEM_TEXT,
    ITEM_PART,
    ITEM_PART_TYPE,
    ITEM_PART_TEXT,
    ITEM_PART_MEDIA,
    ITEM_SUMMARY,
    ITEM_SECRET,
    ITEM_OTHER,
    /* answer */
    TYPE,
    OBJECT,
    RESPONSE_ID,
    STATUS,
    INCOMPLETE,
    ERROR_OBJECT,
    DELTA,
};

#define IGNORED (-1)

#define ITEM_RULES(at, action)                                                                     \
    {at, action}, {at ".type", ITEM_TYPE, true}, {at ".role", ITEM_ROLE, true},                    \
        {at ".id", IGNORED}, {at ".status", ITEM_STATUS, true},                                    \
        {at ".call_id", ITEM_CALL_ID, true}, {at ".name", ITEM_NAME, true},                        \
        {at ".arguments", ITEM_ARGS}, {at ".input", ITEM_ARGS}, {at ".action", ITEM_ACTION},       \
        {at ".action.type", ITEM_ACTION_TYPE, true}, {at ".content", ITEM_TEXT},                   \
        {at ".output", ITEM_TEXT}, {at ".content[]", ITEM_PART},                                   \
        {at ".content[].type", ITEM_PART_TYPE, true}, {at ".content[].text", ITEM_PART_TEXT},      \
        {at ".content[].refusal", ITEM_PART_TEXT}, {at ".content[].image_url", ITEM_PART_MEDIA},   \
        {at ".content[].file_id", ITEM_PART_MEDIA}, {at ".content[].file_data", ITEM_PART_MEDIA},  \
        {at ".content[].file_url", ITEM_PART_MEDIA}, {at ".output[]", ITEM_PART},                  \
        {at ".output[].type", ITEM_PART_TYPE, true}, {at ".output[].text", ITEM_PART_TEXT},        \
        {at ".output[].image_url", ITEM_PART_MEDIA}, {at ".summary[].text", ITEM_SUMMARY},         \
        {at ".encrypted_content", ITEM_SECRET},                                                    \
    {                                                                                              \
        at ".*", ITEM_OTHER                                                                        \
    }

/* A response, as the whole answer or inside an event. */
#define RESPONSE_RULES(at)                                                                         \
    {at "id", RESPONSE_ID, true}, {at "object", OBJECT, true}, {at "model", MODEL, true},          \
        {at "status", STATUS, true}, {at "service_tier", TIER, true}, {at "error", ERROR_OBJECT},  \
        {at "incomplete_details.reason", INCOMPLETE, true},                                        \
        ITEM_RULES(at "output[]", ITEM_LISTED),                                                    \
        {at "tool_usage.web_search.num_requests", SERVER_WEB_SEARCH},                              \
        SERVER_TOOL_RULES(at "usage"), USAGE_RULES(at "usage")

static const struct tp_json_rule request_rules[] = {
    {"model", MODEL, true},
    {"stream", STREAM},
    {"generate", GENERATE},
    {"service_tier", TIER, true},
    {"previous_response_id", PREVIOUS_ID, true},
    {"instructions", INSTRUCTIONS},
    {"tools[]", TOOL},
    {"tools[].name", TOOL_NAME, true},
    {"input", INPUT_STRING},
    ITEM_RULES("input[]", ITEM),
    {NULL},
};

static const struct tp_json_rule response_rules[] = {
    {"type", TYPE, true},        {"delta", DELTA}, ITEM_RULES("item", ITEM), RESPONSE_RULES(""),
    RESPONSE_RULES("response."), {NULL},
};

struct item {
    uint32_t group;
    char type[48], role[16], call_id[128], part_type[32];
    size_t type_len, role_len, call_id_len, part_type_len;
    struct tp_block *part, *call, *text, *secret, *other;
    bool wanted;
    bool whole, begun; /* begun and not known to be whole: it comes again */
    bool searches;     /* what a search tool did: it also opens pages */
};

struct state {
    bool in_answer, input_seen, response_seen, delta_seen, items_seen, failed;
    bool reason_seen; /* a better stop reason than the status */
    bool event_known; /* the event's type was told before its item */
    bool item_wanted; /* by it */
    bool list_wanted; /* none came by itself before this document */
    struct openai_usage usage;
    struct server_tools tools;
    struct tp_block *system, *tool, *input;
    struct item item;
};

static enum tp_section section(const struct state *s)
{
    return s->in_answer ? TP_SECTION_OUTPUT : TP_SECTION_MESSAGES;
}

static struct tp_block *open_once(struct tp_call_cx *cx, struct tp_block **at,
                                  enum tp_block_kind kind)
{
    if (!*at)
        *at = cx->host->block_open(cx->call, section(cx->state), kind);
    return *at;
}

static void text_block(struct tp_call_cx *cx, struct tp_block **at, enum tp_section where,
                       enum tp_block_kind kind, const struct tp_json_event *e)
{
    if (e->type != TP_JSON_STRING)
        return;
    if (!*at)
        *at = cx->host->block_open(cx->call, where, kind);
    cx->host->block_text(*at, e->data, e->len);
    if (!e->last)
        return;
    cx->host->block_close(*at);
    *at = NULL;
}

/* ---- items ---- */

static bool type_is(const struct item *item, const char *type)
{
    return item->type_len == strlen(type) && memcmp(item->type, type, item->type_len) == 0;
}

static bool type_ends(const struct item *item, const char *end)
{
    size_t n = strlen(end);
    return item->type_len >= n && memcmp(item->type + item->type_len - n, end, n) == 0;
}

/* A part's type may stand behind its content. */
static void part_end(struct tp_call_cx *cx, struct item *item)
{
    if (item->part_type_len == 11 && memcmp(item->part_type, "input_image", 11) == 0)
        cx->host->block_kind(item->part, TP_BLOCK_IMAGE);
    else if (item->part_type_len == 10 && memcmp(item->part_type, "input_file", 10) == 0)
        cx->host->block_kind(item->part, TP_BLOCK_DOCUMENT);
    cx->host->block_close(item->part);
    item->part = NULL;
    item->part_type_len = 0;
}

static void part(struct tp_call_cx *cx, struct item *item, int action,
                 const struct tp_json_event *e)
{
    if (action == ITEM_PART && ends(e))
        part_end(cx, item);
    else if (action == ITEM_PART_TYPE)
        item->part_type_len = copy_string(item->part_type, sizeof(item->part_type), e);
    else if (action == ITEM_PART_TEXT && e->type == TP_JSON_STRING)
        cx->host->block_text(open_once(cx, &item->part, TP_BLOCK_TEXT), e->data, e->len);
    else if (action == ITEM_PART_MEDIA && e->type == TP_JSON_STRING)
        cx->host->block_text(open_once(cx, &item->part, TP_BLOCK_IMAGE), e->data, e->len);
}

/* Encrypted reasoning stands for its summary: an echo may leave the summary out, never the other.
 */
static void reasoning_end(struct tp_call_cx *cx, struct item *item)
{
    if (item->secret)
        cx->host->block_discard(item->text);
    else
        cx->host->block_close(item->text);
    cx->host->block_close(item->secret);
}

static void call_end(struct tp_call_cx *cx, struct item *item)
{
    struct tp_block *call = open_once(cx, &item->call, TP_BLOCK_TOOL_CALL);
    cx->host->block_call_id(call, item->call_id, item->call_id_len);
    if (!type_is(item, "function_call") && !type_is(item, "custom_tool_call"))
        cx->host->block_name(call, item->type, item->type_len);
    cx->host->block_close(call);
}

static void group_end(struct tp_call_cx *cx, const struct item *item)
{
    struct tp_group_end end = {.kind = TP_BLOCK_USER};
    struct state *s = cx->state;
    if (type_is(item, "mcp_call")) { /* its result stands in the same item */
        end.kind = TP_BLOCK_TOOL_RESULT;
    } else if (type_ends(item, "_output")) {
        end.kind = TP_BLOCK_TOOL_RESULT;
        end.join = true;
        end.call_id = item->call_id;
        end.call_id_len = item->call_id_len;
    } else if (type_is(item, "reasoning")) {
        end.kind = TP_BLOCK_REASONING;
    } else if (s->in_answer || (item->role_len && item->role[0] == 'a')) {
        end.kind = TP_BLOCK_ASSISTANT;
    } else if (item->role_len && (item->role[0] == 's' || item->role[0] == 'd')) {
        end.kind = TP_BLOCK_SYSTEM;
    }
    cx->host->group_end(cx->call, item->group, &end);
}

static void other_end(struct tp_call_cx *cx, struct item *item, bool known)
{
    if (known) {
        cx->host->block_discard(item->other);
        return;
    }
    cx->host->block_name(item->other, item->type, item->type_len);
    cx->host->block_close(item->other);
}

/* The call said again whole, later. */
static void item_drop(struct tp_call_cx *cx, struct item *item)
{
    struct tp_block *blocks[] = {item->part, item->call, item->text, item->secret, item->other};
    for (size_t i = 0; i < sizeof(blocks) / sizeof(*blocks); i++)
        cx->host->block_discard(blocks[i]);
    group_end(cx, item);
}

static void item_keep(struct tp_call_cx *cx, struct item *item)
{
    bool call = type_ends(item, "_call") && (item->call || item->call_id_len);
    bool known = call || item->role_len || item->text || item->secret || type_is(item, "message") ||
                 type_is(item, "reasoning") || type_ends(item, "_output");
    if (call)
        call_end(cx, item);
    else
        cx->host->block_discard(item->call);
    reasoning_end(cx, item);
    other_end(cx, item, known);
    group_end(cx, item);
}

static void item_end(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    struct item *item = &s->item;
    if (s->in_answer && item->begun && !item->whole) {
        item_drop(cx, item);
    } else {
        item_keep(cx, item);
        s->items_seen |= s->in_answer;
        if (s->in_answer && item->searches)
            server_tools_item(cx, &s->tools, item->type, item->type_len);
        if (s->in_answer && !s->delta_seen)
            cx->host->output_seen(cx->call);
    }
    memset(item, 0, sizeof(*item));
}

static void item(struct tp_call_cx *cx, bool listed, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (begins(e)) {
        memset(&s->item, 0, sizeof(s->item));
        s->item.wanted = !s->in_answer || (listed ? s->list_wanted : s->item_wanted);
        s->item.searches = true;
        s->item.whole = listed || s->event_known;
        s->item.group = cx->host->group_begin(cx->call);
    } else if (ends(e) && s->item.wanted) {
        item_end(cx);
    }
}

static void args(struct tp_call_cx *cx, struct item *item, const struct tp_json_event *e)
{
    struct tp_block *call = open_once(cx, &item->call, TP_BLOCK_TOOL_CALL);
    if (e->type == TP_JSON_STRING)
        cx->host->block_json_text(call, e->data, e->len);
    else if (value_begins(e))
        cx->host->block_json_capture(call, NULL);
}

static void item_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct item *i = &((struct state *)cx->state)->item;
    if (action != ITEM && action != ITEM_LISTED && !i->wanted)
        return;
    switch (action) {
    case ITEM:
    case ITEM_LISTED:
        item(cx, action == ITEM_LISTED, e);
        break;
    case ITEM_STATUS:
        i->begun = is_word(e, "in_progress");
        break;
    case ITEM_ACTION_TYPE:
        i->searches = e->type != TP_JSON_STRING || is_word(e, "search");
        break;
    case ITEM_TYPE:
        i->type_len = copy_string(i->type, sizeof(i->type), e);
        break;
    case ITEM_ROLE:
        i->role_len = copy_string(i->role, sizeof(i->role), e);
        break;
    case ITEM_CALL_ID:
        i->call_id_len = copy_string(i->call_id, sizeof(i->call_id), e);
        break;
    case ITEM_NAME:
        if (e->type == TP_JSON_STRING)
            cx->host->block_name(open_once(cx, &i->call, TP_BLOCK_TOOL_CALL), e->data, e->len);
        break;
    case ITEM_ARGS:
    case ITEM_ACTION:
        args(cx, i, e);
        break;
    case ITEM_TEXT:
        text_block(cx, &i->part, section(cx->state), TP_BLOCK_TEXT, e);
        break;
    case ITEM_SUMMARY:
        if (e->type == TP_JSON_STRING)
            cx->host->block_text(open_once(cx, &i->text, TP_BLOCK_REASONING), e->data, e->len);
        break;
    case ITEM_SECRET:
        if (e->type == TP_JSON_STRING)
            cx->host->block_text(open_once(cx, &i->secret, TP_BLOCK_REASONING), e->data, e->len);
        break;
    case ITEM_OTHER:
        if (value_begins(e))
            cx->host->block_json_member(open_once(cx, &i->other, TP_BLOCK_OTHER));
        break;
    default:
        part(cx, i, action, e);
    }
}

/* ---- request ---- */

static void tool(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (action == TOOL_NAME) {
        if (e->type == TP_JSON_STRING)
            cx->host->block_name(s->tool, e->data, e->len);
    } else if (begins(e)) {
        s->tool = cx->host->block_open(cx->call, TP_SECTION_TOOLS, TP_BLOCK_TOOL_SCHEMA);
        cx->host->block_json_capture(s->tool, NULL);
    } else if (ends(e)) {
        cx->host->block_close(s->tool);
        s->tool = NULL;
    }
}

static void request_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    switch (action) {
    case MODEL:
        set_string(cx, TP_CALL_MODEL, e);
        break;
    case STREAM:
        cx->host->set_streamed(cx->call, e->type == TP_JSON_TRUE);
        break;
    case GENERATE: /* false: fills the cache, answers nothing */
        if (e->type == TP_JSON_FALSE)
            cx->host->set_not_a_call(cx->call);
        break;
    case TIER:
        set_string(cx, TP_CALL_SERVICE_TIER, e);
        break;
    case PREVIOUS_ID:
        set_string(cx, TP_CALL_PREVIOUS_ID, e);
        break;
    case INSTRUCTIONS:
        text_block(cx, &s->system, TP_SECTION_SYSTEM, TP_BLOCK_SYSTEM, e);
        break;
    case TOOL:
    case TOOL_NAME:
        tool(cx, action, e);
        break;
    case INPUT_STRING:
        s->input_seen = true;
        text_block(cx, &s->input, TP_SECTION_MESSAGES, TP_BLOCK_USER, e);
        break;
    default:
        item_json(cx, action, e);
    }
}

static void request_end(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    memset(&s->item, 0, sizeof(s->item));
}

/* ---- answer ---- */

static bool text_is(const char *s, size_t n, const char *word)
{
    return n == strlen(word) && memcmp(s, word, n) == 0;
}

static void failed(struct tp_call_cx *cx)
{
    ((struct state *)cx->state)->failed = true;
    cx->host->set_failed(cx->call);
}

/* Items are read where they come whole; an added one is empty yet. */
static void event_told(struct tp_call_cx *cx, const char *type, size_t n)
{
    struct state *s = cx->state;
    s->event_known = true;
    s->item_wanted = !text_is(type, n, "response.output_item.added");
    if (n > 9 && memcmp(type, "response.", 9) == 0)
        s->response_seen = true;
    if (text_is(type, n, "response.completed") || text_is(type, n, "response.incomplete")) {
        cx->host->set_finished(cx->call);
    } else if (text_is(type, n, "response.failed") || text_is(type, n, "error")) {
        failed(cx);
        cx->host->set_finished(cx->call);
    }
}

static void document_begin(struct tp_call_cx *cx, const char *event)
{
    struct state *s = cx->state;
    if (!s->in_answer)
        memset(&s->item, 0, sizeof(s->item));
    s->in_answer = s->item_wanted = true;
    s->list_wanted = !s->items_seen;
    s->event_known = false;
    if (*event)
        event_told(cx, event, strlen(event));
}

static void object_told(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    s->response_seen |= is_word(e, "response") || is_word(e, "response.compaction");
}

/* "in_progress" and "queued" are said on the way. */
static void status_told(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    bool bad = is_word(e, "failed");
    if (!bad && !is_word(e, "completed") && !is_word(e, "incomplete") && !is_word(e, "cancelled"))
        return; /* on its way */
    if (!s->reason_seen)
        set_string(cx, TP_CALL_STOP_REASON, e);
    cx->host->set_finished(cx->call);
    if (bad)
        failed(cx);
}

static void delta(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (e->type != TP_JSON_STRING || !e->len)
        return;
    s->delta_seen = true;
    cx->host->output_seen(cx->call);
}

static void response_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    switch (action) {
    case TYPE:
        if (e->type == TP_JSON_STRING)
            event_told(cx, e->data, e->len);
        break;
    case OBJECT:
        object_told(cx, e);
        break;
    case RESPONSE_ID:
        set_string(cx, TP_CALL_RESPONSE_ID, e);
        break;
    case MODEL:
        set_string(cx, TP_CALL_MODEL, e);
        break;
    case TIER:
        set_string(cx, TP_CALL_SERVICE_TIER, e);
        break;
    case STATUS:
        status_told(cx, e);
        break;
    case INCOMPLETE:
        s->reason_seen |= e->type == TP_JSON_STRING;
        set_string(cx, TP_CALL_STOP_REASON, e);
        break;
    case ERROR_OBJECT:
        if (begins(e))
            failed(cx);
        break;
    case DELTA:
        delta(cx, e);
        break;
    default:
        if (action >= SERVER_TOOL_FIRST)
            server_tools_json(cx, &s->tools, action, e);
        else if (action >= USAGE_FIRST)
            openai_usage_json(cx, &s->usage, action, e);
        else if (action >= 0)
            item_json(cx, action, e);
    }
}

static void response_end(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    openai_usage_end(cx, &s->usage, s->failed);
}

static int match(const struct tp_http_view *request)
{
    const char *path = request->path;
    if (strstr(path, "/responses/input_tokens") || path_ends(path, "/cancel"))
        return TP_MATCH_NOT_A_CALL;
    if (strcmp(request->method, "POST") != 0)
        return strstr(path, "/responses/") ? TP_MATCH_NOT_A_CALL : 0;
    return path_ends(path, "/responses") || path_ends(path, "/responses/compact") ? 90 : 0;
}

/* An object called "response" or events called "response.*" are its own. */
static int shape(const struct tp_call_cx *cx)
{
    const struct state *s = cx->state;
    return s->response_seen ? (s->usage.seen ? 85 : 60) : s->input_seen ? 10 : 0;
}

static const char *const anchors[] = {"usage", NULL};

const struct tp_provider_api openai_responses = {
    .name = "openai.responses",
    .provider = "openai",
    .state_size = sizeof(struct state),
    .match = match,
    .request_rules = request_rules,
    .response_rules = response_rules,
    .anchors = anchors,
    .request_json = request_json,
    .request_end = request_end,
    .document_begin = document_begin,
    .response_json = response_json,
    .response_end = response_end,
    .shape = shape,
};
