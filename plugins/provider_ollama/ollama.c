/* SPDX-License-Identifier: MIT
 * Ollama's own API, /api/chat and /api/generate:
 * https://github.com/ollama/ollama/blob/main/docs/api.md. Answers are one JSON document a line
 * (streaming is what happens unless it is switched off); the counts stand in the line that says
 * "done": true, and a count of zero is left out there.
 */
#include "ollama.h"

enum action {
    MODEL,
    STREAM,
    SYSTEM,
    PROMPT,
    IMAGE,
    TOOL,
    TOOL_NAME,
    MESSAGE,
    ROLE,
    TEXT,
    THINKING,
    CALL,
    CALL_NAME,
    CALL_ARGS,
    CALL_ID,
    RESULT_NAME,
    RESULT_ID,
    /* answer */
    DONE,
    STOP_REASON,
    ERROR_TEXT,
    INPUT,
    OUTPUT,
};

#define MESSAGE_RULES(at)                                                                          \
    {at, MESSAGE}, {at ".role", ROLE, true}, {at ".content", TEXT}, {at ".thinking", THINKING},    \
        {at ".images[]", IMAGE}, {at ".tool_name", RESULT_NAME, true}, {at ".tool_calls[]", CALL}, \
        {at ".tool_call_id", RESULT_ID, true}, {at ".tool_calls[].id", CALL_ID, true},             \
        {at ".tool_calls[].function.name", CALL_NAME, true},                                       \
    {                                                                                              \
        at ".tool_calls[].function.arguments", CALL_ARGS                                           \
    }

static const struct tp_json_rule request_rules[] = {
    {"model", MODEL, true},
    {"stream", STREAM},
    {"system", SYSTEM},
    {"prompt", PROMPT},
    {"images[]", IMAGE},
    {"tools[]", TOOL},
    {"tools[].function.name", TOOL_NAME, true},
    MESSAGE_RULES("messages[]"),
    {NULL},
};

static const struct tp_json_rule response_rules[] = {
    {"model", MODEL, true},
    {"response", TEXT},
    {"thinking", THINKING},
    {"done", DONE},
    {"done_reason", STOP_REASON, true},
    {"error", ERROR_TEXT},
    {"prompt_eval_count", INPUT},
    {"eval_count", OUTPUT},
    MESSAGE_RULES("message"),
    {NULL},
};

struct state {
    bool in_answer, request_seen, done_seen, answer_seen;
    struct tp_block *system, *prompt, *image, *tool, *call;
    struct tp_block *text, *thinking; /* in an answer they run on from line to line */
    uint32_t message, answer;
    char role, result_name[128], result_id[128];
    size_t result_name_len, result_id_len;
};

static bool begins(const struct tp_json_event *e)
{
    return e->type == TP_JSON_OBJECT_BEGIN;
}

static bool ends(const struct tp_json_event *e)
{
    return e->type == TP_JSON_OBJECT_END;
}

static bool is(const struct tp_json_event *e, const char *word)
{
    return e->type == TP_JSON_STRING && e->len == strlen(word) &&
           memcmp(e->data, word, e->len) == 0;
}

static size_t copy(char *out, size_t size, const struct tp_json_event *e)
{
    if (e->type != TP_JSON_STRING)
        return 0;
    size_t n = e->len < size ? e->len : size;
    memcpy(out, e->data, n);
    return n;
}

static enum tp_section section(const struct state *s)
{
    return s->in_answer ? TP_SECTION_OUTPUT : TP_SECTION_MESSAGES;
}

/* ---- messages ---- */

static void close_texts(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    cx->host->block_close(s->thinking);
    cx->host->block_close(s->text);
    s->thinking = s->text = NULL;
}

