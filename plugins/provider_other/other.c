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
    UNITS, /* rerankings and pages: what is billed where tokens are not */
    /* counts: the names under which services tell them */
    COUNTS,
    INPUT = COUNTS,
    GENERATED,
    TOTAL,
    CACHED,
    REASONING,
    BILLED_INPUT, /* where a service counts and bills differently, the count is meant */
    BILLED_IMAGES,
    BILLED_OUTPUT,
    RUNNING_INPUT, /* each event says it anew, or zero */
    RUNNING_OUTPUT,
    MODALITY_IN,
    MODALITY_OUT = MODALITY_IN + TP_MODALITIES,
};

static const struct tp_json_rule request_rules[] = {
    {"model", MODEL, true},
    {"modelId", MODEL, true},
    {"model_id", MODEL, true},
    {"stream", STREAM},
    {NULL},
};

#define MODALITY_RULES(at, side)                                                                   \
    {at ".text_tokens", (side) + TP_TEXT}, {at ".image_tokens", (side) + TP_IMAGE},                \
    {                                                                                              \
        at ".audio_tokens", (side) + TP_AUDIO                                                      \
    }

#define DETAIL_RULES(at) {at ".cached_tokens", CACHED}, MODALITY_RULES(at, MODALITY_IN)

#define USAGE_RULES(at)                                                                            \
    {at ".prompt_tokens", INPUT}, {at ".input_tokens", INPUT}, {at ".inputTokens", INPUT},         \
        {at ".completion_tokens", GENERATED}, {at ".output_tokens", GENERATED},                    \
        {at ".outputTokens", GENERATED}, {at ".total_tokens", TOTAL},                              \
        {at ".cached_tokens", CACHED}, DETAIL_RULES(at ".prompt_tokens_details"),                  \
        DETAIL_RULES(at ".prompt_token_details"), DETAIL_RULES(at ".input_tokens_details"),        \
        DETAIL_RULES(at ".input_token_details"),                                                   \
        MODALITY_RULES(at ".output_tokens_details", MODALITY_OUT),                                 \
        MODALITY_RULES(at ".output_token_details", MODALITY_OUT),                                  \
        {at ".completion_tokens_details.reasoning_tokens", REASONING}, COHERE_RULES(at)

/* https://docs.cohere.com/reference: usage in version 2, meta in version 1 */
#define COHERE_RULES(at)                                                                           \
    {at ".tokens.input_tokens", INPUT}, {at ".tokens.output_tokens", GENERATED},                   \
        {at ".tokens.reasoning_tokens", REASONING},                                                \
        {at ".billed_units.input_tokens", BILLED_INPUT},                                           \
        {at ".billed_units.image_tokens", BILLED_IMAGES},                                          \
        {at ".billed_units.output_tokens", BILLED_OUTPUT},                                         \
    {                                                                                              \
        at ".billed_units.search_units", UNITS                                                     \
    }

static const struct tp_json_rule response_rules[] = {
    {"model", MODEL, true},
    {"id", RESPONSE_ID, true},
    {"generation_id", RESPONSE_ID, true},
    {"choices[].text", OUTPUT},
    {"choices[].finish_reason", FINISH, true},
    {"finish_reason", FINISH, true},
    {"delta.finish_reason", FINISH, true},
    {"response.finish_reason", FINISH, true},
    {"details.finish_reason", FINISH, true},
    {"completions[].finish_reason", FINISH, true},
    {"done_reason", FINISH, true},
    {"stopReason", FINISH, true},
    {"response", OUTPUT},
    {"message.content", OUTPUT},
    {"message.content[].text", OUTPUT},
    {"delta.message.content.text", OUTPUT},
    {"delta.message.content.thinking", OUTPUT},
    {"content", OUTPUT},
    {"text", OUTPUT},
    {"delta", OUTPUT},
    {"done", DONE},
    {"is_finished", DONE},
    {"error", ERROR_OBJECT},
    USAGE_RULES("usage"),
    USAGE_RULES("delta.usage"),
    USAGE_RULES("response.usage"),
    COHERE_RULES("meta"),
    COHERE_RULES("response.meta"),
    {"usage_info.pages_processed", UNITS}, /* https://docs.mistral.ai: OCR */
    {"usageMetadata.promptTokenCount", INPUT},
    {"usageMetadata.candidatesTokenCount", GENERATED},
    {"prompt_eval_count", INPUT},
    {"eval_count", GENERATED},
    {"tokens_evaluated", INPUT},
    {"tokens_predicted", GENERATED},
    {"results[].input_token_count", RUNNING_INPUT}, /* watsonx */
    {"results[].generated_token_count", RUNNING_OUTPUT},
    {"results[].stop_reason", FINISH, true},
    {"num_tokens_prompt_total", INPUT}, /* Aleph Alpha */
    {"num_tokens_generated", GENERATED},
    {"details.generated_tokens", GENERATED}, /* Text Generation Inference */
    {NULL},
};

/* Counts one more than they are, so that zeroed memory says "unknown". */
struct state {
    bool usage_seen, input_only;
    const char *unit;
    int64_t counts[MODALITY_IN - COUNTS];
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
    if (n < 0)
        return;
    s->usage_seen = true;
    if (action >= MODALITY_IN) {
        bool output = action >= MODALITY_OUT;
        cx->host->set_modality(cx->call, output,
                               (enum tp_modality)(action - (output ? MODALITY_OUT : MODALITY_IN)),
                               n);
    } else if ((action != RUNNING_INPUT && action != RUNNING_OUTPUT) ||
               n >= s->counts[action - COUNTS]) {
        s->counts[action - COUNTS] = n + 1;
    }
}

