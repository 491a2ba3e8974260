/* SPDX-License-Identifier: MIT
 * Google generateContent and streamGenerateContent: https://ai.google.dev/api/generate-content. The
 * service takes names in lowerCamelCase and in snake_case (protobuf's JSON mapping). Streams are
 * server-sent events with alt=sse, else one JSON array of answers.
 */
#include <string.h>
#include <tokprof/plugin.h>

enum action {
    IGNORED,
    MODEL,
    SYSTEM,
    TOOL,
    TOOL_OTHER,
    TOOL_NAME,
    CONTENT,
    ROLE,
    PART,
    TEXT,
    THOUGHT,
    MEDIA_TYPE,
    MEDIA,
    CALL,
    CALL_NAME,
    CALL_ID,
    CALL_ARGS,
    RESULT,
    RESULT_NAME,
    RESULT_ID,
    RESULT_VALUE,
    PART_OTHER,
    RESPONSE_ID,
    CANDIDATE,
    FINISH,
    BLOCKED,
    ERROR_OBJECT,
    USAGE,
    USAGE_TIER,
    USAGE_PROMPT,
    USAGE_CACHED,
    USAGE_CANDIDATES,
    USAGE_THOUGHTS,
    USAGE_TOOLS,
    USAGE_TOTAL,
    DETAIL,
    DETAIL_IN,
    DETAIL_OUT,
    DETAIL_COUNT,
};

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
    {                                                                                              \
        at ".*", PART_OTHER                                                                        \
    }

static const struct tp_json_rule request_rules[] = {
    {"model", MODEL, true},
    {"systemInstruction.parts[].text", SYSTEM},
    {"system_instruction.parts[].text", SYSTEM},
    {"systemInstruction.parts.text", SYSTEM},
    {"system_instruction.parts.text", SYSTEM},
    {"tools[].functionDeclarations[]", TOOL},
    {"tools[].functionDeclarations[].name", TOOL_NAME, true},
    {"tools[].function_declarations[]", TOOL},
    {"tools[].function_declarations[].name", TOOL_NAME, true},
    {"tools[].*", TOOL_OTHER},
    {"contents[]", CONTENT},
    {"contents[].role", ROLE, true},
    PART_RULES("contents[].parts[]"),
    {"contents", CONTENT},
    {"contents.role", ROLE, true},
    PART_RULES("contents.parts[]"),
    PART_RULES("contents[].parts"),
    PART_RULES("contents.parts"),
    {NULL},
};

#define DETAIL_RULES(at, which)                                                                    \
    {at "[]", DETAIL}, {at "[].modality", which, true},                                            \
    {                                                                                              \
        at "[].tokenCount", DETAIL_COUNT                                                           \
    }

static const struct tp_json_rule response_rules[] = {
    {"modelVersion", MODEL, true},
    {"responseId", RESPONSE_ID, true},
    {"candidates[]", CANDIDATE},
    {"candidates[].finishReason", FINISH, true},
    PART_RULES("candidates[].content.parts[]"),
    {"promptFeedback.blockReason", BLOCKED, true},
    {"error", ERROR_OBJECT},
    {"usageMetadata", USAGE},
    {"usageMetadata.promptTokenCount", USAGE_PROMPT},
    {"usageMetadata.cachedContentTokenCount", USAGE_CACHED},
    {"usageMetadata.candidatesTokenCount", USAGE_CANDIDATES},
    {"usageMetadata.thoughtsTokenCount", USAGE_THOUGHTS},
    {"usageMetadata.toolUsePromptTokenCount", USAGE_TOOLS},
    {"usageMetadata.totalTokenCount", USAGE_TOTAL},
    {"usageMetadata.serviceTier", USAGE_TIER, true},
    DETAIL_RULES("usageMetadata.promptTokensDetails", DETAIL_IN),
    DETAIL_RULES("usageMetadata.toolUsePromptTokensDetails", DETAIL_IN),
    DETAIL_RULES("usageMetadata.candidatesTokensDetails", DETAIL_OUT),
    {NULL},
};

