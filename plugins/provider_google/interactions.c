/* SPDX-License-Identifier: MIT
 * Google's Interactions API: https://ai.google.dev/api/interactions-api. An interaction is a list
 * of steps ("outputs" in its first form); a stream opens, fills and closes them by index, and its
 * last event has the whole interaction's usage. The agents that run in the background answer before
 * they have counted anything.
 */
#include "google.h"

#define ITEMS_MAX 32 /* steps open at once in a stream */

enum {
    STREAM = DETAIL_COUNT + 1,
    INPUT_TEXT,
    INPUT_MEDIA,
    INPUT_CALL,
    INPUT_CALL_NAME,
    INPUT_CALL_ID,
    INPUT_CALL_ARGS,
    INPUT_RESULT,
    PREVIOUS,
    INDEX,
    EVENT_TYPE,
    INTERACTION,
    STATUS,
    ITEM,
    ITEM_TYPE,
    ITEM_TEXT,
    ITEM_NAME,
    ITEM_ID,
    ITEM_ARGS,
    ITEM_QUERY,
};

#define INPUT_RULES(at)                                                                            \
    {at ".text", INPUT_TEXT}, {at ".content", INPUT_TEXT}, {at ".content[].text", INPUT_TEXT},     \
        {at ".data", INPUT_MEDIA}, {at ".uri", INPUT_MEDIA}, {at ".content[].data", INPUT_MEDIA},  \
        {at ".content[].uri", INPUT_MEDIA}, {at ".result", INPUT_RESULT}, {at "", INPUT_CALL},     \
        {at ".name", INPUT_CALL_NAME, true}, {at ".id", INPUT_CALL_ID, true},                      \
        {at ".call_id", INPUT_CALL_ID, true},                                                      \
    {                                                                                              \
        at ".arguments", INPUT_CALL_ARGS                                                           \
    }

static const struct tp_json_rule request_rules[] = {
    {"model", MODEL, true},
    {"agent", MODEL, true},
    {"stream", STREAM},
    {"previous_interaction_id", PREVIOUS, true},
    {"system_instruction", SYSTEM},
    {"tools[]", TOOL},
    {"tools[].name", TOOL_NAME, true},
    {"input", INPUT_TEXT},
    {"input.text", INPUT_TEXT},
    INPUT_RULES("input[]"),
    {NULL},
};

#define ITEM_RULES(at)                                                                             \
    {at, ITEM}, {at ".type", ITEM_TYPE, true}, {at ".text", ITEM_TEXT},                            \
        {at ".content[].text", ITEM_TEXT}, {at ".content.text", ITEM_TEXT},                        \
        {at ".summary[].text", ITEM_TEXT}, {at ".name", ITEM_NAME, true},                          \
        {at ".id", ITEM_ID, true}, {at ".arguments", ITEM_ARGS},                                   \
    {                                                                                              \
        at ".arguments.queries[]", ITEM_QUERY                                                      \
    }
#define DETAIL_RULES(at, which)                                                                    \
    {at "[]", DETAIL}, {at "[].modality", which, true},                                            \
    {                                                                                              \
        at "[].tokens", DETAIL_COUNT                                                               \
    }
#define USAGE_RULES(at)                                                                            \
    {at, USAGE}, {at ".total_input_tokens", USAGE_PROMPT},                                         \
        {at ".total_cached_tokens", USAGE_CACHED}, {at ".total_output_tokens", USAGE_CANDIDATES},  \
        {at ".total_thought_tokens", USAGE_THOUGHTS}, {at ".total_tool_use_tokens", USAGE_TOOLS},  \
        {at ".total_tokens", USAGE_TOTAL},                                                         \
        DETAIL_RULES(at ".input_tokens_by_modality", DETAIL_IN),                                   \
        DETAIL_RULES(at ".tool_use_tokens_by_modality", DETAIL_IN),                                \
        DETAIL_RULES(at ".output_tokens_by_modality", DETAIL_OUT)
#define INTERACTION_RULES(at)                                                                      \
    {at "id", RESPONSE_ID, true}, {at "model", MODEL, true}, {at "status", STATUS, true},          \
        {at "object", INTERACTION, true}, {at "service_tier", USAGE_TIER, true},                   \
        USAGE_RULES(at "usage")

static const struct tp_json_rule response_rules[] = {
    {"error", ERROR_OBJECT},
    {"event_type", EVENT_TYPE, true},
    {"index", INDEX},
    INTERACTION_RULES(""),
    INTERACTION_RULES("interaction."),
    ITEM_RULES("steps[]"),
    ITEM_RULES("outputs[]"),
    ITEM_RULES("step"),
    ITEM_RULES("content"),
    ITEM_RULES("delta"),
    {NULL},
};

