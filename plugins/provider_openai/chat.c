/* SPDX-License-Identifier: MIT
 * OpenAI chat completions (https://platform.openai.com/docs/api-reference/chat) and its kin.
 */
#include "chat.h"

#include <strings.h>

/* One message, in requests, whole answers and pieces of streamed ones. */
#define MESSAGE_RULES(at, action)                                                                  \
    {at, action}, {at ".role", ROLE, true}, {at ".content", TEXT},                                 \
        {at ".reasoning_content", REASONING}, {at ".reasoning", REASONING_TOO},                    \
        {at ".refusal", REFUSAL}, {at ".content[]", PART},                                         \
        {at ".content[].type", PART_TYPE, true}, {at ".content[].text", PART_TEXT},                \
        {at ".content[].image_url.url", PART_MEDIA}, {at ".content[].image_url", PART_MEDIA},      \
        {at ".content[].input_audio.data", PART_MEDIA},                                            \
        {at ".content[].file.file_data", PART_MEDIA}, {at ".content[].file.file_id", PART_MEDIA},  \
        {at ".content[].video_url.url", PART_MEDIA}, {at ".content[].cache_control", -1},          \
        {at ".content[].thinking", REASONING}, {at ".content[].thinking[].text", REASONING},       \
        {at ".content[].summary[].text", REASONING}, {at ".content[].*", PART_OTHER},              \
        {at ".reasoning_details[].text", REASONING_DETAIL},                                        \
        {at ".reasoning_details[].summary", REASONING_DETAIL},                                     \
        {at ".reasoning_details[].data", REASONING_SECRET}, {at ".audio.transcript", TEXT},        \
        {at ".images[]", PART}, {at ".images[].type", PART_TYPE, true},                            \
        {at ".images[].image_url.url", PART_MEDIA}, {at ".tool_call_id", CALL_ID, true},           \
        {at ".tool_calls[]", TOOL_CALL}, {at ".tool_calls[].index", TOOL_CALL_INDEX},              \
        {at ".tool_calls[].id", TOOL_CALL_ID, true},                                               \
        {at ".tool_calls[].function.name", TOOL_CALL_NAME, true},                                  \
        {at ".tool_calls[].function.arguments", TOOL_CALL_ARGS},                                   \
        {at ".tool_calls[].custom.name", TOOL_CALL_NAME, true},                                    \
        {at ".tool_calls[].custom.input", TOOL_CALL_ARGS}, {at ".function_call", FUNCTION},        \
        {at ".function_call.name", TOOL_CALL_NAME, true},                                          \
    {                                                                                              \
        at ".function_call.arguments", TOOL_CALL_ARGS                                              \
    }

static const struct tp_json_rule request_rules[] = {
    {"model", MODEL, true},
    {"stream", STREAM},
    {"service_tier", TIER, true},
    {"tools[]", TOOL},
    {"tools[].function.name", TOOL_NAME, true},
    {"tools[].custom.name", TOOL_NAME, true},
    {"functions[]", TOOL},
    {"functions[].name", TOOL_NAME, true},
    MESSAGE_RULES("messages[]", MESSAGE),
    /* DashScope */
    {"input.prompt", WHOLE_TEXT},
    MESSAGE_RULES("input.messages[]", MESSAGE),
    {"parameters.tools[]", TOOL},
    {"parameters.tools[].function.name", TOOL_NAME, true},
    {"parameters.incremental_output", PIECES},
    {NULL},
};