static int64_t count(const struct state *s, enum action which)
{
    return s->counts[which - COUNTS] - 1;
}

static int64_t first_known(int64_t a, int64_t b)
{
    return a >= 0 ? a : b;
}

/* Embedding and reranking have no output: a total is their input. */
static void response_end(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    int64_t billed = count(s, BILLED_INPUT), images = count(s, BILLED_IMAGES);
    int64_t input = first_known(count(s, INPUT), count(s, RUNNING_INPUT));
    int64_t output = first_known(count(s, GENERATED), count(s, RUNNING_OUTPUT));
    if (billed >= 0 && images > 0)
        billed += images;
    input = first_known(input, billed);
    if (s->input_only)
        input = first_known(input, count(s, TOTAL));
    cx->host->set_usage(cx->call, TP_USAGE_INPUT, input);
    cx->host->set_usage(cx->call, TP_USAGE_OUTPUT, first_known(output, count(s, BILLED_OUTPUT)));
    cx->host->set_usage(cx->call, TP_USAGE_CACHE_READ, count(s, CACHED));
    cx->host->set_usage(cx->call, TP_USAGE_REASONING, count(s, REASONING));
    cx->host->set_modality(cx->call, false, TP_IMAGE, images);
}

/* The mark of a stream that goes on is no reason. */
static void finish(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    static const char going[] = "not_finished";
    if (e->type != TP_JSON_STRING || !e->len ||
        (e->len == sizeof(going) - 1 && memcmp(e->data, going, e->len) == 0))
        return;
    set_string(cx, TP_CALL_STOP_REASON, e);
    cx->host->set_finished(cx->call);
}

static void response_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    const struct state *s = cx->state;
    switch (action) {
    case MODEL:
        set_string(cx, TP_CALL_MODEL, e);
        break;
    case RESPONSE_ID:
        set_string(cx, TP_CALL_RESPONSE_ID, e);
        break;
    case FINISH:
        finish(cx, e);
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
    case UNITS:
        if (s->unit)
            cx->host->set_server_tool(cx->call, s->unit, strlen(s->unit),
                                      cx->host->whole_number(e));
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

/* Model endpoints by how their paths end, and what they bill where that is no tokens. */
static const struct {
    const char *end;
    bool input_only;
    const char *unit;
    const char *host; /* part of it, where the path alone could be anybody's */
} endpoints[] = {
    {"/rerank", true, "rerank", NULL},
    {"/audio/transcriptions", false, NULL, NULL},
    {"/audio/translations", false, NULL, NULL},
    {"/audio/speech", false, NULL, NULL},
    {"/images/generations", false, NULL, NULL},
    {"/images/edits", false, NULL, NULL},
    {"/images/variations", false, NULL, NULL},
    {"/videos/generations", false, NULL, NULL},
    {":embedContent", true, NULL, NULL},
    {":batchEmbedContents", true, NULL, NULL},
    {"/api/embed", true, NULL, NULL},
    {"/api/embeddings", true, NULL, NULL},
    {"/ocr", false, "ocr_page", "mistral"},
    {"/embed", true, NULL, "cohere"},
    {"/chat", false, NULL, "cohere"},
    {"/generate", false, NULL, "cohere"},
    {"/text-rerank", true, "rerank", NULL},
    {"/text-embedding", true, NULL, NULL},
    {"/multimodal-embedding", true, NULL, NULL},
    {":predict", false, NULL, "googleapis"},
    {"/complete", false, NULL, "anthropic"},
};

static int endpoint_of(const char *path, const char *host)
{
    for (size_t i = 0; i < sizeof(endpoints) / sizeof(*endpoints); i++)
        if (path_ends(path, endpoints[i].end) &&
            (!endpoints[i].host || strstr(host, endpoints[i].host)))
            return (int)i;
    return -1;
}

static void request_begin(struct tp_call_cx *cx, const struct tp_http_view *head)
{
    struct state *s = cx->state;
    int i = head ? endpoint_of(head->path, head->host) : -1;
    const char *model = head ? strstr(head->path, "/models/") : NULL; /* Google: models/NAME:verb */
    if (model && strchr(model, ':'))
        cx->host->set_string(cx->call, TP_CALL_MODEL, model + 8, strcspn(model + 8, ":/"));
    if (i < 0)
        return;
    s->input_only = endpoints[i].input_only;
    s->unit = endpoints[i].unit;
}

/* Endpoints that tell of models or take files are never calls, whatever numbers they give. */
static int match_other(const struct tp_http_view *request)
{
    static const char *const no_calls[] = {"/models",  "/files",      "/batches", "/tokenize",
                                           "/uploads", "/detokenize", NULL};
    if (any_end(request->path, no_calls))
        return TP_MATCH_NOT_A_CALL;
    return is_post(request) && endpoint_of(request->path, request->host) >= 0 ? 50 : 0;
}

/* Counting tokens is what makes an unknown exchange a model call. A known path is enough: what
 * these bodies hold differs too much to ask for more. */
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
    .request_begin = request_begin,
    .request_json = request_json,
    .response_json = response_json,
    .response_end = response_end,
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
