/* SPDX-License-Identifier: MIT
 * OpenAI chat completions (https://platform.openai.com/docs/api-reference/chat) and its kin;
 * reasoning as reasoning_content or reasoning, or (Mistral) as parts of content.
 */
#include "usage.h"

enum action {
    MODEL,
    STREAM,
    SESSION,
    PIECES, /* an answer's events say only what is new */
    WHOLE_TEXT,
    TIER,
    TOOL,
    TOOL_NAME,
    MESSAGE,
    DELTA, /* a piece of a streamed one */
    ROLE,
    TEXT,
    REASONING,
    PART,
    PART_TYPE,
    PART_TEXT,
    PART_MEDIA,
    PART_OTHER,
    REFUSAL,
    CALL_ID, /* of the call that a tool message answers */
    TOOL_CALL,
    TOOL_CALL_INDEX,
    TOOL_CALL_ID,
    TOOL_CALL_NAME,
    TOOL_CALL_ARGS,
    FUNCTION,
    RESPONSE_ID,
    OBJECT,
    CHOICE,
    CHOICE_INDEX,
    FINISH,
    ERROR_OBJECT,
};

/* One message, in requests, whole answers and pieces of streamed ones. */
#define MESSAGE_RULES(at, action)                                                                  \
    {at, action}, {at ".role", ROLE, true}, {at ".content", TEXT},                                 \
        {at ".reasoning_content", REASONING}, {at ".reasoning", REASONING},                        \
        {at ".refusal", REFUSAL}, {at ".content[]", PART},                                         \
        {at ".content[].type", PART_TYPE, true}, {at ".content[].text", PART_TEXT},                \
        {at ".content[].image_url.url", PART_MEDIA}, {at ".content[].image_url", PART_MEDIA},      \
        {at ".content[].input_audio.data", PART_MEDIA},                                            \
        {at ".content[].file.file_data", PART_MEDIA}, {at ".content[].file.file_id", PART_MEDIA},  \
        {at ".content[].video_url.url", PART_MEDIA}, {at ".content[].cache_control", -1},          \
        {at ".content[].thinking[].text", REASONING}, {at ".content[].*", PART_OTHER},             \
        {at ".tool_call_id", CALL_ID, true}, {at ".tool_calls[]", TOOL_CALL},                      \
        {at ".tool_calls[].index", TOOL_CALL_INDEX}, {at ".tool_calls[].id", TOOL_CALL_ID, true},  \
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
    {"prompt_cache_key", SESSION, true},
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
    {"error", ERROR_OBJECT},
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
    {NULL},
};

#define CALLS_MAX 128  /* tool calls open at once in a stream */
#define CHOICES_MAX 16 /* answers to one request whose text is told apart */

struct choice {
    struct tp_block *text, *reasoning;
};

struct state {
    bool in_answer, streaming; /* streaming: blocks stay open from one event to the next */
    bool messages_seen, choices_seen, object_seen;
    bool in_pieces, finish_seen; /* of the answer: deltas, a finish_reason */
    bool usage_here;             /* in this document */
    bool repeats;                /* each event of a stream says again all that was said */
    struct openai_usage usage;
    struct tp_block *tool;
    uint32_t group, answer;
    bool answer_begun;
    char role[16], call_id[128], type[32];
    size_t role_len, call_id_len, type_len;
    struct tp_block *part, *other;
    struct choice choices[CHOICES_MAX], request;
    unsigned choice;
    struct tp_block *calls[CALLS_MAX];
    unsigned call;      /* the one being filled */
    unsigned next_call; /* for those that come without index */
    bool call_chosen;   /* in this entry */
};

static enum tp_section section(const struct state *s)
{
    return s->in_answer ? TP_SECTION_OUTPUT : TP_SECTION_MESSAGES;
}

static struct choice *choice(struct state *s)
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
    struct state *s = cx->state;
    if (s->in_answer && e->len)
        cx->host->output_seen(cx->call);
}

