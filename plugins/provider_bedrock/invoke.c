/* SPDX-License-Identifier: MIT
 * Amazon Bedrock InvokeModel and InvokeModelWithResponseStream for models whose bodies no other
 * plugin reads (Claude's are Anthropic Messages). Bodies differ by vendor:
 * https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html. What is common to all
 * are the service's own counts: "amazon-bedrock-invocationMetrics" in a stream's last event, and
 * headers of an answer that is not streamed. Those are what is billed, so they go before a body's.
 */
#include "bedrock.h"

enum action {
    OUTPUT,
    STOP_REASON,
    ERROR_OBJECT,
    METRICS,
    INPUT,
    GENERATED,
    CACHE_READ,
    CACHE_WRITE
};

static const struct tp_json_rule request_rules[] = {{"prompt", 0}, {NULL}};

#define METRICS_KEY "amazon-bedrock-invocationMetrics"

#define NOVA_USAGE(at)                                                                             \
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
    NOVA_USAGE("usage"),
    NOVA_USAGE("metadata.usage"),
    /* AI21's older models; Cohere */
    {"completions[].data.text", OUTPUT},
    {"completions[].finishReason.reason", STOP_REASON, true},
    {"generations[].text", OUTPUT},
    {"generations[].finish_reason", STOP_REASON, true},
    {"text", OUTPUT},
    {"finish_reason", STOP_REASON, true},
    /* Claude's text completions */
    {"completion", OUTPUT},
    /* Mistral, and those that speak like chat completions */
    {"outputs[].text", OUTPUT},
    {"outputs[].stop_reason", STOP_REASON, true},
    {"choices[].message.content", OUTPUT},
    {"choices[].delta.content", OUTPUT},
    {"choices[].text", OUTPUT},
    {"choices[].finish_reason", STOP_REASON, true},
    {"choices[].stop_reason", STOP_REASON, true},
    {"usage.prompt_tokens", INPUT},
    {"usage.completion_tokens", GENERATED},
    {"error", ERROR_OBJECT},
    {NULL},
};

enum source { BODY, HEADERS, STREAM_METRICS, SOURCES };

struct counts {
    int64_t input, output, cache_read, cache_write; /* -1: not told */
};

struct state {
    bool in_metrics, metrics_seen;
    struct counts counts[SOURCES];
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

void bedrock_set_tier(struct tp_call_cx *cx, const struct tp_http_view *head)
{
    const char *tier = head ? head->header(head->host_data, "x-amzn-bedrock-service-tier") : NULL;
    if (tier)
        cx->host->set_string(cx->call, TP_CALL_SERVICE_TIER, tier, strlen(tier));
}

static void request_begin(struct tp_call_cx *cx, const struct tp_http_view *head)
{
    struct state *s = cx->state;
    for (int i = 0; i < SOURCES; i++)
        s->counts[i] = (struct counts){-1, -1, -1, -1};
    bedrock_set_model(cx, head);
    bedrock_set_tier(cx, head);
    cx->host->set_streamed(cx->call, head && path_ends(head->path, "/invoke-with-response-stream"));
}

static int64_t number(struct tp_call_cx *cx, const struct tp_http_view *head, const char *name)
{
    const char *value = head->header(head->host_data, name);
    if (!value)
        return -1;
    struct tp_json_event e = {
        .type = TP_JSON_NUMBER, .first = true, .last = true, .data = value, .len = strlen(value)};
    return cx->host->whole_number(&e);
}

static void response_begin(struct tp_call_cx *cx, const struct tp_http_view *head)
{
    struct state *s = cx->state;
    s->counts[HEADERS] = (struct counts){
        .input = number(cx, head, "x-amzn-bedrock-input-token-count"),
        .output = number(cx, head, "x-amzn-bedrock-output-token-count"),
        .cache_read = number(cx, head, "x-amzn-bedrock-cache-read-input-token-count"),
        .cache_write = number(cx, head, "x-amzn-bedrock-cache-write-input-token-count"),
    };
    bedrock_set_tier(cx, head);
}

static void request_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    (void)cx; /* a prompt's form differs too much to be taken apart */
    (void)action;
    (void)e;
}

static void count(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    struct counts *c = &s->counts[s->in_metrics ? STREAM_METRICS : BODY];
    int64_t n = cx->host->whole_number(e);
    if (n < 0)
        return;
    *(action == INPUT        ? &c->input
      : action == GENERATED  ? &c->output
      : action == CACHE_READ ? &c->cache_read
                             : &c->cache_write) = n;
}

static int64_t known(int64_t n)
{
    return n > 0 ? n : 0;
}

/* As in Converse, what the cache gave and took is not among the input. */
static void response_end(struct tp_call_cx *cx)
{
    const struct state *s = cx->state;
    struct counts sum = {-1, -1, -1, -1};
    for (int i = 0; i < SOURCES; i++) {
        const struct counts *c = &s->counts[i];
        sum.input = c->input >= 0 ? c->input : sum.input;
        sum.output = c->output >= 0 ? c->output : sum.output;
        sum.cache_read = c->cache_read >= 0 ? c->cache_read : sum.cache_read;
        sum.cache_write = c->cache_write >= 0 ? c->cache_write : sum.cache_write;
    }
    if (sum.input >= 0)
        cx->host->set_usage(cx->call, TP_USAGE_INPUT,
                            sum.input + known(sum.cache_read) + known(sum.cache_write));
    cx->host->set_usage(cx->call, TP_USAGE_OUTPUT, sum.output);
    cx->host->set_usage(cx->call, TP_USAGE_CACHE_READ, sum.cache_read);
    cx->host->set_usage(cx->call, TP_USAGE_CACHE_WRITE, sum.cache_write);
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
    } else if (action == ERROR_OBJECT) {
        if (e->type == TP_JSON_OBJECT_BEGIN || e->type == TP_JSON_STRING)
            cx->host->set_failed(cx->call);
    } else {
        count(cx, action, e);
    }
}

/* The id of a profile, or of a model of one's own, hides the vendor: then the bodies tell, Claude's
 * among them. */
static int match(const struct tp_http_view *request)
{
    if (strcmp(request->method, "POST") != 0 || !strstr(request->path, "/model/"))
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
    .response_begin = response_begin,
    .response_json = response_json,
    .response_end = response_end,
    .shape = shape,
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
