/* SPDX-License-Identifier: MIT
 * Anthropic Messages: https://docs.anthropic.com/en/api/messages and /en/api/messages-streaming.
 * Also behind gateways with any prefix, and on Vertex AI
 * (publishers/anthropic/models/X:rawPredict).
 */
#include "anthropic.h"

/* Content blocks: text, thinking, redacted_thinking, tool_use, server_tool_use, tool_result and its
 * kin, image, document; a part of a kind not known here is "other", identified by its members. */
#define PART_RULES(at)                                                                             \
    {at, PART}, {at ".type", PART_TYPE, true}, {at ".text", PART_TEXT},                            \
        {at ".thinking", PART_THINKING}, {at ".data", PART_DATA}, {at ".id", PART_ID, true},       \
        {at ".name", PART_NAME, true}, {at ".input", PART_INPUT},                                  \
        {at ".tool_use_id", PART_RESULT_ID, true}, {at ".content", PART_RESULT_TEXT},              \
        {at ".content[]", PART_RESULT}, {at ".content[].type", PART_RESULT_TYPE, true},            \
        {at ".content[].text", PART_RESULT_PART_TEXT},                                             \
        {at ".content[].source.data", PART_RESULT_SOURCE},                                         \
        {at ".content[].source.url", PART_RESULT_SOURCE}, {at ".is_error", PART_FAILED},           \
        {at ".source.data", PART_SOURCE}, {at ".source.url", PART_SOURCE},                         \
        {at ".source.file_id", PART_SOURCE}, {at ".signature", PART_IGNORED},                      \
        {at ".cache_control", PART_IGNORED}, {at ".citations", PART_IGNORED},                      \
    {                                                                                              \
        at ".*", PART_OTHER                                                                        \
    }

#define ITERATION_RULES(at)                                                                        \
    {at, ITERATIONS}, {at "[]", ITERATION}, {at "[].type", ITERATION_TYPE, true},                  \
        {at "[].input_tokens", ITERATION_INPUT}, {at "[].output_tokens", ITERATION_OUTPUT},        \
        {at "[].cache_read_input_tokens", ITERATION_READ},                                         \
        {at "[].cache_creation_input_tokens", ITERATION_WRITE},                                    \
        {at "[].cache_creation.ephemeral_5m_input_tokens", ITERATION_WRITE_5M},                    \
    {                                                                                              \
        at "[].cache_creation.ephemeral_1h_input_tokens", ITERATION_WRITE_1H                       \
    }

#define USAGE_RULES(at)                                                                            \
    {at ".input_tokens", USAGE_INPUT}, {at ".cache_read_input_tokens", USAGE_READ},                \
        {at ".cache_creation_input_tokens", USAGE_WRITE},                                          \
        {at ".cache_creation.ephemeral_5m_input_tokens", USAGE_WRITE_5M},                          \
        {at ".cache_creation.ephemeral_1h_input_tokens", USAGE_WRITE_1H},                          \
        {at ".output_tokens", USAGE_OUTPUT},                                                       \
        {at ".output_tokens_details.thinking_tokens", USAGE_THINKING},                             \
        {at ".total_tokens", USAGE_TOTAL}, ITERATION_RULES(at ".iterations"),                      \
        {at ".server_tool_use.web_search_requests", USED_SEARCH},                                  \
        {at ".server_tool_use.web_fetch_requests", USED_FETCH},                                    \
        {at ".server_tool_use.code_execution_requests", USED_CODE},                                \
        {at ".server_tool_use.tool_search_requests", USED_TOOL_SEARCH},                            \
    {                                                                                              \
        at ".service_tier", TIER, true                                                             \
    }

static const struct tp_json_rule request_rules[] = {
    {"model", MODEL, true},
    {"stream", STREAM},
    {"system", SYSTEM},
    {"system[]", SYSTEM_PART},
    {"system[].text", SYSTEM_TEXT},
    {"tools[]", TOOL},
    {"tools[].name", TOOL_NAME, true},
    {"messages[]", MESSAGE},
    {"messages[].role", ROLE, true},
    {"messages[].content", STRING_CONTENT},
    PART_RULES("messages[].content[]"),
    {NULL},
};

