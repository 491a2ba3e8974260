/* SPDX-License-Identifier: MIT
 * OpenAI responses: https://platform.openai.com/docs/api-reference/responses and
 * /responses-streaming. The blocks of an answer come from its whole items
 * (response.output_item.done, else the final response), so that they are read as the next request's
 * input will be; the deltas only tell the time.
 */
#include "openai.h"

enum action {
    MODEL,
    STREAM,
    GENERATE,
    SESSION,
    TIER,
    PREVIOUS_ID,
    INSTRUCTIONS,
    TOOL,
    TOOL_NAME,
    INPUT_STRING,
    /* an item of input or output */
    ITEM,
    ITEM_TYPE,
    ITEM_ROLE,
    ITEM_CALL_ID,
    ITEM_NAME,
    ITEM_ARGS,
    ITEM_ACTION,
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
    USAGE_INPUT,
    USAGE_OUTPUT,
    USAGE_CACHED,
    USAGE_WRITTEN,
    USAGE_REASONING,
};

#define IGNORED (-1)

#define ITEM_RULES(at)                                                                             \
    {at, ITEM}, {at ".type", ITEM_TYPE, true}, {at ".role", ITEM_ROLE, true}, {at ".id", IGNORED}, \
        {at ".status", IGNORED}, {at ".call_id", ITEM_CALL_ID, true},                              \
        {at ".name", ITEM_NAME, true}, {at ".arguments", ITEM_ARGS}, {at ".input", ITEM_ARGS},     \
        {at ".action", ITEM_ACTION}, {at ".content", ITEM_TEXT}, {at ".output", ITEM_TEXT},        \
        {at ".content[]", ITEM_PART}, {at ".content[].type", ITEM_PART_TYPE, true},                \
        {at ".content[].text", ITEM_PART_TEXT}, {at ".content[].refusal", ITEM_PART_TEXT},         \
        {at ".content[].image_url", ITEM_PART_MEDIA}, {at ".content[].file_id", ITEM_PART_MEDIA},  \
        {at ".content[].file_data", ITEM_PART_MEDIA}, {at ".content[].file_url", ITEM_PART_MEDIA}, \
        {at ".output[]", ITEM_PART}, {at ".output[].type", ITEM_PART_TYPE, true},                  \
        {at ".output[].text", ITEM_PART_TEXT}, {at ".output[].image_url", ITEM_PART_MEDIA},        \
        {at ".summary[].text", ITEM_SUMMARY}, {at ".encrypted_content", ITEM_SECRET},              \
    {                                                                                              \
        at ".*", ITEM_OTHER                                                                        \
    }

#define USAGE_RULES(at)                                                                            \
    {at ".input_tokens", USAGE_INPUT}, {at ".output_tokens", USAGE_OUTPUT},                        \
        {at ".input_tokens_details.cached_tokens", USAGE_CACHED},                                  \
        {at ".input_tokens_details.cache_write_tokens", USAGE_WRITTEN},                            \
    {                                                                                              \
        at ".output_tokens_details.reasoning_tokens", USAGE_REASONING                              \
    }

/* A response, as the whole answer or inside an event. */
#define RESPONSE_RULES(at)                                                                         \
    {at "id", RESPONSE_ID, true}, {at "object", OBJECT, true}, {at "model", MODEL, true},          \
        {at "status", STATUS, true}, {at "service_tier", TIER, true}, {at "error", ERROR_OBJECT},  \
        {at "incomplete_details.reason", INCOMPLETE, true}, ITEM_RULES(at "output[]"),             \
        USAGE_RULES(at "usage")

static const struct tp_json_rule request_rules[] = {
    {"model", MODEL, true},
    {"stream", STREAM},
    {"generate", GENERATE},
    {"prompt_cache_key", SESSION, true},
    {"service_tier", TIER, true},
    {"previous_response_id", PREVIOUS_ID, true},
    {"instructions", INSTRUCTIONS},
    {"tools[]", TOOL},
    {"tools[].name", TOOL_NAME, true},
    {"input", INPUT_STRING},
    ITEM_RULES("input[]"),
    {NULL},
};

static const struct tp_json_rule response_rules[] = {
    {"type", TYPE, true},        {"delta", DELTA}, ITEM_RULES("item"), RESPONSE_RULES(""),
    RESPONSE_RULES("response."), {NULL},
};

