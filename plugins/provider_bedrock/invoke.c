/* SPDX-License-Identifier: MIT
 * Amazon Bedrock InvokeModel and InvokeModelWithResponseStream for models whose bodies no other
 * plugin reads (Claude's are Anthropic Messages). Bodies differ by vendor:
 * https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html. What is common to all
 * are the service's own counts: "amazon-bedrock-invocationMetrics" in a stream's last event, and
 * headers of an answer that is not streamed.
 */
#include "bedrock.h"

enum action { OUTPUT, STOP_REASON, METRICS, INPUT, GENERATED, CACHE_READ, CACHE_WRITE };

static const struct tp_json_rule request_rules[] = {{"prompt", 0}, {NULL}};

#define METRICS_KEY "amazon-bedrock-invocationMetrics"

#define NOVA_RULES(at)                                                                             \
    {at ".inputTokens", INPUT}, {at ".outputTokens", GENERATED},                                   \
        {at ".cacheReadInputTokens", CACHE_READ}, {at ".cacheReadInputTokenCount", CACHE_READ},    \
        {at ".cacheWriteInputTokens", CACHE_WRITE},                                                \
    {                                                                                              \
        at ".cacheWriteInputTokenCount", CACHE_WRITE                                               \
    }

static const struct tp_json_rule response_rules[] = {
    {METRICS_KEY, METRICS},
    {METRICS_KEY ".inputTokenCount", INPUT},
    {METRICS_KEY ".outputTokenCount", GENERATED},
    {METRICS_KEY ".cacheReadInputTokenCount", CACHE_READ},
    {METRICS_KEY ".cacheWriteInputTokenCount", CACHE_WRITE},
    /* Meta */
    {"generation", OUTPUT},
    {"prompt_token_count", INPUT},
    {"generation_token_count", GENERATED},
    {"stop_reason", STOP_REASON, true},
    /* Amazon Titan; Nova speaks like Converse */
    {"inputTextTokenCount", INPUT},
    {"totalOutputTextTokenCount", GENERATED},
    {"results[].tokenCount", GENERATED},
    {"results[].outputText", OUTPUT},
    {"results[].completionReason", STOP_REASON, true},
    {"outputText", OUTPUT},
    {"completionReason", STOP_REASON, true},
    {"output.message.content[].text", OUTPUT},
    {"contentBlockDelta.delta.text", OUTPUT},
    {"messageStop.stopReason", STOP_REASON, true},
    {"stopReason", STOP_REASON, true},
    NOVA_RULES("usage"),
    NOVA_RULES("metadata.usage"),
    /* Mistral, and those that speak like chat completions */
    {"outputs[].text", OUTPUT},
    {"outputs[].stop_reason", STOP_REASON, true},
    {"choices[].message.content", OUTPUT},
    {"choices[].delta.content", OUTPUT},
    {"choices[].finish_reason", STOP_REASON, true},
    {"usage.prompt_tokens", INPUT},
    {"usage.completion_tokens", GENERATED},
    {NULL},
};

#define COUNTS (CACHE_WRITE - INPUT + 1)

struct state {
    bool in_metrics, metrics_seen;
    int64_t counts[COUNTS]; /* from INPUT on; -1: unknown */
};

void bedrock_set_model(struct tp_call_cx *cx, const struct tp_http_view *head)
{
    char model[256];
    size_t n = 0;
    const char *p = head ? strstr(head->path, "/model/") : NULL;
    if (!p)
        return;
    for (p += 7; *p && *p != '/' && n < sizeof(model); p++) {
        bool colon = strncasecmp(p, "%3a", 3) == 0, slash = strncasecmp(p, "%2f", 3) == 0;
        model[n++] = colon ? ':' : slash ? '/' : *p;
        p += colon || slash ? 2 : 0;
    }
    cx->host->set_string(cx->call, TP_CALL_MODEL, model, n);
}

static void request_begin(struct tp_call_cx *cx, const struct tp_http_view *head)
{
    struct state *s = cx->state;
    for (int i = 0; i < COUNTS; i++)
        s->counts[i] = -1;
    bedrock_set_model(cx, head);
    cx->host->set_streamed(cx->call, head && path_ends(head->path, "/invoke-with-response-stream"));
}