struct item {
    struct tp_block *text, *call;
    bool thought, tool;
};

struct interaction {
    struct state base; /* its usage, and the blocks that requests open */
    struct item items[ITEMS_MAX];
    size_t index;
    bool whole, stop, object_seen; /* of this document: not a stream's; it ends a step */
    int64_t queries;
    struct tp_block *input, *result;
};

/* ---- request ---- */

static void request_begin(struct tp_call_cx *cx, const struct tp_http_view *head)
{
    (void)head;
    google_usage_begin(cx->state);
}

static void text_block(struct tp_call_cx *cx, struct tp_block **at, enum tp_section section,
                       enum tp_block_kind kind, const struct tp_json_event *e)
{
    if (e->type != TP_JSON_STRING)
        return;
    if (!*at)
        *at = cx->host->block_open(cx->call, section, kind);
    cx->host->block_text(*at, e->data, e->len);
    if (!e->last)
        return;
    cx->host->block_close(*at);
    *at = NULL;
}

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

/* Calls and results that a client sends back; a result is told by its member. */
static void input_call(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct part *p = &((struct state *)cx->state)->part;
    if (action == INPUT_CALL && ends(e)) {
        cx->host->block_close(p->call);
        memset(p, 0, sizeof(*p));
    } else if (action == INPUT_CALL_NAME && e->type == TP_JSON_STRING) {
        cx->host->block_name(open_once(cx, &p->call, TP_BLOCK_TOOL_CALL), e->data, e->len);
    } else if (action == INPUT_CALL_ID && e->type == TP_JSON_STRING) {
        cx->host->block_call_id(open_once(cx, &p->call, TP_BLOCK_TOOL_CALL), e->data, e->len);
    } else if (action == INPUT_CALL_ARGS && value_begins(e)) {
        cx->host->block_json_capture(open_once(cx, &p->call, TP_BLOCK_TOOL_CALL), NULL);
    } else if (action == INPUT_RESULT && value_begins(e)) {
        open_once(cx, &p->call, TP_BLOCK_TOOL_RESULT);
        cx->host->block_kind(p->call, TP_BLOCK_TOOL_RESULT);
        cx->host->block_json_capture(p->call, NULL);
    }
}

static void request_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct interaction *s = cx->state;
    switch (action) {
    case MODEL:
        set_string(cx, TP_CALL_MODEL, e);
        break;
    case STREAM:
        cx->host->set_streamed(cx->call, e->type == TP_JSON_TRUE);
        break;
    case PREVIOUS:
        set_string(cx, TP_CALL_PREVIOUS_ID, e);
        break;
    case SYSTEM:
        text_block(cx, &s->base.system, TP_SECTION_SYSTEM, TP_BLOCK_SYSTEM, e);
        break;
    case TOOL:
    case TOOL_NAME:
        tool(cx, action, e);
        break;
    case INPUT_TEXT:
        s->base.contents_seen = true;
        text_block(cx, &s->input, TP_SECTION_MESSAGES, TP_BLOCK_USER, e);
        break;
    case INPUT_MEDIA:
        text_block(cx, &s->input, TP_SECTION_MESSAGES, TP_BLOCK_IMAGE, e);
        break;
    default:
        input_call(cx, action, e);
    }
}

/* ---- answer ---- */

static void document_begin(struct tp_call_cx *cx, const char *event)
{
    struct interaction *s = cx->state;
    (void)event;
    s->index = 0;
    s->whole = true;
    s->stop = false;
    if (s->base.answer_begun)
        return;
    s->base.in_answer = s->base.answer_begun = true;
    s->base.answer = cx->host->group_begin(cx->call);
}

static void item_end(struct tp_call_cx *cx, struct item *item)
{
    if (item->thought)
        cx->host->block_kind(item->text, TP_BLOCK_REASONING);
    cx->host->block_close(item->text);
    cx->host->block_close(item->call);
    memset(item, 0, sizeof(*item));
}

/* What the provider's own tools are called with is no call for the client. */
static void item_type(struct item *item, const struct tp_json_event *e)
{
    item->thought |= is(e, "thought") || is(e, "thought_summary");
    item->tool |= is(e, "function_call");
}