static const struct tp_json_rule response_rules[] = {
    {"type", TYPE, true},
    {"id", RESPONSE_ID, true},
    {"model", MODEL, true},
    {"stop_reason", STOP_REASON, true},
    {"error", ERROR_OBJECT},
    {"message.id", RESPONSE_ID, true},
    {"message.model", MODEL, true},
    {"message.stop_reason", STOP_REASON, true},
    {"delta.stop_reason", STOP_REASON, true},
    {"delta.text", DELTA_TEXT},
    {"delta.partial_json", DELTA_JSON},
    {"delta.thinking", DELTA_THINKING},
    {"index", INDEX},
    PART_RULES("content[]"),
    PART_RULES("message.content[]"),
    PART_RULES("content_block"),
    {"content_block.to.model", MODEL, true}, /* another took over */
    {"content_block", STARTED},
    USAGE_RULES("usage"),
    USAGE_RULES("message.usage"),
    USAGE_RULES("delta.usage"),
    {NULL},
};

/* ---- request ---- */

static bool path_ends(const char *path, const char *end)
{
    size_t n = strlen(path), m = strlen(end);
    return n >= m && strcmp(path + n - m, end) == 0;
}

/* Vertex AI: .../models/MODEL:rawPredict; Bedrock: /model/MODEL/invoke, ':' and '/' of an id
 * percent-encoded. */
static void model_in_path(struct tp_call_cx *cx, const char *path)
{
    char model[256];
    size_t n = 0;
    const char *vertex = strstr(path, "/models/"), *bedrock = strstr(path, "/model/");
    if (vertex)
        cx->host->set_string(cx->call, TP_CALL_MODEL, vertex + 8, strcspn(vertex + 8, ":/"));
    if (vertex || !bedrock)
        return;
    for (const char *p = bedrock + 7; *p && *p != '/' && n < sizeof(model); p++) {
        bool colon = strncasecmp(p, "%3a", 3) == 0, slash = strncasecmp(p, "%2f", 3) == 0;
        model[n++] = colon ? ':' : slash ? '/' : *p;
        p += colon || slash ? 2 : 0;
    }
    cx->host->set_string(cx->call, TP_CALL_MODEL, model, n);
    cx->host->set_streamed(cx->call, path_ends(path, "-stream"));
}

static void request_begin(struct tp_call_cx *cx, const struct tp_http_view *head)
{
    struct state *s = cx->state;
    anthropic_usage_begin(s);
    if (head)
        model_in_path(cx, head->path);
}

/* The role may stand behind the content, so its kind is told at the end. */
static void message_end(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    struct tp_group_end end = {.kind = s->role == 'a'   ? TP_BLOCK_ASSISTANT
                                       : s->role == 's' ? TP_BLOCK_SYSTEM
                                                        : TP_BLOCK_USER};
    cx->host->group_end(cx->call, s->message, &end);
}

static void tool(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    static const char *const transport[] = {"cache_control", NULL};
    struct state *s = cx->state;
    if (action == TOOL_NAME) {
        if (e->type == TP_JSON_STRING)
            cx->host->block_name(s->tool, e->data, e->len);
    } else if (begins(e)) {
        s->tool = cx->host->block_open(cx->call, TP_SECTION_TOOLS, TP_BLOCK_TOOL_SCHEMA);
        cx->host->block_json_capture(s->tool, transport);
    } else if (ends(e)) {
        cx->host->block_close(s->tool);
        s->tool = NULL;
    }
}

