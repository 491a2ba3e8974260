/* SPDX-License-Identifier: MIT
 * Google generateContent and streamGenerateContent: https://ai.google.dev/api/generate-content. The
 * service takes names in lowerCamelCase and in snake_case (protobuf's JSON mapping). Streams are
 * server-sent events with alt=sse, else one JSON array of answers.
 */
#include "google.h"

/* Both spellings of a part's members. */
#define MEDIA_RULES(at)                                                                            \
    {at ".mimeType", MEDIA_TYPE, true}, {at ".mime_type", MEDIA_TYPE, true}, {at ".data", MEDIA},  \
        {at ".fileUri", MEDIA},                                                                    \
    {                                                                                              \
        at ".file_uri", MEDIA                                                                      \
    }
#define CALL_RULES(at)                                                                             \
    {at, CALL}, {at ".name", CALL_NAME, true}, {at ".id", CALL_ID, true},                          \
    {                                                                                              \
        at ".args", CALL_ARGS                                                                      \
    }
#define RESULT_RULES(at)                                                                           \
    {at, RESULT}, {at ".name", RESULT_NAME, true}, {at ".id", RESULT_ID, true},                    \
    {                                                                                              \
        at ".response", RESULT_VALUE                                                               \
    }
#define PART_RULES(at)                                                                             \
    {at, PART}, {at ".text", TEXT}, {at ".thought", THOUGHT}, {at ".thoughtSignature", IGNORED},   \
        {at ".thought_signature", IGNORED}, MEDIA_RULES(at ".inlineData"),                         \
        MEDIA_RULES(at ".inline_data"), MEDIA_RULES(at ".fileData"), MEDIA_RULES(at ".file_data"), \
        CALL_RULES(at ".functionCall"), CALL_RULES(at ".function_call"),                           \
        RESULT_RULES(at ".functionResponse"), RESULT_RULES(at ".function_response"),               \
        {at ".executableCode", CODE},                                                              \
    {                                                                                              \
        at ".*", PART_OTHER                                                                        \
    }

#define REQUEST_RULES(at)                                                                          \
    {at "systemInstruction.parts[].text", SYSTEM}, {at "system_instruction.parts[].text", SYSTEM}, \
        {at "systemInstruction.parts.text", SYSTEM}, {at "system_instruction.parts.text", SYSTEM}, \
        {at "tools[].functionDeclarations[]", TOOL},                                               \
        {at "tools[].functionDeclarations[].name", TOOL_NAME, true},                               \
        {at "tools[].function_declarations[]", TOOL},                                              \
        {at "tools[].function_declarations[].name", TOOL_NAME, true},                              \
        {at "tools[].*", TOOL_OTHER}, {at "contents[]", CONTENT},                                  \
        {at "contents[].role", ROLE, true}, PART_RULES(at "contents[].parts[]"),                   \
        {at "contents", CONTENT}, {at "contents.role", ROLE, true},                                \
        PART_RULES(at "contents.parts[]"), PART_RULES(at "contents[].parts"),                      \
        PART_RULES(at "contents.parts")

/* Code Assist (v1internal) wraps the same in `request` and `response`. */
static const struct tp_json_rule request_rules[] = {
    {"model", MODEL, true}, REQUEST_RULES(""), REQUEST_RULES("request."), {NULL}};

#define DETAIL_RULES(at, which)                                                                    \
    {at "[]", DETAIL}, {at "[].modality", which, true},                                            \
    {                                                                                              \
        at "[].tokenCount", DETAIL_COUNT                                                           \
    }

#define RESPONSE_RULES(at)                                                                         \
    {at "modelVersion", MODEL, true}, {at "responseId", RESPONSE_ID, true},                        \
        {at "candidates[]", CANDIDATE}, {at "candidates[].finishReason", FINISH, true},            \
        PART_RULES(at "candidates[].content.parts[]"),                                             \
        {at "candidates[].groundingMetadata.webSearchQueries[]", QUERY},                           \
        {at "candidates[].groundingMetadata.groundingChunks[].maps", MAPS},                        \
        {at "candidates[].urlContextMetadata.urlMetadata[]", FETCHED},                             \
        {at "promptFeedback.blockReason", BLOCKED, true}, {at "usageMetadata", USAGE},             \
        {at "usageMetadata.promptTokenCount", USAGE_PROMPT},                                       \
        {at "usageMetadata.cachedContentTokenCount", USAGE_CACHED},                                \
        {at "usageMetadata.candidatesTokenCount", USAGE_CANDIDATES},                               \
        {at "usageMetadata.thoughtsTokenCount", USAGE_THOUGHTS},                                   \
        {at "usageMetadata.toolUsePromptTokenCount", USAGE_TOOLS},                                 \
        {at "usageMetadata.totalTokenCount", USAGE_TOTAL},                                         \
        {at "usageMetadata.serviceTier", USAGE_TIER, true},                                        \
        {at "usageMetadata.trafficType", USAGE_TIER, true},                                        \
        DETAIL_RULES(at "usageMetadata.promptTokensDetails", DETAIL_IN),                           \
        DETAIL_RULES(at "usageMetadata.toolUsePromptTokensDetails", DETAIL_IN),                    \
        DETAIL_RULES(at "usageMetadata.candidatesTokensDetails", DETAIL_OUT)

