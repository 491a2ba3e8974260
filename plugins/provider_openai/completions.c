/* SPDX-License-Identifier: MIT
 * OpenAI's completions and embeddings (https://platform.openai.com/docs/api-reference/completions
 * and /embeddings), and what speaks like them. A prompt, or an input, is a string, an array of
 * strings, or token numbers; the latter are no text and make no block.
 */
#include "usage.h"

enum action {
    MODEL,
    STREAM,
    TIER,
    PROMPT,
    RESPONSE_ID,
    OBJECT,
    TEXT,
    FINISH,
    EMBEDDING,
    ERROR_OBJECT,
};

static const struct tp_json_rule request_rules[] = {
    {"model", MODEL, true}, {"stream", STREAM},   {"service_tier", TIER, true},
    {"prompt", PROMPT},     {"prompt[]", PROMPT}, {"suffix", PROMPT},
    {"input", PROMPT},      {"input[]", PROMPT},  {NULL},
};

static const struct tp_json_rule response_rules[] = {
    {"id", RESPONSE_ID, true},
    {"object", OBJECT, true},
    {"model", MODEL, true},
    {"service_tier", TIER, true},
    {"error", ERROR_OBJECT},
    {"choices[].text", TEXT},
    /* fill-in-the-middle endpoints answer as chats do (https://docs.mistral.ai/api) */
    {"choices[].message.content", TEXT},
    {"choices[].delta.content", TEXT},
    {"choices[].finish_reason", FINISH, true},
    {"data[].embedding", EMBEDDING},
    USAGE_RULES("usage"),
    USAGE_RULES("choices[].usage"),
    USAGE_RULES("x_groq.usage"),
    TIMINGS_RULES,
    {NULL},
};

struct state {
    bool prompt_seen, text_seen, object_seen, embedding_seen, finish_seen, usage_here;
    bool in_answer;
    struct tp_block *prompt, *text;
    uint32_t answer;
    struct openai_usage usage;
};

static void request_begin(struct tp_call_cx *cx, const struct tp_http_view *head)
{
    const char *deployment = head ? strstr(head->path, "/deployments/") : NULL;
    if (deployment) /* Azure names it in the path */
        cx->host->set_string(cx->call, TP_CALL_MODEL, deployment + 13,
                             strcspn(deployment + 13, "/"));
}

static void prompt(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    s->prompt_seen = true;
    if (e->type != TP_JSON_STRING)
        return;
    if (!s->prompt)
        s->prompt = cx->host->block_open(cx->call, TP_SECTION_MESSAGES, TP_BLOCK_USER);
    cx->host->block_text(s->prompt, e->data, e->len);
    if (!e->last)
        return;
    cx->host->block_close(s->prompt);
    s->prompt = NULL;
}

static void request_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    if (action == MODEL)
        set_string(cx, TP_CALL_MODEL, e);
    else if (action == STREAM)
        cx->host->set_streamed(cx->call, e->type == TP_JSON_TRUE);
    else if (action == TIER)
        set_string(cx, TP_CALL_SERVICE_TIER, e);
    else
        prompt(cx, e);
}

static void document_begin(struct tp_call_cx *cx, const char *event)
{
    struct state *s = cx->state;
    (void)event;
    s->usage_here = false;
    if (s->in_answer)
        return;
    s->in_answer = true;
    s->answer = cx->host->group_begin(cx->call);
}

/* Several answers (n, or several prompts) run together: their tokens are counted together, too. */
static void text(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    s->text_seen = true;
    if (e->type != TP_JSON_STRING || !e->len)
        return;
    if (!s->text)
        s->text = cx->host->block_open(cx->call, TP_SECTION_OUTPUT, TP_BLOCK_TEXT);
    cx->host->block_text(s->text, e->data, e->len);
    cx->host->output_seen(cx->call);
}

static void response_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    switch (action) {
    case MODEL:
        set_string(cx, TP_CALL_MODEL, e);
        break;
    case TIER:
        set_string(cx, TP_CALL_SERVICE_TIER, e);
        break;
    case RESPONSE_ID:
        set_string(cx, TP_CALL_RESPONSE_ID, e);
        break;
    case OBJECT:
        s->object_seen |= is_word(e, "text_completion");
        break;
    case TEXT:
        text(cx, e);
        break;
    case FINISH:
        s->finish_seen |= e->type == TP_JSON_STRING;
        set_string(cx, TP_CALL_STOP_REASON, e);
        break;
    case EMBEDDING: /* its numbers or its base64 are no tokens of text */
        s->embedding_seen = true;
        break;
    case ERROR_OBJECT:
        if (begins(e) || e->type == TP_JSON_STRING)
            cx->host->set_failed(cx->call);
        break;
    default:
        s->usage_here = true;
        openai_usage_json(cx, &s->usage, action, e);
    }
}

/* As in a chat: a stream's usage comes with the finish_reason or after it. */
static void document_end(struct tp_call_cx *cx)
{
    const struct state *s = cx->state;
    if ((s->finish_seen || s->embedding_seen) && s->usage_here)
        cx->host->set_finished(cx->call);
}

static void response_end(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    struct tp_group_end end = {.kind = TP_BLOCK_ASSISTANT};
    cx->host->block_close(s->text);
    if (s->in_answer)
        cx->host->group_end(cx->call, s->answer, &end);
    if (s->embedding_seen) /* no output: a total (Voyage) is the input */
        openai_usage_input_only(&s->usage);
    openai_usage_end(cx, &s->usage, false);
}

/* "/completions" at the root is llama-server's own, or this: the bodies tell. */
static int match_completions(const struct tp_http_view *request)
{
    if (strcmp(request->method, "POST") != 0 || strcmp(request->path, "/completions") == 0)
        return 0;
    return path_ends(request->path, "/completions") ? 80 : 0;
}

static int match_embeddings(const struct tp_http_view *request)
{
    if (strcmp(request->method, "POST") != 0 || !path_ends(request->path, "/embeddings"))
        return 0;
    return path_ends(request->path, "/api/embeddings") ? 60 : 80; /* Ollama's, too */
}

/* The object's name is OpenAI's own; others leave it out, then prompt and usage must agree. */
static int shape_completions(const struct tp_call_cx *cx)
{
    const struct state *s = cx->state;
    return s->text_seen && s->object_seen                    ? 85
           : s->text_seen && s->prompt_seen && s->usage.seen ? 60
           : s->text_seen                                    ? 30
           : s->prompt_seen                                  ? 1
                                                             : 0;
}

static int shape_embeddings(const struct tp_call_cx *cx)
{
    const struct state *s = cx->state;
    return s->embedding_seen ? (s->usage.seen ? 70 : 30) : s->usage.seen ? 1 : 0;
}

static const char *const anchors[] = {"usage", NULL};

#define API(variable, api_name, match_function, shape_function)                                    \
    const struct tp_provider_api variable = {                                                      \
        .name = api_name,                                                                          \
        .provider = "openai",                                                                      \
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
        .shape = shape_function,                                                                   \
    }

API(openai_completions, "openai.completions", match_completions, shape_completions);
API(openai_embeddings, "openai.embeddings", match_embeddings, shape_embeddings);
