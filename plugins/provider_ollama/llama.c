/* SPDX-License-Identifier: MIT
 * llama.cpp's server, /completion and /infill:
 * https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md. The counts stand in the
 * document that says "stop": true. `tokens_evaluated` is the whole prompt, `timings.prompt_n` what
 * of it was computed and `timings.cache_n` what was there already; `tokens_cached` is what the slot
 * holds at the end, answer included, and tells nothing of the prompt.
 */
#include "ollama.h"

enum action {
    MODEL,
    STREAM,
    PROMPT,
    TEXT,
    STOP,
    STOP_REASON,
    ERROR_OBJECT,
    EVALUATED,
    PREDICTED,
    CACHED,
    COMPUTED,
};

static const struct tp_json_rule request_rules[] = {
    {"model", MODEL, true},
    {"stream", STREAM},
    {"prompt", PROMPT},
    {"prompt[]", PROMPT},
    {"input_prefix", PROMPT},
    {"input_suffix", PROMPT},
    {"input_extra[].text", PROMPT},
    {NULL},
};

static const struct tp_json_rule response_rules[] = {
    {"model", MODEL, true},
    {"content", TEXT},
    {"stop", STOP},
    {"stop_type", STOP_REASON, true},
    {"error", ERROR_OBJECT},
    {"tokens_evaluated", EVALUATED},
    {"tokens_predicted", PREDICTED},
    {"timings.cache_n", CACHED},
    {"timings.prompt_n", COMPUTED},
    {"timings.predicted_n", PREDICTED},
    {NULL},
};

/* -1: not told */
struct counts {
    int64_t evaluated, predicted, cached, computed;
};

static const struct counts nothing = {-1, -1, -1, -1};

struct state {
    bool prompt_seen, stop_seen, counted;
    struct tp_block *prompt, *text;
    uint32_t answer;
    bool in_answer, stopped;   /* this document says so */
    struct counts here, total; /* in this document; of those that ended */
};

static void request_begin(struct tp_call_cx *cx, const struct tp_http_view *head)
{
    struct state *s = cx->state;
    (void)head;
    s->here = s->total = nothing;
}

static void request_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (action == MODEL) {
        set_string(cx, TP_CALL_MODEL, e);
    } else if (action == STREAM) {
        cx->host->set_streamed(cx->call, e->type == TP_JSON_TRUE);
    } else {
        s->prompt_seen = true;
        text_block(cx, &s->prompt, TP_SECTION_MESSAGES, TP_BLOCK_USER, e);
    }
}

static void document_begin(struct tp_call_cx *cx, const char *event)
{
    struct state *s = cx->state;
    (void)event;
    s->stopped = false;
    if (s->in_answer)
        return;
    s->in_answer = true;
    s->answer = cx->host->group_begin(cx->call);
}

/* A stream's last document, which has the counts, has an empty text. */
static void text(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (e->type != TP_JSON_STRING || !e->len)
        return;
    if (!s->text)
        s->text = cx->host->block_open(cx->call, TP_SECTION_OUTPUT, TP_BLOCK_TEXT);
    cx->host->block_text(s->text, e->data, e->len);
    cx->host->output_seen(cx->call);
}

static void count(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    int64_t n = cx->host->whole_number(e);
    if (n < 0)
        return;
    s->counted = true;
    *(action == EVALUATED  ? &s->here.evaluated
      : action == CACHED   ? &s->here.cached
      : action == COMPUTED ? &s->here.computed
                           : &s->here.predicted) = n;
}

static void add(int64_t *to, int64_t n)
{
    if (n >= 0)
        *to = (*to > 0 ? *to : 0) + n;
}

/* Before there was cache_n, what was not computed was there already. */
static void settle(struct state *s)
{
    struct counts *c = &s->here;
    if (c->evaluated < 0 && c->cached >= 0 && c->computed >= 0)
        c->evaluated = c->cached + c->computed;
    if (c->cached < 0 && c->computed >= 0 && c->evaluated >= c->computed)
        c->cached = c->evaluated - c->computed;
    add(&s->total.evaluated, c->evaluated);
    add(&s->total.predicted, c->predicted);
    add(&s->total.cached, c->cached);
    *c = nothing;
}

/* Streams count up in every event, so the last counts stay; of several prompts in one request each
 * has its own last document. */
static void document_end(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    if (s->stopped)
        settle(s);
}

static void response_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    switch (action) {
    case MODEL:
        set_string(cx, TP_CALL_MODEL, e);
        break;
    case TEXT:
        text(cx, e);
        break;
    case STOP:
        s->stop_seen |= e->type == TP_JSON_TRUE || e->type == TP_JSON_FALSE;
        s->stopped = e->type == TP_JSON_TRUE;
        if (s->stopped)
            cx->host->set_finished(cx->call);
        break;
    case STOP_REASON:
        if (e->type == TP_JSON_STRING && !(e->len == 4 && memcmp(e->data, "none", 4) == 0))
            set_string(cx, TP_CALL_STOP_REASON, e);
        break;
    case ERROR_OBJECT:
        if (e->type == TP_JSON_OBJECT_BEGIN)
            cx->host->set_failed(cx->call);
        break;
    default:
        count(cx, action, e);
    }
}

static void response_end(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    struct tp_group_end end = {.kind = TP_BLOCK_ASSISTANT};
    cx->host->block_close(s->text);
    if (s->in_answer)
        cx->host->group_end(cx->call, s->answer, &end);
    settle(s);
    cx->host->set_usage(cx->call, TP_USAGE_INPUT, s->total.evaluated);
    cx->host->set_usage(cx->call, TP_USAGE_CACHE_READ, s->total.cached);
    cx->host->set_usage(cx->call, TP_USAGE_OUTPUT, s->total.predicted);
}

/* "/completions" alone may be this or OpenAI's: the bodies tell. */
static int match(const struct tp_http_view *request)
{
    if (strcmp(request->method, "POST") != 0)
        return 0;
    return path_ends(request->path, "/completion") || path_ends(request->path, "/infill") ? 80 : 0;
}

static int shape(const struct tp_call_cx *cx)
{
    const struct state *s = cx->state;
    return s->stop_seen ? (s->counted ? 75 : 40) : 0;
}

static const char *const anchors[] = {"timings", NULL};

const struct tp_provider_api llama_completion = {
    .name = "llama.completion",
    .provider = "llama.cpp",
    .state_size = sizeof(struct state),
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