static const struct tp_json_rule response_rules[] = {
    {"error", ERROR_OBJECT}, RESPONSE_RULES(""), RESPONSE_RULES("response."), {NULL}};

/* ---- request ---- */

static void request_begin(struct tp_call_cx *cx, const struct tp_http_view *head)
{
    struct state *s = cx->state;
    google_usage_begin(s);
    const char *model = head ? strstr(head->path, "/models/") : NULL;
    if (!head)
        return;
    if (model)
        cx->host->set_string(cx->call, TP_CALL_MODEL, model + 8, strcspn(model + 8, ":/"));
    cx->host->set_streamed(cx->call, strstr(head->path, ":streamGenerateContent") != NULL);
}

/* Each text of the instruction is a block: clients send them as parts. */
static void system_text(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (e->type != TP_JSON_STRING)
        return;
    if (!s->system)
        s->system = cx->host->block_open(cx->call, TP_SECTION_SYSTEM, TP_BLOCK_SYSTEM);
    cx->host->block_text(s->system, e->data, e->len);
    if (!e->last)
        return;
    cx->host->block_close(s->system);
    s->system = NULL;
}

/* A declared function is a block; so is each built-in tool, which has no name but its key. */
static void tool(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (action == TOOL_NAME) {
        if (e->type == TP_JSON_STRING)
            cx->host->block_name(s->tool, e->data, e->len);
    } else if ((begins(e) || e->type == TP_JSON_ARRAY_BEGIN) && !s->tool) {
        s->tool = cx->host->block_open(cx->call, TP_SECTION_TOOLS, TP_BLOCK_TOOL_SCHEMA);
        cx->host->block_json_capture(s->tool, NULL);
    } else if (ends(e) || e->type == TP_JSON_ARRAY_END) {
        cx->host->block_close(s->tool);
        s->tool = NULL;
    }
}

/* The role may stand behind the parts, so their kind is told at the end. */
static void content(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    s->contents_seen = true;
    if (begins(e)) {
        s->role_len = 0;
        s->content = cx->host->group_begin(cx->call);
    } else if (ends(e)) {
        bool model = s->role_len == 5 && memcmp(s->role, "model", 5) == 0;
        struct tp_group_end end = {.kind = model ? TP_BLOCK_ASSISTANT : TP_BLOCK_USER};
        cx->host->group_end(cx->call, s->content, &end);
    }
}

static void request_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    switch (action) {
    case IGNORED:
        break;
    case MODEL:
        set_string(cx, TP_CALL_MODEL, e);
        break;
    case SYSTEM:
        system_text(cx, e);
        break;
    case TOOL:
    case TOOL_NAME:
    case TOOL_OTHER:
        tool(cx, action, e);
        break;
    case CONTENT:
        content(cx, e);
        break;
    case ROLE:
        s->role_len = copy(s->role, sizeof(s->role), e);
        break;
    default:
        google_part_json(cx, action, e);
    }
}

/* ---- answer ---- */

static void document_begin(struct tp_call_cx *cx, const char *event)
{
    struct state *s = cx->state;
    (void)event;
    s->parts_in_document = 0;
    s->usage_here = false;
    s->queries_here = s->fetched_here = 0;
    if (s->answer_begun)
        return;
    google_close_text(cx);
    memset(&s->part, 0, sizeof(s->part));
    s->in_answer = s->answer_begun = true;
    s->answer = cx->host->group_begin(cx->call);
}

/* Clients may ask for enumerations as numbers (enum-encoding=int); those that all versions of the
 * API share have names here. */
static const char *word_of(const struct tp_call_cx *cx, const struct tp_json_event *e,
                           const char *const *words, int64_t count)
{
    int64_t n = cx->host->whole_number(e);
    return n >= 0 && n < count ? words[n] : NULL;
}

static void finish(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    static const char *const words[] = {NULL, "STOP", "MAX_TOKENS", "SAFETY", "RECITATION"};
    struct state *s = cx->state;
    const char *word = e->type == TP_JSON_NUMBER ? word_of(cx, e, words, 5) : NULL;
    if (word)
        cx->host->set_string(cx->call, TP_CALL_STOP_REASON, word, strlen(word));
    else if (e->type == TP_JSON_STRING && !is(e, "FINISH_REASON_UNSPECIFIED"))
        cx->host->set_string(cx->call, TP_CALL_STOP_REASON, e->data, e->len);
    else if (e->type != TP_JSON_NUMBER)
        return;
    s->finish_seen = true;
}

