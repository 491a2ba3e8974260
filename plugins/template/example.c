/* SPDX-License-Identifier: MIT
 * A provider plugin to start from: copy this folder, build it anywhere against an installed
 * tokprof, and put the result into a plugin directory. docs/plugin-abi.md tells what each part is
 * for.
 *
 * It reads an invented API, "example.generate":
 *
 *     POST /example/v1/generate
 *     {"model": "m", "stream": false, "instructions": "...", "prompt": "..."}
 *
 *     {"id": "a1", "model": "m-2", "text": "...", "finish": "stop",
 *      "usage": {"read": 120, "cached": 100, "written": 7}}
 *
 * or, streamed, the same object in pieces, one server-sent event each.
 */
#include <string.h>
#include <tokprof/plugin.h>

/* What the rules below call the places that they name. */
enum action {
    MODEL,
    STREAM,
    INSTRUCTIONS,
    PROMPT,
    ID,
    TEXT,
    FINISH,
    ERROR_OBJECT,
    READ,
    CACHED,
    WRITTEN,
};

static const struct tp_json_rule request_rules[] = {
    {"model", MODEL, true},
    {"stream", STREAM},
    {"instructions", INSTRUCTIONS},
    {"prompt", PROMPT},
    {NULL},
};

/* `true`: in one piece. Texts can be megabytes and come in fragments, so they go without. */
static const struct tp_json_rule response_rules[] = {
    {"model", MODEL, true},   {"id", ID, true},           {"text", TEXT},
    {"finish", FINISH, true}, {"error", ERROR_OBJECT},    {"usage.read", READ},
    {"usage.cached", CACHED}, {"usage.written", WRITTEN}, {NULL},
};

/* One per call, zeroed by the host before anything else. */
struct state {
    struct tp_block *open; /* the block whose text is arriving */
    struct tp_block *answer;
    bool prompt_seen, usage_seen;
};

static void set_string(struct tp_call_cx *cx, enum tp_call_string which,
                       const struct tp_json_event *e)
{
    if (e->type == TP_JSON_STRING)
        cx->host->set_string(cx->call, which, e->data, e->len);
}

/* A block of the request lives from its string's first fragment to its last. */
static void request_text(struct tp_call_cx *cx, enum tp_section section, enum tp_block_kind kind,
                         const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (e->type != TP_JSON_STRING)
        return;
    if (e->first)
        s->open = cx->host->block_open(cx->call, section, kind);
    cx->host->block_text(s->open, e->data, e->len);
    if (e->last) {
        cx->host->block_close(s->open);
        s->open = NULL;
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
    case INSTRUCTIONS:
        request_text(cx, TP_SECTION_SYSTEM, TP_BLOCK_SYSTEM, e);
        break;
    case PROMPT:
        s->prompt_seen = true;
        request_text(cx, TP_SECTION_MESSAGES, TP_BLOCK_USER, e);
        break;
    }
}

/* The answer's text may come in many documents: one block for all of them. */
static void answer_text(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (e->type != TP_JSON_STRING || e->len == 0)
        return;
    if (!s->answer)
        s->answer = cx->host->block_open(cx->call, TP_SECTION_OUTPUT, TP_BLOCK_ASSISTANT);
    cx->host->block_text(s->answer, e->data, e->len);
    cx->host->output_seen(cx->call);
}

/* This API counts cache reads inside `read`, as the host wants them. Where an API counts them
 * apart, keep both in the state and add them up in response_end. */
static void usage(struct tp_call_cx *cx, enum tp_usage_field field, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    int64_t tokens = cx->host->whole_number(e);
    s->usage_seen |= tokens >= 0;
    cx->host->set_usage(cx->call, field, tokens);
}

static void response_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    switch (action) {
    case MODEL:
        set_string(cx, TP_CALL_MODEL, e);
        break;
    case ID:
        set_string(cx, TP_CALL_RESPONSE_ID, e);
        break;
    case TEXT:
        answer_text(cx, e);
        break;
    case FINISH:
        set_string(cx, TP_CALL_STOP_REASON, e);
        if (e->type == TP_JSON_STRING)
            cx->host->set_finished(cx->call);
        break;
    case ERROR_OBJECT:
        if (e->type == TP_JSON_OBJECT_BEGIN)
            cx->host->set_failed(cx->call);
        break;
    case READ:
        usage(cx, TP_USAGE_INPUT, e);
        break;
    case CACHED:
        usage(cx, TP_USAGE_CACHE_READ, e);
        break;
    case WRITTEN:
        usage(cx, TP_USAGE_OUTPUT, e);
        break;
    }
}

static void response_end(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    cx->host->block_close(s->answer);
    s->answer = NULL;
}

/* By the head alone: 100 where the path is this API's and nobody else's. */
static int match(const struct tp_http_view *request)
{
    if (strcmp(request->path, "/example/v1/generate") != 0)
        return 0;
    return strcmp(request->method, "POST") == 0 ? 100 : TP_MATCH_NOT_A_CALL;
}

/* By the bodies, for servers behind another path: only what no other API would also show. */
static int shape(const struct tp_call_cx *cx)
{
    const struct state *s = cx->state;
    return s->prompt_seen && s->usage_seen ? 60 : 0;
}

/* Under these keys usage is found again where part of an answer was not seen. */
static const char *const anchors[] = {"usage", NULL};

static const struct tp_provider_api generate = {
    .name = "example.generate",
    .provider = "example",
    .state_size = sizeof(struct state),
    .match = match,
    .request_rules = request_rules,
    .response_rules = response_rules,
    .anchors = anchors,
    .request_json = request_json,
    .response_json = response_json,
    .response_end = response_end,
    .shape = shape,
};

static const struct tp_provider_api *const apis[] = {&generate, NULL};
static const struct tp_provider_ops ops = {.apis = apis};

static const struct tp_plugin plugin = {
    .magic = TP_PLUGIN_MAGIC,
    .abi = TP_PLUGIN_ABI,
    .size = sizeof(struct tp_plugin),
    .kind = TP_PLUGIN_PROVIDER,
    .name = "provider_example",
    .version = "1",
    .summary = "an invented API, to start from",
    .ops.provider = &ops,
};
TP_PLUGIN(plugin);