struct usage {
    int64_t prompt, cached, candidates, thoughts, tools, total;
    int64_t modality[2][TP_MODALITIES];
};

struct part {
    struct tp_block *call, *result, *media, *other;
    bool text_begun; /* this part opened the running text itself */
    bool thought, thought_known;
    char type[32];
    size_t type_len;
};

struct state {
    bool in_answer, contents_seen, candidates_seen, usage_seen;
    bool finish_seen, usage_here; /* in the answer; in this document */
    struct tp_block *system, *tool;
    struct part part;
    uint32_t content, answer;
    bool answer_begun;
    char role[16];
    size_t role_len;
    struct tp_block *text; /* runs on over the parts of a stream */
    bool text_is_thought;
    unsigned parts_in_document;
    struct usage latest, reading;
    int detail_side, detail_modality; /* -1: not known */
    int64_t detail_count;
};

static bool begins(const struct tp_json_event *e)
{
    return e->type == TP_JSON_OBJECT_BEGIN;
}

static bool ends(const struct tp_json_event *e)
{
    return e->type == TP_JSON_OBJECT_END;
}

static bool value_begins(const struct tp_json_event *e)
{
    return e->first && !ends(e) && e->type != TP_JSON_ARRAY_END;
}

static bool is(const struct tp_json_event *e, const char *word)
{
    return e->type == TP_JSON_STRING && e->len == strlen(word) &&
           memcmp(e->data, word, e->len) == 0;
}

static size_t copy(char *out, size_t size, const struct tp_json_event *e)
{
    if (e->type != TP_JSON_STRING)
        return 0;
    size_t n = e->len < size ? e->len : size;
    memcpy(out, e->data, n);
    return n;
}

static void set_string(struct tp_call_cx *cx, enum tp_call_string which,
                       const struct tp_json_event *e)
{
    if (e->type == TP_JSON_STRING)
        cx->host->set_string(cx->call, which, e->data, e->len);
}

static struct tp_block *open_once(struct tp_call_cx *cx, struct tp_block **at,
                                  enum tp_block_kind kind)
{
    const struct state *s = cx->state;
    if (!*at)
        *at = cx->host->block_open(cx->call, s->in_answer ? TP_SECTION_OUTPUT : TP_SECTION_MESSAGES,
                                   kind);
    return *at;
}

/* ---- parts ---- */

static void close_text(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    cx->host->block_close(s->text);
    s->text = NULL;
}

/* In a stream, the first part of an answer goes on where the last one ended, if it is of the same
 * sort. */
static void text(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (e->type != TP_JSON_STRING)
        return;
    if (e->first) {
        bool goes_on =
            s->in_answer && s->parts_in_document == 0 && s->text_is_thought == s->part.thought;
        if (!goes_on)
            close_text(cx);
        s->part.text_begun = !s->text;
        s->text_is_thought = s->part.thought;
    }
    if (s->in_answer && e->len)
        cx->host->output_seen(cx->call);
    open_once(cx, &s->text, s->part.thought ? TP_BLOCK_REASONING : TP_BLOCK_TEXT);
    cx->host->block_text(s->text, e->data, e->len);
}

static void thought(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (e->type != TP_JSON_TRUE)
        return;
    s->part.thought = true;
    if (s->part.text_begun) { /* said after the text */
        cx->host->block_kind(s->text, TP_BLOCK_REASONING);
        s->text_is_thought = true;
    }
}

static enum tp_block_kind media_kind(const struct part *p)
{
    static const struct {
        const char *begin;
        enum tp_block_kind kind;
    } kinds[] = {
        {"image/", TP_BLOCK_IMAGE}, {"audio/", TP_BLOCK_AUDIO}, {"video/", TP_BLOCK_VIDEO}};
    for (size_t i = 0; i < 3; i++)
        if (p->type_len >= 6 && memcmp(p->type, kinds[i].begin, 6) == 0)
            return kinds[i].kind;
    return TP_BLOCK_DOCUMENT;
}