static const struct tp_json_rule response_rules[] = {
    {"id", RESPONSE_ID, true},
    {"object", OBJECT, true},
    {"model", MODEL, true},
    {"service_tier", TIER, true},
    {"usage.service_tier", TIER, true},
    {"error", ERROR_OBJECT},
    {"choices[].error", ERROR_OBJECT},
    {"base_resp.status_code", ERROR_CODE},
    {"choices[]", CHOICE},
    {"choices[].index", CHOICE_INDEX},
    {"choices[].finish_reason", FINISH, true},
    MESSAGE_RULES("choices[].message", MESSAGE),
    MESSAGE_RULES("choices[].delta", DELTA),
    USAGE_RULES("usage"),
    /* DashScope */
    {"request_id", RESPONSE_ID, true},
    {"output.text", WHOLE_TEXT},
    {"output.finish_reason", FINISH, true},
    {"output.choices[]", CHOICE},
    {"output.choices[].index", CHOICE_INDEX},
    {"output.choices[].finish_reason", FINISH, true},
    MESSAGE_RULES("output.choices[].message", MESSAGE),
    {"usage.image_tokens", USAGE_MODALITY_IN + TP_IMAGE},
    {"usage.audio_tokens", USAGE_MODALITY_IN + TP_AUDIO},
    {"usage.video_tokens", USAGE_MODALITY_IN + TP_VIDEO},
    USAGE_RULES("choices[].usage"),
    USAGE_RULES("x_groq.usage"),
    TIMINGS_RULES,
    {"x_groq.error", ERROR_OBJECT},
    SERVER_TOOL_RULES("usage"),
    BOT_USAGE_RULES("bot_usage.model_usage"),
    SERVER_ACTION_RULES("bot_usage.action_usage"),
    SERVER_EXECUTED_RULES("choices[].message.executed_tools"),
    SERVER_EXECUTED_RULES("choices[].delta.executed_tools"),
    {NULL},
};

/* ---- request ---- */

static void request_begin(struct tp_call_cx *cx, const struct tp_http_view *head)
{
    struct chat *s = cx->state;
    const char *deployment = head ? strstr(head->path, "/deployments/") : NULL;
    s->dashscope = s->repeats = head && strstr(head->path, "/aigc/");
    const char *events = s->dashscope ? head->header(head->host_data, "x-dashscope-sse") : NULL;
    if (events && strcasecmp(events, "enable") == 0)
        cx->host->set_streamed(cx->call, true);
    if (deployment) /* Azure names it in the path */
        cx->host->set_string(cx->call, TP_CALL_MODEL, deployment + 13,
                             strcspn(deployment + 13, "/"));
}

static void tool(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    static const char *const transport[] = {"cache_control", NULL};
    struct chat *s = cx->state;
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

static void pieces_told(struct chat *s, const struct tp_json_event *e)
{
    s->piecewise = s->dashscope && e->type == TP_JSON_TRUE;
    s->repeats = s->dashscope && !s->piecewise;
}

static void request_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    switch (action) {
    case MODEL:
        set_string(cx, TP_CALL_MODEL, e);
        break;
    case STREAM:
        cx->host->set_streamed(cx->call, e->type == TP_JSON_TRUE);
        break;
    case PIECES:
        pieces_told(cx->state, e);
        break;
    case TIER:
        set_string(cx, TP_CALL_SERVICE_TIER, e);
        break;
    case TOOL:
    case TOOL_NAME:
        tool(cx, action, e);
        break;
    default:
        chat_message_json(cx, action, e);
    }
}

/* ---- answer ---- */

static void failed(struct tp_call_cx *cx)
{
    ((struct chat *)cx->state)->failed = true;
    cx->host->set_failed(cx->call);
}

static void document_begin(struct tp_call_cx *cx, const char *event)
{
    struct chat *s = cx->state;
    s->usage_here = s->message_here = false;
    if (strcmp(event, "error") == 0)
        failed(cx);
    if (s->answer_begun)
        return;
    chat_request_done(cx);
    s->answer_begun = s->in_answer = true;
    s->answer = cx->host->group_begin(cx->call);
}

static void usage(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct chat *s = cx->state;
    bool seen = s->usage.seen;
    s->usage.seen = false;
    openai_usage_json(cx, &s->usage, action, e);
    s->usage_here |= s->usage.seen;
    s->usage.seen |= seen;
}

static void finish(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct chat *s = cx->state;
    if (e->type != TP_JSON_STRING || is_word(e, "null"))
        return; /* not yet */
    s->finish_seen = true;
    if (is_word(e, "error")) /* OpenRouter, of its upstream */
        failed(cx);
    cx->host->set_string(cx->call, TP_CALL_STOP_REASON, e->data, e->len);
}

/* A stream's usage comes with the finish_reason or after it; without it, only [DONE] or the
 * framing's end tells that no more was to come. */