static void text_block(struct tp_call_cx *cx, struct tp_block **at, enum tp_section section_,
                       enum tp_block_kind kind, const struct tp_json_event *e)
{
    if (e->type != TP_JSON_STRING)
        return;
    if (!*at)
        *at = cx->host->block_open(cx->call, section_, kind);
    cx->host->block_text(*at, e->data, e->len);
    if (!e->last)
        return;
    cx->host->block_close(*at);
    *at = NULL;
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
    case SYSTEM:
    case SYSTEM_TEXT:
        text_block(cx, &s->system, TP_SECTION_SYSTEM, TP_BLOCK_SYSTEM, e);
        break;
    case TOOL:
    case TOOL_NAME:
        tool(cx, action, e);
        break;
    case MESSAGE:
        s->messages_seen = true;
        if (begins(e)) {
            s->role = 0;
            s->message = cx->host->group_begin(cx->call);
        } else if (ends(e)) {
            message_end(cx);
        }
        break;
    case ROLE:
        s->role = e->type == TP_JSON_STRING && e->len ? e->data[0] : 0;
        break;
    case STRING_CONTENT:
        text_block(cx, &s->part.block, TP_SECTION_MESSAGES, TP_BLOCK_TEXT, e);
        break;
    case PART:
        if (begins(e))
            anthropic_part_begin(cx);
        else if (ends(e))
            anthropic_part_end(cx);
        break;
    default:
        anthropic_part_json(cx, action, e);
    }
}

static void request_end(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    memset(&s->part, 0, sizeof(s->part));
    s->in_answer = true;
}

/* ---- answer ---- */

static void document_begin(struct tp_call_cx *cx, const char *event)
{
    struct state *s = cx->state;
    (void)event; /* its `type` says the same, also where there is no name */
    s->event = EVENT_OTHER;
    s->index = -1;
    s->in_answer = true;
    if (s->answer_begun)
        return;
    s->answer_begun = true;
    s->answer = cx->host->group_begin(cx->call);
}

/* A delta without index, as some proxies send it, goes to the block that was started last. */
static struct tp_block **streamed(struct state *s)
{
    int64_t index = s->index >= 0 ? s->index : s->latest;
    return &s->streamed[index % STREAMED_MAX];
}

static void stream_start(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    if (s->index >= 0)
        s->latest = s->index;
    struct tp_block **at = streamed(s);
    cx->host->block_close(*at);
    *at = anthropic_part_streamed(cx);
}

static void document_end(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    if (s->event == EVENT_START) {
        stream_start(cx);
    } else if (s->event == EVENT_STOP) {
        cx->host->block_close(*streamed(s));
        *streamed(s) = NULL;
    }
    s->event = EVENT_OTHER;
    anthropic_usage_merge(s);
}

static void delta(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct tp_block **at = streamed(cx->state);
    if (e->type != TP_JSON_STRING)
        return;
    if (e->len)
        cx->host->output_seen(cx->call);
    if (action == DELTA_JSON) {
        cx->host->block_json_text(anthropic_open_once(cx, at, TP_BLOCK_TOOL_CALL), e->data, e->len);
        return;
    }
    enum tp_block_kind kind = action == DELTA_TEXT ? TP_BLOCK_TEXT : TP_BLOCK_REASONING;
    cx->host->block_text(anthropic_open_once(cx, at, kind), e->data, e->len);
}

/* An event's `type`; content_block_start is told by its content_block, wherever `type` stands. */
static void type_told(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (is(e, "content_block_stop"))
        s->event = EVENT_STOP;
    else if (is(e, "message_stop") || is(e, "message"))
        cx->host->set_finished(cx->call);
    else if (is(e, "error"))
        cx->host->set_failed(cx->call);
    if (is(e, "message") || is(e, "message_start") || is(e, "message_delta") ||
        is(e, "content_block_delta"))
        s->message_seen = true;
}

static void answer_part(struct tp_call_cx *cx, const struct tp_json_event *e, bool streaming)
{
    struct state *s = cx->state;
    if (begins(e)) {
        anthropic_part_begin(cx);
        s->event = streaming ? EVENT_START : s->event;
        cx->host->output_seen(cx->call);
    } else if (ends(e) && s->event != EVENT_START) {
        anthropic_part_end(cx);
    }
}