static void part_end(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    struct part *p = &s->part;
    if (!s->in_answer)
        close_text(cx);
    if (p->call || p->media || p->result || p->other)
        close_text(cx);
    cx->host->block_kind(p->media, media_kind(p));
    cx->host->block_close(p->media);
    cx->host->block_close(p->call);
    cx->host->block_close(p->result);
    cx->host->block_close(p->other);
    memset(p, 0, sizeof(*p));
    s->parts_in_document++;
}

static void call(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    struct tp_block *block = open_once(cx, &s->part.call, TP_BLOCK_TOOL_CALL);
    if (s->in_answer)
        cx->host->output_seen(cx->call);
    if (action == CALL_ARGS && value_begins(e))
        cx->host->block_json_capture(block, NULL);
    else if (action == CALL_NAME && e->type == TP_JSON_STRING)
        cx->host->block_name(block, e->data, e->len);
    else if (action == CALL_ID && e->type == TP_JSON_STRING)
        cx->host->block_call_id(block, e->data, e->len);
}

static void result(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    struct tp_block *block = open_once(cx, &s->part.result, TP_BLOCK_TOOL_RESULT);
    if (action == RESULT_VALUE && value_begins(e))
        cx->host->block_json_capture(block, NULL);
    else if (action == RESULT_NAME && e->type == TP_JSON_STRING)
        cx->host->block_name(block, e->data, e->len);
    else if (action == RESULT_ID && e->type == TP_JSON_STRING)
        cx->host->block_call_id(block, e->data, e->len);
}

static void part_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    switch (action) {
    case PART:
        if (ends(e))
            part_end(cx);
        break;
    case TEXT:
        text(cx, e);
        break;
    case THOUGHT:
        thought(cx, e);
        break;
    case MEDIA_TYPE:
        s->part.type_len = copy(s->part.type, sizeof(s->part.type), e);
        break;
    case MEDIA:
        if (e->type == TP_JSON_STRING)
            cx->host->block_text(open_once(cx, &s->part.media, TP_BLOCK_DOCUMENT), e->data, e->len);
        break;
    case PART_OTHER:
        if (value_begins(e))
            cx->host->block_json_member(open_once(cx, &s->part.other, TP_BLOCK_OTHER));
        break;
    default:
        if (action <= CALL_ARGS)
            call(cx, action, e);
        else
            result(cx, action, e);
    }
}

/* ---- request ---- */

static const struct usage nothing = {-1, -1, -1, -1, -1, -1, {{-1, -1, -1, -1}, {-1, -1, -1, -1}}};

static void request_begin(struct tp_call_cx *cx, const struct tp_http_view *head)
{
    struct state *s = cx->state;
    s->latest = s->reading = nothing;
    const char *model = head ? strstr(head->path, "/models/") : NULL;
    if (!head)
        return;
    if (model)
        cx->host->set_string(cx->call, TP_CALL_MODEL, model + 8, strcspn(model + 8, ":/"));
    cx->host->set_streamed(cx->call, strstr(head->path, ":streamGenerateContent") != NULL);
}

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

static void tool(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (action == TOOL_NAME) {
        if (e->type == TP_JSON_STRING)
            cx->host->block_name(s->tool, e->data, e->len);
    } else if (begins(e) && !s->tool) {
        s->tool = cx->host->block_open(cx->call, TP_SECTION_TOOLS, TP_BLOCK_TOOL_SCHEMA);
        cx->host->block_json_capture(s->tool, NULL);
    } else if (ends(e)) {
        cx->host->block_close(s->tool);
        s->tool = NULL;
    }
}

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
        part_json(cx, action, e);
    }
}

/* ---- answer ---- */

static void document_begin(struct tp_call_cx *cx, const char *event)
{
    struct state *s = cx->state;
    (void)event;
    s->parts_in_document = 0;
    s->usage_here = false;
    if (s->answer_begun)
        return;
    close_text(cx);
    memset(&s->part, 0, sizeof(s->part));
    s->in_answer = s->answer_begun = true;
    s->answer = cx->host->group_begin(cx->call);
}

static int modality(const struct tp_json_event *e)
{
    return is(e, "TEXT")    ? TP_TEXT
           : is(e, "IMAGE") ? TP_IMAGE
           : is(e, "AUDIO") ? TP_AUDIO
           : is(e, "VIDEO") ? TP_VIDEO
                            : -1;
}