static void document_end(struct tp_call_cx *cx)
{
    const struct chat *s = cx->state;
    if (s->finish_seen && (s->usage_here || !s->in_pieces))
        cx->host->set_finished(cx->call);
}

static void response_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct chat *s = cx->state;
    switch (action) {
    case RESPONSE_ID:
        set_string(cx, TP_CALL_RESPONSE_ID, e);
        break;
    case OBJECT:
        s->object_seen |= is_word(e, "chat.completion") || is_word(e, "chat.completion.chunk");
        if (is_word(e, "error")) /* vLLM's */
            failed(cx);
        break;
    case MODEL:
        set_string(cx, TP_CALL_MODEL, e);
        break;
    case TIER:
        set_string(cx, TP_CALL_SERVICE_TIER, e);
        break;
    case ERROR_OBJECT:
        if (begins(e) || (e->type == TP_JSON_STRING && e->len))
            failed(cx);
        break;
    case ERROR_CODE: /* MiniMax's, with HTTP status 200; 0 is none */
        if (cx->host->whole_number(e) > 0)
            failed(cx);
        break;
    case CHOICE:
        s->choice = 0;
        break;
    case CHOICE_INDEX:
        if (cx->host->whole_number(e) >= 0)
            s->choice = (unsigned)(cx->host->whole_number(e) % CHOICES_MAX);
        break;
    case FINISH:
        finish(cx, e);
        break;
    default:
        if (action >= SERVER_TOOL_FIRST)
            server_tools_json(cx, &s->tools, action, e);
        else if (action >= USAGE_FIRST)
            usage(cx, action, e);
        else if (action >= 0)
            chat_message_json(cx, action, e);
        s->choices_seen |= action == MESSAGE || action == DELTA;
    }
}

static void response_end(struct tp_call_cx *cx)
{
    struct chat *s = cx->state;
    struct tp_group_end end = {.kind = TP_BLOCK_ASSISTANT};
    chat_answer_done(cx);
    if (s->answer_begun)
        cx->host->group_end(cx->call, s->answer, &end);
    openai_usage_end(cx, &s->usage, s->failed);
}

/* Behind the path may stand the id of an answer that was kept: asked for again, with its usage. */
static int match(const struct tp_http_view *request)
{
    const char *kept = strstr(request->path, "/chat/completions/");
    if (kept && kept[18])
        return TP_MATCH_NOT_A_CALL;
    if (strcmp(request->method, "POST") != 0)
        return 0;
    return path_ends(request->path, "/chat/completions") ? 95 : 0;
}

/* https://help.aliyun.com/zh/model-studio/qwen-api-via-dashscope */
static int match_dashscope(const struct tp_http_view *request)
{
    if (strcmp(request->method, "POST") != 0 || !strstr(request->path, "/services/aigc/"))
        return 0;
    return path_ends(request->path, "-generation/generation") ? 95 : 0;
}

static int shape(const struct tp_call_cx *cx)
{
    const struct chat *s = cx->state;
    if (s->choices_seen)
        return s->object_seen || s->usage.seen || s->messages_seen ? 75 : 55;
    if (s->usage.seen && (s->object_seen || s->messages_seen))
        return 60;
    return s->messages_seen || s->object_seen ? 10 : 0;
}

static const char *const anchors[] = {"usage", NULL};

#define API(variable, api_name, provider_name, match_function)                                     \
    const struct tp_provider_api variable = {                                                      \
        .name = api_name,                                                                          \
        .provider = provider_name,                                                                 \
        .state_size = sizeof(struct chat),                                                         \
        .match = match_function,                                                                   \
        .request_rules = request_rules,                                                            \
        .response_rules = response_rules,                                                          \
        .anchors = anchors,                                                                        \
        .request_begin = request_begin,                                                            \
        .request_json = request_json,                                                              \
        .document_begin = document_begin,                                                          \
        .response_json = response_json,                                                            \
        .document_end = document_end,                                                              \
        .response_end = response_end,                                                              \
        .shape = shape,                                                                            \
    }

API(openai_chat, "openai.chat", "openai", match);
API(dashscope_generation, "dashscope.generation", "alibaba", match_dashscope);