struct item {
    uint32_t group;
    char type[48], role[16], call_id[128], part_type[32];
    size_t type_len, role_len, call_id_len, part_type_len;
    struct tp_block *part, *call, *text, *secret, *other;
    bool wanted;
};

struct state {
    bool in_answer, input_seen, response_seen, usage_seen, delta_seen, items_seen;
    bool reason_seen; /* a better stop reason than the status */
    bool item_wanted; /* by the event's type */
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
    if (type_ends(item, "_output")) {
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

static void item_end(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    struct item *item = &s->item;
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
    memset(item, 0, sizeof(*item));
}

static void item(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (begins(e)) {
        memset(&s->item, 0, sizeof(s->item));
        s->item.wanted = !s->in_answer || s->item_wanted;
        s->item.group = cx->host->group_begin(cx->call);
    } else if (ends(e) && s->item.wanted) {
        s->items_seen |= s->in_answer;
        if (s->in_answer && !s->delta_seen)
            cx->host->output_seen(cx->call);
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
    if (action != ITEM && !i->wanted)
        return;
    switch (action) {
    case ITEM:
        item(cx, e);
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
    case SESSION:
        set_string(cx, TP_CALL_SESSION, e);
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

/* Items are read where they come whole; an added one is empty yet, and the final response repeats
 * them all. */
static void event_told(struct tp_call_cx *cx, const char *type, size_t n)
{
    struct state *s = cx->state;
    s->item_wanted = !text_is(type, n, "response.output_item.added");
    if (n > 9 && memcmp(type, "response.", 9) == 0)
        s->response_seen = true;
    if (text_is(type, n, "response.completed") || text_is(type, n, "response.incomplete")) {
        s->item_wanted = !s->items_seen;
        cx->host->set_finished(cx->call);
    } else if (text_is(type, n, "response.failed") || text_is(type, n, "error")) {
        s->item_wanted = !s->items_seen;
        cx->host->set_failed(cx->call);
        cx->host->set_finished(cx->call);
    }
}

static void document_begin(struct tp_call_cx *cx, const char *event)
{
    struct state *s = cx->state;
    if (!s->in_answer)
        memset(&s->item, 0, sizeof(s->item));
    s->in_answer = true;
    s->item_wanted = !s->items_seen || !*event;
    if (*event)
        event_told(cx, event, strlen(event));
}

static void usage(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    static const enum tp_usage_field fields[] = {TP_USAGE_INPUT, TP_USAGE_OUTPUT,
                                                 TP_USAGE_CACHE_READ, TP_USAGE_CACHE_WRITE,
                                                 TP_USAGE_REASONING};
    struct state *s = cx->state;
    int64_t n = cx->host->whole_number(e);
    s->usage_seen |= n >= 0;
    cx->host->set_usage(cx->call, fields[action - USAGE_INPUT], n);
}

static void object_told(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    s->response_seen |= is_word(e, "response");
}

/* "in_progress" and "queued" are said on the way. */
static void status_told(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    bool failed = is_word(e, "failed");
    if (!failed && !is_word(e, "completed") && !is_word(e, "incomplete") &&
        !is_word(e, "cancelled"))
        return; /* on its way */
    if (!s->reason_seen)
        set_string(cx, TP_CALL_STOP_REASON, e);
    cx->host->set_finished(cx->call);
    if (failed)
        cx->host->set_failed(cx->call);
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
            cx->host->set_failed(cx->call);
        break;
    case DELTA:
        delta(cx, e);
        break;
    default:
        if (action >= USAGE_INPUT)
            usage(cx, action, e);
        else if (action >= 0)
            item_json(cx, action, e);
    }
}

static int match(const struct tp_http_view *request)
{
    const char *path = request->path;
    if (strstr(path, "/responses/input_tokens") || strstr(path, "/responses/compact") ||
        path_ends(path, "/cancel"))
        return TP_MATCH_NOT_A_CALL;
    if (strcmp(request->method, "POST") != 0)
        return strstr(path, "/responses/") ? TP_MATCH_NOT_A_CALL : 0;
    return path_ends(path, "/responses") ? 90 : 0;
}

/* An object called "response" or events called "response.*" are its own. */
static int shape(const struct tp_call_cx *cx)
{
    const struct state *s = cx->state;
    return s->response_seen ? (s->usage_seen ? 85 : 60) : s->input_seen ? 10 : 0;
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
    .shape = shape,
};