static void item_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct interaction *s = cx->state;
    struct item *item = &s->items[s->index % ITEMS_MAX];
    if (action == ITEM && ends(e)) {
        if (s->whole)
            item_end(cx, item);
    } else if (action == ITEM_TYPE) {
        item_type(item, e);
    } else if (action == ITEM_TEXT && e->type == TP_JSON_STRING && e->len) {
        cx->host->output_seen(cx->call);
        cx->host->block_text(open_once(cx, &item->text, TP_BLOCK_TEXT), e->data, e->len);
    } else if (action == ITEM_NAME && e->type == TP_JSON_STRING) {
        cx->host->block_name(open_once(cx, &item->call, TP_BLOCK_TOOL_CALL), e->data, e->len);
    } else if (action == ITEM_ID && e->type == TP_JSON_STRING && item->call) {
        cx->host->block_call_id(item->call, e->data, e->len);
    } else if (action == ITEM_ARGS && e->type == TP_JSON_STRING && item->call) {
        cx->host->block_json_text(item->call, e->data, e->len);
    } else if (action == ITEM_ARGS && begins(e) && item->call) {
        cx->host->block_json_capture(item->call, NULL);
    } else if (action == ITEM_QUERY && e->type == TP_JSON_STRING) {
        s->queries += e->last;
    }
}

static void status(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    if (is(e, "in_progress"))
        return;
    set_string(cx, TP_CALL_STOP_REASON, e);
    if (is(e, "failed"))
        cx->host->set_failed(cx->call);
    cx->host->set_finished(cx->call);
}

static void event_type(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    static const char *const ends_item[] = {"step.stop", "content.stop"};
    struct interaction *s = cx->state;
    s->whole = false;
    s->object_seen |= e->len > 12 && memcmp(e->data, "interaction.", 12) == 0;
    if (is(e, "error"))
        cx->host->set_failed(cx->call);
    for (size_t i = 0; i < 2; i++)
        s->stop |= is(e, ends_item[i]);
}

static void response_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct interaction *s = cx->state;
    switch (action) {
    case MODEL:
        set_string(cx, TP_CALL_MODEL, e);
        break;
    case RESPONSE_ID:
        set_string(cx, TP_CALL_RESPONSE_ID, e);
        break;
    case ERROR_OBJECT:
        if (begins(e))
            cx->host->set_failed(cx->call);
        break;
    case USAGE_TIER:
        set_string(cx, TP_CALL_SERVICE_TIER, e);
        break;
    case INTERACTION:
        s->object_seen |= is(e, "interaction");
        break;
    case STATUS:
        status(cx, e);
        break;
    case EVENT_TYPE:
        event_type(cx, e);
        break;
    case INDEX:
        s->whole = false;
        s->index = cx->host->whole_number(e) > 0 ? (size_t)cx->host->whole_number(e) : 0;
        break;
    default:
        if (action >= ITEM)
            item_json(cx, action, e);
        else if (action >= USAGE && action <= DETAIL_COUNT)
            google_usage_json(cx, action, e);
    }
}

static void document_end(struct tp_call_cx *cx)
{
    struct interaction *s = cx->state;
    if (s->stop)
        item_end(cx, &s->items[s->index % ITEMS_MAX]);
}

static void response_end(struct tp_call_cx *cx)
{
    struct interaction *s = cx->state;
    struct tp_group_end end = {.kind = TP_BLOCK_ASSISTANT};
    for (size_t i = 0; i < ITEMS_MAX; i++)
        item_end(cx, &s->items[i]);
    if (s->base.answer_begun)
        cx->host->group_end(cx->call, s->base.answer, &end);
    google_usage_end(cx);
    if (s->queries)
        cx->host->set_server_tool(cx->call, "web_search", strlen("web_search"), s->queries);
}

/* ---- the API ---- */

static int match(const struct tp_http_view *request)
{
    const char *path = request->path, end[] = "/interactions";
    size_t n = strlen(path), m = strlen(end);
    return strcmp(request->method, "POST") == 0 && n >= m && strcmp(path + n - m, end) == 0 ? 80
                                                                                            : 0;
}

/* Others have resources of this name; what is counted here has names of its own. */
static int shape(const struct tp_call_cx *cx)
{
    const struct interaction *s = cx->state;
    bool counted = s->base.latest.prompt >= 0;
    return counted ? (s->object_seen ? 80 : 60) : s->object_seen ? 40 : 0;
}

static const char *const anchors[] = {"usage", NULL};

const struct tp_provider_api google_interactions = {
    .name = "google.interactions",
    .provider = "google",
    .state_size = sizeof(struct interaction),
    .match = match,
    .request_rules = request_rules,
    .response_rules = response_rules,
    .anchors = anchors,
    .request_begin = request_begin,
    .request_json = request_json,
    .document_begin = document_begin,
    .response_json = response_json,
    .document_end = document_end,
    .response_end = response_end,
    .shape = shape,
};
