/* SPDX-License-Identifier: MIT
 * Model calls that no other plugin reads: known endpoints (reranking, audio, images ...), and any
 * exchange whose answer counts tokens. They are counted, with what usage they tell; their contexts
 * are not taken apart.
 */
#include "other.h"

#include <string.h>

enum action {
    MODEL,
    STREAM,
    RESPONSE_ID,
    FINISH,
    OUTPUT,
    ERROR_OBJECT,
    DONE,
    INPUT,
    CACHED,
    GENERATED
};

static const struct tp_json_rule request_rules[] = {
    {"model", MODEL, true},
    {"modelId", MODEL, true},
    {"stream", STREAM},
    {NULL},
};

/* The names under which services count tokens. */
static const struct tp_json_rule response_rules[] = {
    {"model", MODEL, true},
    {"id", RESPONSE_ID, true},
    {"choices[].text", OUTPUT},
    {"choices[].finish_reason", FINISH, true},
    {"done_reason", FINISH, true},
    {"stopReason", FINISH, true},
    {"response", OUTPUT},
    {"message.content", OUTPUT},
    {"content", OUTPUT},
    {"done", DONE},
    {"error", ERROR_OBJECT},
    {"usage.prompt_tokens", INPUT},
    {"usage.input_tokens", INPUT},
    {"usage.inputTokens", INPUT},
    {"usageMetadata.promptTokenCount", INPUT},
    {"meta.tokens.input_tokens", INPUT},
    {"prompt_eval_count", INPUT},
    {"tokens_evaluated", INPUT},
    {"usage.completion_tokens", GENERATED},
    {"usage.output_tokens", GENERATED},
    {"usage.outputTokens", GENERATED},
    {"usageMetadata.candidatesTokenCount", GENERATED},
    {"meta.tokens.output_tokens", GENERATED},
    {"eval_count", GENERATED},
    {"tokens_predicted", GENERATED},
    {"usage.prompt_tokens_details.cached_tokens", CACHED},
    {"usage.input_tokens_details.cached_tokens", CACHED},
    {NULL},
};

struct state {
    bool usage_seen;
};

static void set_string(struct tp_call_cx *cx, enum tp_call_string which,
                       const struct tp_json_event *e)
{
    if (e->type == TP_JSON_STRING)
        cx->host->set_string(cx->call, which, e->data, e->len);
}

static void request_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    if (action == MODEL)
        set_string(cx, TP_CALL_MODEL, e);
    else
        cx->host->set_streamed(cx->call, e->type == TP_JSON_TRUE);
}

/* Inclusive or not differs among these; the numbers are taken as they are. */
static void usage(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    int64_t n = cx->host->whole_number(e);
    s->usage_seen |= n >= 0;
    cx->host->set_usage(cx->call,
                        action == INPUT       ? TP_USAGE_INPUT
                        : action == GENERATED ? TP_USAGE_OUTPUT
                                              : TP_USAGE_CACHE_READ,
                        n);
}

static void response_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    switch (action) {
    case MODEL:
        set_string(cx, TP_CALL_MODEL, e);
        break;
    case RESPONSE_ID:
        set_string(cx, TP_CALL_RESPONSE_ID, e);
        break;
    case FINISH:
        set_string(cx, TP_CALL_STOP_REASON, e);
        if (e->type == TP_JSON_STRING)
            cx->host->set_finished(cx->call);
        break;
    case OUTPUT:
        if (e->type == TP_JSON_STRING && e->len)
            cx->host->output_seen(cx->call);
        break;
    case DONE:
        if (e->type == TP_JSON_TRUE)
            cx->host->set_finished(cx->call);
        break;
    case ERROR_OBJECT:
        if (e->type == TP_JSON_OBJECT_BEGIN)
            cx->host->set_failed(cx->call);
        break;
    default:
        usage(cx, action, e);
    }
}

static bool path_ends(const char *path, const char *end)
{
    size_t n = strlen(path), m = strlen(end);
    return n >= m && strcmp(path + n - m, end) == 0;
}

static bool any_end(const char *path, const char *const *ends)
{
    for (; *ends; ends++)
        if (path_ends(path, *ends))
            return true;
    return false;
}

static bool is_post(const struct tp_http_view *request)
{
    return strcmp(request->method, "POST") == 0;
}

/* Endpoints that tell of models or take files: never calls, whatever numbers they give. */
static int match_other(const struct tp_http_view *request)
{
    static const char *const calls[] = {"/rerank",
                                        "/audio/transcriptions",
                                        "/audio/translations",
                                        "/audio/speech",
                                        "/images/generations",
                                        "/images/edits",
                                        ":embedContent",
                                        ":batchEmbedContents",
                                        "/api/embed",
                                        NULL};
    static const char *const no_calls[] = {"/models",  "/files",      "/batches", "/tokenize",
                                           "/uploads", "/detokenize", NULL};
    if (any_end(request->path, no_calls))
        return TP_MATCH_NOT_A_CALL;
    return is_post(request) && any_end(request->path, calls) ? 50 : 0;
}

/* A known path is enough: what these bodies hold differs too much to ask for more. */
/* Counting tokens is what makes an unknown exchange a model call. */
static int shape_other(const struct tp_call_cx *cx)
{
    const struct state *s = cx->state;
    return s->usage_seen ? 50 : 1;
}

static const char *const anchors[] = {"usage", NULL};

static const struct tp_provider_api other = {
    .name = "other",
    .provider = "other",
    .state_size = sizeof(struct state),
    .match = match_other,
    .request_rules = request_rules,
    .response_rules = response_rules,
    .anchors = anchors,
    .request_json = request_json,
    .response_json = response_json,
    .shape = shape_other,
};

static const struct tp_provider_api *const apis[] = {&other, NULL};
static const struct tp_provider_ops ops = {.apis = apis, .hosts = provider_hosts};

static const struct tp_plugin plugin = {
    .magic = TP_PLUGIN_MAGIC,
    .abi = TP_PLUGIN_ABI,
    .size = sizeof(struct tp_plugin),
    .kind = TP_PLUGIN_PROVIDER,
    .name = "provider_other",
    .version = "1",
    .summary = "model calls of kinds not read in full: counted, with their usage",
    .ops.provider = &ops,
};
TP_PLUGIN(plugin);