static void response_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    switch (action) {
    case TYPE:
        type_told(cx, e);
        break;
    case RESPONSE_ID:
        set_string(cx, TP_CALL_RESPONSE_ID, e);
        break;
    case MODEL:
        set_string(cx, TP_CALL_MODEL, e);
        break;
    case STOP_REASON:
        set_string(cx, TP_CALL_STOP_REASON, e);
        break;
    case TIER:
        set_string(cx, TP_CALL_SERVICE_TIER, e);
        break;
    case ERROR_OBJECT:
        if (begins(e) || e->type == TP_JSON_STRING)
            cx->host->set_failed(cx->call);
        break;
    case INDEX:
        s->index = cx->host->whole_number(e);
        break;
    case PART:
        answer_part(cx, e, false);
        break;
    case STARTED:
        answer_part(cx, e, true);
        break;
    case DELTA_TEXT:
    case DELTA_JSON:
    case DELTA_THINKING:
        delta(cx, action, e);
        break;
    default:
        if (action >= USAGE_INPUT)
            anthropic_usage_json(cx, action, e);
        else
            anthropic_part_json(cx, action, e);
    }
}

static void response_end(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    struct tp_group_end end = {.kind = TP_BLOCK_ASSISTANT};
    for (int i = 0; i < STREAMED_MAX; i++)
        cx->host->block_close(s->streamed[i]);
    if (s->answer_begun)
        cx->host->group_end(cx->call, s->answer, &end);
    anthropic_usage_end(cx);
}

/* ---- the API ---- */

static int match(const struct tp_http_view *request)
{
    const char *path = request->path;
    if (strstr(path, "/messages/count_tokens") || strstr(path, "/messages/batches"))
        return TP_MATCH_NOT_A_CALL;
    if (strcmp(request->method, "POST") != 0)
        return 0;
    if (path_ends(path, "/v1/messages"))
        return 95;
    if (strstr(path, "/publishers/anthropic/models/") &&
        (path_ends(path, ":rawPredict") || path_ends(path, ":streamRawPredict")))
        return strstr(path, "count-tokens") ? TP_MATCH_NOT_A_CALL : 95;
    if (strstr(path, "/model/") &&
        (path_ends(path, "/invoke") || path_ends(path, "/invoke-with-response-stream")))
        return strstr(path, "anthropic") ? 70 : 20; /* Amazon Bedrock; a profile's id may hide the
                                                       vendor: then the bodies tell */
    return path_ends(path, "/messages") ? 60 : 0;
}

/* "type": "message..." beside input_tokens and output_tokens: nobody else has both. */
static int shape(const struct tp_call_cx *cx)
{
    const struct state *s = cx->state;
    return s->message_seen && s->usage_seen ? 80 : s->message_seen ? 55 : s->messages_seen ? 10 : 0;
}

static const char *const anchors[] = {"usage", NULL};

static const struct tp_provider_api api = {
    .name = "anthropic.messages",
    .provider = "anthropic",
    .state_size = sizeof(struct state),
    .match = match,
    .request_rules = request_rules,
    .response_rules = response_rules,
    .anchors = anchors,
    .request_begin = request_begin,
    .request_json = request_json,
    .request_end = request_end,
    .document_begin = document_begin,
    .response_json = response_json,
    .document_end = document_end,
    .response_end = response_end,
    .shape = shape,
};

static const struct tp_provider_api *const apis[] = {&api, NULL};
static const struct tp_provider_ops ops = {.apis = apis};

static const struct tp_plugin plugin = {
    .magic = TP_PLUGIN_MAGIC,
    .abi = TP_PLUGIN_ABI,
    .size = sizeof(struct tp_plugin),
    .kind = TP_PLUGIN_PROVIDER,
    .name = "provider_anthropic",
    .version = "1",
    .summary = "Anthropic Messages, on any host",
    .ops.provider = &ops,
};
TP_PLUGIN(plugin);