/* Most lines of a stream carry an empty thinking or content beside the other. */
static void text(struct tp_call_cx *cx, struct tp_block **at, enum tp_block_kind kind,
                 const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (e->type != TP_JSON_STRING || (!e->len && !*at))
        return;
    if (!*at)
        *at = cx->host->block_open(cx->call, section(s), kind);
    cx->host->block_text(*at, e->data, e->len);
    if (s->in_answer && e->len)
        cx->host->output_seen(cx->call);
}

static void call(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (action == CALL && begins(e)) {
        s->call = cx->host->block_open(cx->call, section(s), TP_BLOCK_TOOL_CALL);
        if (s->in_answer)
            cx->host->output_seen(cx->call);
    } else if (action == CALL && ends(e)) {
        cx->host->block_close(s->call);
        s->call = NULL;
    } else if (action == CALL_NAME && e->type == TP_JSON_STRING) {
        cx->host->block_name(s->call, e->data, e->len);
    } else if (action == CALL_ID && e->type == TP_JSON_STRING) {
        cx->host->block_call_id(s->call, e->data, e->len);
    } else if (action == CALL_ARGS && value_begins(e)) {
        cx->host->block_json_capture(s->call, NULL);
    }
}

/* Results name their tool, newer ones their call; older clients send neither. */
static void message_end(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    struct tp_group_end end = {.kind = s->role == 'a'   ? TP_BLOCK_ASSISTANT
                                       : s->role == 's' ? TP_BLOCK_SYSTEM
                                                        : TP_BLOCK_USER};
    if (s->role == 't') {
        end.kind = TP_BLOCK_TOOL_RESULT;
        end.join = true;
        end.name = s->result_name;
        end.name_len = s->result_name_len;
        end.call_id = s->result_id;
        end.call_id_len = s->result_id_len;
    }
    close_texts(cx);
    cx->host->group_end(cx->call, s->message, &end);
}

static void message(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    s->answer_seen |= s->in_answer;
    if (s->in_answer)
        return;
    s->request_seen = true;
    if (begins(e)) {
        s->role = 0;
        s->result_name_len = s->result_id_len = 0;
        s->message = cx->host->group_begin(cx->call);
    } else if (ends(e)) {
        message_end(cx);
    }
}

static void message_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    switch (action) {
    case MESSAGE:
        message(cx, e);
        break;
    case ROLE:
        s->role = e->type == TP_JSON_STRING && e->len ? e->data[0] : 0;
        break;
    case TEXT:
        text(cx, &s->text, TP_BLOCK_TEXT, e);
        break;
    case THINKING:
        text(cx, &s->thinking, TP_BLOCK_REASONING, e);
        break;
    case IMAGE:
        text_block(cx, &s->image, section(s), TP_BLOCK_IMAGE, e);
        break;
    case RESULT_NAME:
        s->result_name_len = copy(s->result_name, sizeof(s->result_name), e);
        break;
    case RESULT_ID:
        s->result_id_len = copy(s->result_id, sizeof(s->result_id), e);
        break;
    default:
        call(cx, action, e);
    }
}

/* ---- request ---- */

/* Unlike elsewhere, streaming is what a request gets that says nothing of it. */
static void request_begin(struct tp_call_cx *cx, const struct tp_http_view *head)
{
    (void)head;
    cx->host->set_streamed(cx->call, true);
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

static void request_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    switch (action) {
    case MODEL:
        set_string(cx, TP_CALL_MODEL, e);
        break;
    case STREAM:
        cx->host->set_streamed(cx->call, e->type != TP_JSON_FALSE);
        break;
    case SYSTEM:
        text_block(cx, &s->system, TP_SECTION_SYSTEM, TP_BLOCK_SYSTEM, e);
        break;
    case PROMPT:
        s->request_seen = true;
        text_block(cx, &s->prompt, TP_SECTION_MESSAGES, TP_BLOCK_USER, e);
        break;
    case TOOL:
    case TOOL_NAME:
        tool(cx, action, e);
        break;
    default:
        message_json(cx, action, e);
    }
}

/* ---- answer ---- */