/* ---- tool calls ---- */

static void choose_call(struct tp_call_cx *cx, unsigned i)
{
    struct state *s = cx->state;
    s->call = i % CALLS_MAX;
    s->call_chosen = true;
    s->next_call = i + 1;
    open_once(cx, &s->calls[s->call], TP_BLOCK_TOOL_CALL);
}

/* The entry said no index: an id or a name begins another call, anything else goes on with the
 * last. */
static struct tp_block *call_block(struct tp_call_cx *cx, bool begins_one)
{
    struct state *s = cx->state;
    if (!s->call_chosen && (begins_one || !s->calls[s->call]))
        choose_call(cx, s->next_call);
    return s->calls[s->call];
}

static void close_calls(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    for (unsigned i = 0; i < CALLS_MAX; i++) {
        cx->host->block_close(s->calls[i]);
        s->calls[i] = NULL;
    }
    s->call = s->next_call = 0;
    s->call_chosen = false;
}

static void call_args(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct tp_block *block = call_block(cx, false);
    if (e->type == TP_JSON_STRING)
        cx->host->block_json_text(block, e->data, e->len);
    else if (begins(e)) /* some servers send the object itself */
        cx->host->block_json_capture(block, NULL);
    output_seen(cx, e);
}

static void tool_call(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (action == TOOL_CALL || action == FUNCTION) {
        s->call_chosen = false;
    } else if (action == TOOL_CALL_INDEX) {
        int64_t i = cx->host->whole_number(e);
        if (i >= 0)
            choose_call(cx, (unsigned)(i % CALLS_MAX));
    } else if (action == TOOL_CALL_ARGS) {
        call_args(cx, e);
    } else if (e->type == TP_JSON_STRING && e->len) {
        /* A first name or id; in later pieces of a stream some repeat them. */
        struct tp_block *block = call_block(cx, action == TOOL_CALL_ID || !s->streaming);
        if (action == TOOL_CALL_ID)
            cx->host->block_call_id(block, e->data, e->len);
        else
            cx->host->block_name(block, e->data, e->len);
        output_seen(cx, e);
    }
}

/* ---- parts and messages ---- */

static void close_texts(struct tp_call_cx *cx, struct choice *c)
{
    cx->host->block_close(c->reasoning);
    cx->host->block_close(c->text);
    c->reasoning = c->text = NULL;
}

static void text(struct tp_call_cx *cx, const struct tp_json_event *e, bool reasoning)
{
    struct choice *c = choice(cx->state);
    if (e->type != TP_JSON_STRING)
        return;
    struct tp_block **at = reasoning ? &c->reasoning : &c->text;
    if (e->len || *at)
        cx->host->block_text(open_once(cx, at, reasoning ? TP_BLOCK_REASONING : TP_BLOCK_TEXT),
                             e->data, e->len);
    output_seen(cx, e);
}

static bool type_is(const struct state *s, const char *type)
{
    return s->type_len == strlen(type) && memcmp(s->type, type, s->type_len) == 0;
}