static void detail(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (action == DETAIL_COUNT) {
        s->detail_count = cx->host->whole_number(e);
    } else if (action != DETAIL) {
        s->detail_side = action == DETAIL_OUT;
        s->detail_modality = modality(e);
    } else if (begins(e)) {
        s->detail_modality = -1;
        s->detail_count = -1;
    } else if (s->detail_modality >= 0 && s->detail_count >= 0) {
        int64_t *at = &s->reading.modality[s->detail_side][s->detail_modality];
        *at = (*at > 0 ? *at : 0) + s->detail_count;
    }
}

/* Each says all anew: the last one counts, unless it says next to nothing. */
static void usage_object(struct state *s, const struct tp_json_event *e)
{
    if (begins(e))
        s->reading = nothing;
    else if (ends(e) && (s->reading.prompt >= 0 || s->reading.total >= 0))
        s->latest = s->reading;
}

static void usage(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    int64_t *fields[] = {&s->reading.prompt,   &s->reading.cached, &s->reading.candidates,
                         &s->reading.thoughts, &s->reading.tools,  &s->reading.total};
    int64_t n = cx->host->whole_number(e);
    s->usage_seen = s->usage_here = true;
    if (n >= 0)
        *fields[action - USAGE_PROMPT] = n;
}

static void finish(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    if (e->type != TP_JSON_STRING || is(e, "FINISH_REASON_UNSPECIFIED"))
        return;
    struct state *s = cx->state;
    s->finish_seen = true;
    cx->host->set_string(cx->call, TP_CALL_STOP_REASON, e->data, e->len);
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
    case USAGE:
        usage_object(s, e);
        break;
    case USAGE_TIER:
        set_string(cx, TP_CALL_SERVICE_TIER, e);
        break;
    default:
        if (action >= DETAIL)
            detail(cx, action, e);
        else if (action >= USAGE_PROMPT)
            usage(cx, action, e);
        else
            part_json(cx, action, e);
    }
}

static int64_t known(int64_t n)
{
    return n > 0 ? n : 0;
}

/* Zeros are left out on the wire: where the total says what is missing, it is used. */
static int64_t output_tokens(const struct usage *u)
{
    if (u->candidates >= 0)
        return u->candidates + known(u->thoughts);
    if (u->total >= 0 && u->prompt >= 0 && u->total >= u->prompt + known(u->tools))
        return u->total - u->prompt - known(u->tools);
    return u->thoughts;
}

static void set_usage(struct tp_call_cx *cx, const struct usage *u)
{
    if (u->prompt >= 0)
        cx->host->set_usage(cx->call, TP_USAGE_INPUT, u->prompt + known(u->tools));
    cx->host->set_usage(cx->call, TP_USAGE_CACHE_READ, u->cached);
    cx->host->set_usage(cx->call, TP_USAGE_OUTPUT, output_tokens(u));
    cx->host->set_usage(cx->call, TP_USAGE_REASONING, u->thoughts);
    for (int side = 0; side < 2; side++)
        for (int m = 0; m < TP_MODALITIES; m++)
            cx->host->set_modality(cx->call, side, (enum tp_modality)m, u->modality[side][m]);
}

static void response_end(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    struct tp_group_end end = {.kind = TP_BLOCK_ASSISTANT};
    close_text(cx);
    if (s->answer_begun)
        cx->host->group_end(cx->call, s->answer, &end);
    set_usage(cx, &s->latest);
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

static const struct tp_provider_api *const apis[] = {&api, NULL};
static const struct tp_provider_ops ops = {.apis = apis};

static const struct tp_plugin plugin = {
    .magic = TP_PLUGIN_MAGIC,
    .abi = TP_PLUGIN_ABI,
    .size = sizeof(struct tp_plugin),
    .kind = TP_PLUGIN_PROVIDER,
    .name = "provider_google",
    .version = "1",
    .summary = "Google generateContent, Gemini API and Vertex AI",
    .ops.provider = &ops,
};
TP_PLUGIN(plugin);