static void request_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    (void)cx; /* a prompt's form differs too much to be taken apart */
    (void)action;
    (void)e;
}

static void usage(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    int64_t n = cx->host->whole_number(e);
    if (n >= 0 && (s->in_metrics || !s->metrics_seen))
        s->counts[action - INPUT] = n;
}

/* Of an answer that is not streamed; some vendors' bodies count nothing. */
static void response_begin(struct tp_call_cx *cx, const struct tp_http_view *head)
{
    static const char *const names[COUNTS] = {"x-amzn-bedrock-input-token-count",
                                              "x-amzn-bedrock-output-token-count",
                                              "x-amzn-bedrock-cache-read-input-token-count",
                                              "x-amzn-bedrock-cache-write-input-token-count"};
    for (int i = 0; i < COUNTS; i++) {
        const char *value = head->header(head->host_data, names[i]);
        struct tp_json_event e = {.type = TP_JSON_NUMBER, .first = true, .last = true};
        e.data = value;
        e.len = value ? strlen(value) : 0;
        if (value)
            usage(cx, INPUT + i, &e);
    }
}

static void metrics(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    s->in_metrics = e->type == TP_JSON_OBJECT_BEGIN;
    if (e->type != TP_JSON_OBJECT_END)
        return;
    s->metrics_seen = true;
    cx->host->set_finished(cx->call);
}

static void response_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    if (action == OUTPUT) {
        if (e->type == TP_JSON_STRING && e->len)
            cx->host->output_seen(cx->call);
    } else if (action == STOP_REASON) {
        set_string(cx, TP_CALL_STOP_REASON, e);
    } else if (action == METRICS) {
        metrics(cx, e);
    } else {
        usage(cx, action, e);
    }
}

/* As in Converse, what the cache gave and took is not among the input. */
static void response_end(struct tp_call_cx *cx)
{
    const struct state *s = cx->state;
    int64_t input = s->counts[0], read = s->counts[CACHE_READ - INPUT];
    int64_t write = s->counts[CACHE_WRITE - INPUT];
    if (input >= 0)
        input += (read > 0 ? read : 0) + (write > 0 ? write : 0);
    cx->host->set_usage(cx->call, TP_USAGE_INPUT, input);
    cx->host->set_usage(cx->call, TP_USAGE_CACHE_READ, read);
    cx->host->set_usage(cx->call, TP_USAGE_CACHE_WRITE, write);
    cx->host->set_usage(cx->call, TP_USAGE_OUTPUT, s->counts[GENERATED - INPUT]);
}

/* The id of a profile, or of a model of one's own, hides the vendor: then the bodies tell, Claude's
 * among them. */
static int match(const struct tp_http_view *request)
{
    const char *model = strstr(request->path, "/model/");
    if (strcmp(request->method, "POST") != 0 || !model || !strchr(model, '.') ||
        strstr(model, "anthropic"))
        return 0;
    return path_ends(request->path, "/invoke") ||
                   path_ends(request->path, "/invoke-with-response-stream")
               ? 60
               : 0;
}

static int shape(const struct tp_call_cx *cx)
{
    const struct state *s = cx->state;
    return s->metrics_seen ? 55 : 1;
}

static const char *const anchors[] = {METRICS_KEY, NULL};

const struct tp_provider_api bedrock_invoke = {
    .name = "bedrock.invoke",
    .provider = "aws-bedrock",
    .state_size = sizeof(struct state),
    .match = match,
    .request_rules = request_rules,
    .response_rules = response_rules,
    .anchors = anchors,
    .request_begin = request_begin,
    .request_json = request_json,
    .response_json = response_json,
    .response_end = response_end,
    .shape = shape,
    .response_begin = response_begin,
};

static const struct tp_provider_api *const apis[] = {&bedrock_converse, &bedrock_invoke, NULL};
static const struct tp_provider_ops ops = {.apis = apis};

static const struct tp_plugin plugin = {
    .magic = TP_PLUGIN_MAGIC,
    .abi = TP_PLUGIN_ABI,
    .size = sizeof(struct tp_plugin),
    .kind = TP_PLUGIN_PROVIDER,
    .name = "provider_bedrock",
    .version = "1",
    .summary = "Amazon Bedrock: Converse, and InvokeModel of any model",
    .ops.provider = &ops,
};
TP_PLUGIN(plugin);