/* Vertex AI says how the traffic is paid for. */
static void tier(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    static const char *const words[] = {NULL, "ON_DEMAND", "PROVISIONED_THROUGHPUT"};
    const char *word = e->type == TP_JSON_NUMBER ? word_of(cx, e, words, 3) : NULL;
    if (word)
        cx->host->set_string(cx->call, TP_CALL_SERVICE_TIER, word, strlen(word));
    else
        set_string(cx, TP_CALL_SERVICE_TIER, e);
}

/* Streams say again what they said before, so the fullest document counts. */
static void server_tool(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (action == QUERY && e->type == TP_JSON_STRING && e->last)
        s->queries_here++;
    else if (action == FETCHED && begins(e))
        s->fetched_here++;
    else if (action == MAPS && begins(e))
        s->maps = true;
    s->queries = s->queries_here > s->queries ? s->queries_here : s->queries;
    s->fetched = s->fetched_here > s->fetched ? s->fetched_here : s->fetched;
}

static void set_tool(struct tp_call_cx *cx, const char *name, int64_t count)
{
    if (count > 0)
        cx->host->set_server_tool(cx->call, name, strlen(name), count);
}

/* Older models are billed by the grounded prompt, newer ones by the query. */
static void server_tools_end(struct tp_call_cx *cx)
{
    const struct state *s = cx->state;
    set_tool(cx, "web_search", s->queries);
    set_tool(cx, "grounding", s->queries || s->maps);
    set_tool(cx, "maps", s->maps);
    set_tool(cx, "web_fetch", s->fetched);
    set_tool(cx, "code_execution", s->code);
}

/* Nothing says that a stream is over but its framing; an event that has both the reason and the
 * counts leaves nothing to come that would matter. */
static void document_end(struct tp_call_cx *cx)
{
    const struct state *s = cx->state;
    if (s->finish_seen && s->usage_here)
        cx->host->set_finished(cx->call);
}

static void response_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    switch (action) {
    case IGNORED:
        break;
    case MODEL:
        set_string(cx, TP_CALL_MODEL, e);
        break;
    case RESPONSE_ID:
        set_string(cx, TP_CALL_RESPONSE_ID, e);
        break;
    case CANDIDATE:
        s->candidates_seen = true;
        break;
    case FINISH:
    case BLOCKED:
        finish(cx, e);
        break;
    case ERROR_OBJECT:
        if (begins(e))
            cx->host->set_failed(cx->call);
        break;
    case USAGE_TIER:
        tier(cx, e);
        break;
    case QUERY:
    case MAPS:
    case FETCHED:
        server_tool(cx, action, e);
        break;
    default:
        if (action >= USAGE)
            google_usage_json(cx, action, e);
        else
            google_part_json(cx, action, e);
    }
}

static void response_end(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    struct tp_group_end end = {.kind = TP_BLOCK_ASSISTANT};
    google_close_text(cx);
    if (s->answer_begun)
        cx->host->group_end(cx->call, s->answer, &end);
    google_usage_end(cx);
    server_tools_end(cx);
}

static bool path_ends(const char *path, const char *end)
{
    size_t n = strlen(path), m = strlen(end);
    return n >= m && strcmp(path + n - m, end) == 0;
}

static int match(const struct tp_http_view *request)
{
    const char *path = request->path;
    if (path_ends(path, ":countTokens") || path_ends(path, ":batchGenerateContent") ||
        strstr(path, "/cachedContents"))
        return TP_MATCH_NOT_A_CALL;
    if (strcmp(request->method, "POST") != 0)
        return 0;
    return path_ends(path, ":generateContent") || path_ends(path, ":streamGenerateContent") ? 95
                                                                                            : 0;
}

/* usageMetadata and candidates are names that no other API has. */
static int shape(const struct tp_call_cx *cx)
{
    const struct state *s = cx->state;
    return s->candidates_seen && s->usage_seen      ? 80
           : s->usage_seen                          ? 60
           : s->candidates_seen && s->contents_seen ? 55
           : s->contents_seen                       ? 10
                                                    : 0;
}

static const char *const anchors[] = {"usageMetadata", NULL};

static const struct tp_provider_api api = {
    .name = "google.generate_content",
    .provider = "google",
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

static const struct tp_provider_api *const apis[] = {&api, &google_interactions, NULL};
static const struct tp_provider_ops ops = {.apis = apis};

static const struct tp_plugin plugin = {
    .magic = TP_PLUGIN_MAGIC,
    .abi = TP_PLUGIN_ABI,
    .size = sizeof(struct tp_plugin),
    .kind = TP_PLUGIN_PROVIDER,
    .name = "provider_google",
    .version = "1",
    .summary = "Google generateContent and interactions, Gemini API and Vertex AI",
    .ops.provider = &ops,
};
TP_PLUGIN(plugin);