static void part_end(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
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
    struct state *s = cx->state;
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

static bool role_is(const struct state *s, const char *role)
{
    return s->role_len == strlen(role) && memcmp(s->role, role, s->role_len) == 0;
}

static void request_message_end(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    struct tp_group_end end = {.kind = TP_BLOCK_USER};
    close_texts(cx, &s->request);
    close_calls(cx);
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

/* What the event before said stands in this one again. */
static void forget_answer(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    struct choice *c = choice(s);
    cx->host->block_discard(c->text);
    cx->host->block_discard(c->reasoning);
    c->text = c->reasoning = NULL;
    for (unsigned i = 0; i < CALLS_MAX; i++) {
        cx->host->block_discard(s->calls[i]);
        s->calls[i] = NULL;
    }
    s->call = s->next_call = 0;
}

static void whole_text(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct state *s = cx->state;
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

static void message(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (begins(e) && s->in_answer && s->repeats)
        forget_answer(cx);
    if (begins(e)) {
        s->role_len = s->call_id_len = 0;
        s->messages_seen |= !s->in_answer;
        if (!s->in_answer)
            s->group = cx->host->group_begin(cx->call);
    } else if (ends(e) && !s->in_answer) {
        request_message_end(cx);
    }
}

static void message_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    switch (action) {
    case MESSAGE:
    case DELTA:
        message(cx, e);
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
        text(cx, e, true);
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

/* ---- request ---- */

static void request_begin(struct tp_call_cx *cx, const struct tp_http_view *head)
{
    struct state *s = cx->state;
    const char *deployment = head ? strstr(head->path, "/deployments/") : NULL;
    s->repeats = head && strstr(head->path, "/aigc/");
    if (deployment) /* Azure names it in the path */
        cx->host->set_string(cx->call, TP_CALL_MODEL, deployment + 13,
                             strcspn(deployment + 13, "/"));
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
        ((struct state *)cx->state)->repeats &= e->type != TP_JSON_TRUE;
        break;
    case SESSION:
        set_string(cx, TP_CALL_SESSION, e);
        break;
    case TIER:
        set_string(cx, TP_CALL_SERVICE_TIER, e);
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

static void document_begin(struct tp_call_cx *cx, const char *event)
{
    struct state *s = cx->state;
    (void)event;
    s->usage_here = false;
    if (s->answer_begun)
        return;
    close_texts(cx, &s->request);
    close_calls(cx);
    cx->host->block_close(s->part);
    cx->host->block_discard(s->other);
    s->part = s->other = NULL;
    s->answer_begun = s->in_answer = s->streaming = true;
    s->answer = cx->host->group_begin(cx->call);
}

static void usage(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    bool seen = s->usage.seen;
    s->usage.seen = false;
    openai_usage_json(cx, &s->usage, action, e);
    s->usage_here |= s->usage.seen;
    s->usage.seen |= seen;
}

static void finish(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (e->type != TP_JSON_STRING || is_word(e, "null"))
        return; /* not yet */
    s->finish_seen = true;
    cx->host->set_string(cx->call, TP_CALL_STOP_REASON, e->data, e->len);
}

/* A stream's usage comes with the finish_reason or after it; without it, only [DONE] or the
 * framing's end tells that no more was to come. */
static void document_end(struct tp_call_cx *cx)
{
    const struct state *s = cx->state;
    if (s->finish_seen && (s->usage_here || !s->in_pieces))
        cx->host->set_finished(cx->call);
}

static void response_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    switch (action) {
    case RESPONSE_ID:
        set_string(cx, TP_CALL_RESPONSE_ID, e);
        break;
    case OBJECT:
        s->object_seen |= is_word(e, "chat.completion") || is_word(e, "chat.completion.chunk");
        break;
    case MODEL:
        set_string(cx, TP_CALL_MODEL, e);
        break;
    case TIER:
        set_string(cx, TP_CALL_SERVICE_TIER, e);
        break;
    case ERROR_OBJECT:
        if (begins(e) || e->type == TP_JSON_STRING)
            cx->host->set_failed(cx->call);
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
        if (action >= USAGE_FIRST)
            usage(cx, action, e);
        else if (action >= 0)
            message_json(cx, action, e);
        s->choices_seen |= action == MESSAGE || action == DELTA;
        s->in_pieces |= action == DELTA;
    }
}

static void response_end(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    struct tp_group_end end = {.kind = TP_BLOCK_ASSISTANT};
    for (unsigned i = 0; i < CHOICES_MAX; i++)
        close_texts(cx, &s->choices[i]);
    close_calls(cx);
    if (s->answer_begun)
        cx->host->group_end(cx->call, s->answer, &end);
    openai_usage_end(cx, &s->usage);
}

static int match(const struct tp_http_view *request)
{
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
    const struct state *s = cx->state;
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
        .state_size = sizeof(struct state),                                                        \
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