/* Each line is a document; the answer begins with the first. */
static void document_begin(struct tp_call_cx *cx, const char *event)
{
    struct state *s = cx->state;
    (void)event;
    if (s->in_answer)
        return;
    close_texts(cx);
    s->in_answer = true;
    s->answer = cx->host->group_begin(cx->call);
}

static void response_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    switch (action) {
    case MODEL:
        set_string(cx, TP_CALL_MODEL, e);
        break;
    case DONE:
        s->done_seen |= e->type == TP_JSON_TRUE || e->type == TP_JSON_FALSE;
        if (e->type == TP_JSON_TRUE)
            cx->host->set_finished(cx->call);
        break;
    case STOP_REASON:
        set_string(cx, TP_CALL_STOP_REASON, e);
        if (is(e, "load") || is(e, "unload"))
            cx->host->set_not_a_call(cx->call); /* nothing was asked of the model */
        break;
    case ERROR_TEXT:
        if (e->type == TP_JSON_STRING || begins(e))
            cx->host->set_failed(cx->call);
        break;
    case INPUT:
        cx->host->set_usage(cx->call, TP_USAGE_INPUT, cx->host->whole_number(e));
        break;
    case OUTPUT:
        cx->host->set_usage(cx->call, TP_USAGE_OUTPUT, cx->host->whole_number(e));
        break;
    default:
        message_json(cx, action, e);
    }
}

static void response_end(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    struct tp_group_end end = {.kind = TP_BLOCK_ASSISTANT};
    close_texts(cx);
    if (s->in_answer)
        cx->host->group_end(cx->call, s->answer, &end);
}

/* ---- the APIs ---- */

static bool is_post(const struct tp_http_view *request)
{
    return strcmp(request->method, "POST") == 0;
}

static int match_chat(const struct tp_http_view *request)
{
    return is_post(request) && path_ends(request->path, "/api/chat") ? 80 : 0;
}

/* Others have a path of this name, too: what it answers decides (shape). */
static int match_generate(const struct tp_http_view *request)
{
    return is_post(request) && path_ends(request->path, "/api/generate") ? 80 : 0;
}

static int shape_chat(const struct tp_call_cx *cx)
{
    const struct state *s = cx->state;
    return s->done_seen && s->answer_seen ? 80 : s->request_seen && s->done_seen ? 30 : 0;
}

/* The two APIs differ in where the text stands: "message" is a chat's. */
static int shape_generate(const struct tp_call_cx *cx)
{
    const struct state *s = cx->state;
    return s->done_seen && !s->answer_seen ? (s->request_seen ? 70 : 30) : 0;
}

#define API(variable, api_name, match_function, shape_function)                                    \
    static const struct tp_provider_api variable = {                                               \
        .name = api_name,                                                                          \
        .provider = "ollama",                                                                      \
        .state_size = sizeof(struct state),                                                        \
        .match = match_function,                                                                   \
        .request_rules = request_rules,                                                            \
        .response_rules = response_rules,                                                          \
        .request_begin = request_begin,                                                            \
        .request_json = request_json,                                                              \
        .document_begin = document_begin,                                                          \
        .response_json = response_json,                                                            \
        .response_end = response_end,                                                              \
        .shape = shape_function,                                                                   \
    }

API(chat, "ollama.chat", match_chat, shape_chat);
API(generate, "ollama.generate", match_generate, shape_generate);

static const struct tp_provider_api *const apis[] = {&chat, &generate, &llama_completion, NULL};
static const struct tp_provider_ops ops = {.apis = apis};

static const struct tp_plugin plugin = {
    .magic = TP_PLUGIN_MAGIC,
    .abi = TP_PLUGIN_ABI,
    .size = sizeof(struct tp_plugin),
    .kind = TP_PLUGIN_PROVIDER,
    .name = "provider_ollama",
    .version = "1",
    .summary = "the own APIs of Ollama and of llama.cpp's server",
    .ops.provider = &ops,
};
TP_PLUGIN(plugin);
