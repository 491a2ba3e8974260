/* SPDX-License-Identifier: MIT
 * Amazon Bedrock Converse and ConverseStream:
 * https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html and
 * API_runtime_ConverseStream.html. Each member of a content block is its type. A stream's events
 * (messageStart, contentBlockStart, contentBlockDelta, contentBlockStop, messageStop, metadata)
 * are told apart by their members; the last is `metadata`, which has the usage.
 */
#include "bedrock.h"

enum action {
    SYSTEM,
    TOOL,
    TOOL_NAME,
    MESSAGE,
    ROLE,
    TIER,
    /* a part of content, in requests and answers */
    PART,
    TEXT,
    REASONING,
    REDACTED,
    CALL,
    CALL_ID,
    CALL_NAME,
    CALL_INPUT,
    RESULT,
    RESULT_ID,
    RESULT_TEXT,
    RESULT_JSON,
    RESULT_IMAGE,
    RESULT_DOCUMENT,
    RESULT_VIDEO,
    RESULT_STATUS,
    IMAGE,
    DOCUMENT,
    VIDEO,
    AUDIO,
    PART_OTHER,
    IGNORED,
    /* answer */
    INDEX,
    START_ID,
    START_NAME,
    DELTA_TEXT,
    DELTA_REASONING,
    DELTA_INPUT,
    STOP_REASON,
    USAGE,
    USAGE_INPUT,
    USAGE_OUTPUT,
    USAGE_READ,
    USAGE_WRITE,
    DETAIL,
    DETAIL_TTL,
    DETAIL_TOKENS,
};

#define SOURCE_RULES(at, action)                                                                   \
    {at ".source.bytes", action}, {at ".source.s3Location.uri", action},                           \
        {at ".source.text", action},                                                               \
    {                                                                                              \
        at ".source.content[].text", action                                                        \
    }

#define PART_RULES(at)                                                                             \
    {at, PART}, {at ".text", TEXT}, {at ".reasoningContent.reasoningText.text", REASONING},        \
        {at ".reasoningContent.redactedContent", REDACTED}, {at ".toolUse", CALL},                 \
        {at ".toolUse.toolUseId", CALL_ID, true}, {at ".toolUse.name", CALL_NAME, true},           \
        {at ".toolUse.input", CALL_INPUT}, {at ".toolResult", RESULT},                             \
        {at ".toolResult.toolUseId", RESULT_ID, true},                                             \
        {at ".toolResult.status", RESULT_STATUS, true},                                            \
        {at ".toolResult.content[].text", RESULT_TEXT},                                            \
        {at ".toolResult.content[].json", RESULT_JSON},                                            \
        SOURCE_RULES(at ".toolResult.content[].image", RESULT_IMAGE),                              \
        SOURCE_RULES(at ".toolResult.content[].document", RESULT_DOCUMENT),                        \
        SOURCE_RULES(at ".toolResult.content[].video", RESULT_VIDEO),                              \
        SOURCE_RULES(at ".image", IMAGE), SOURCE_RULES(at ".document", DOCUMENT),                  \
        SOURCE_RULES(at ".video", VIDEO), SOURCE_RULES(at ".audio", AUDIO),                        \
        {at ".cachePoint", IGNORED},                                                               \
    {                                                                                              \
        at ".*", PART_OTHER                                                                        \
    }

static const struct tp_json_rule request_rules[] = {
    {"system[].text", SYSTEM},
    {"toolConfig.tools[].toolSpec", TOOL},
    {"toolConfig.tools[].toolSpec.name", TOOL_NAME, true},
    {"messages[]", MESSAGE},
    {"messages[].role", ROLE, true},
    {"serviceTier.type", TIER, true},
    PART_RULES("messages[].content[]"),
    {NULL},
};

/* The usage of one document, and how long its cache writes live. */
#define USAGE_RULES(at)                                                                            \
    {at, USAGE}, {at ".inputTokens", USAGE_INPUT}, {at ".outputTokens", USAGE_OUTPUT},             \
        {at ".cacheReadInputTokens", USAGE_READ}, {at ".cacheReadInputTokenCount", USAGE_READ},    \
        {at ".cacheWriteInputTokens", USAGE_WRITE},                                                \
        {at ".cacheWriteInputTokenCount", USAGE_WRITE}, {at ".cacheDetails[]", DETAIL},            \
        {at ".cacheDetails[].ttl", DETAIL_TTL, true},                                              \
    {                                                                                              \
        at ".cacheDetails[].inputTokens", DETAIL_TOKENS                                            \
    }

static const struct tp_json_rule response_rules[] = {
    PART_RULES("output.message.content[]"),
    {"stopReason", STOP_REASON, true},
    {"contentBlockIndex", INDEX},
    {"start.toolUse.toolUseId", START_ID, true},
    {"start.toolUse.name", START_NAME, true},
    {"delta.text", DELTA_TEXT},
    {"delta.reasoningContent.text", DELTA_REASONING},
    {"delta.reasoningContent.redactedContent", DELTA_REASONING},
    {"delta.toolUse.input", DELTA_INPUT},
    {"serviceTier.type", TIER, true},
    USAGE_RULES("usage"),
    {NULL},
};

#define STREAMED_MAX 64 /* content blocks told apart in a stream */

struct state {
    bool in_answer, messages_seen, answer_seen, usage_seen, answer_begun;
    struct tp_block *system, *tool, *part, *other;
    uint32_t message, result, answer;
    bool in_result, result_failed;
    char role, ttl, call_id[128];
    size_t call_id_len;
    struct tp_block *streamed[STREAMED_MAX];
    size_t index; /* of the content block that events speak of */
    int64_t input, read, write, write_5m, write_1h, detail_tokens;
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

static struct tp_block *open_once(struct tp_call_cx *cx, struct tp_block **at,
                                  enum tp_block_kind kind)
{
    const struct state *s = cx->state;
    if (!*at)
        *at = cx->host->block_open(cx->call, s->in_answer ? TP_SECTION_OUTPUT : TP_SECTION_MESSAGES,
                                   kind);
    return *at;
}

static void close_part(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    if (s->part)
        cx->host->block_discard(s->other);
    else
        cx->host->block_close(s->other);
    cx->host->block_close(s->part);
    s->part = s->other = NULL;
}

/* ---- parts ---- */

static void text(struct tp_call_cx *cx, enum tp_block_kind kind, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (e->type == TP_JSON_STRING)
        cx->host->block_text(open_once(cx, &s->part, kind), e->data, e->len);
}

static void call(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    struct tp_block *block = open_once(cx, &s->part, TP_BLOCK_TOOL_CALL);
    if (action == CALL_INPUT && value_begins(e))
        cx->host->block_json_capture(block, NULL);
    else if (action == CALL_ID && e->type == TP_JSON_STRING)
        cx->host->block_call_id(block, e->data, e->len);
    else if (action == CALL_NAME && e->type == TP_JSON_STRING)
        cx->host->block_name(block, e->data, e->len);
}

static void result_end(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    struct tp_group_end end = {.kind = TP_BLOCK_TOOL_RESULT,
                               .join = true,
                               .failed = s->result_failed,
                               .call_id = s->call_id,
                               .call_id_len = s->call_id_len};
    close_part(cx);
    cx->host->group_end(cx->call, s->result, &end);
    s->in_result = false;
}

/* Texts, JSON and media of one result become one block at its end. */
static void result_piece(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (action == RESULT_JSON) {
        if (!value_begins(e))
            return;
        cx->host->block_json_capture(open_once(cx, &s->part, TP_BLOCK_TEXT), NULL);
    } else {
        text(cx,
             action == RESULT_TEXT       ? TP_BLOCK_TEXT
             : action == RESULT_DOCUMENT ? TP_BLOCK_DOCUMENT
             : action == RESULT_VIDEO    ? TP_BLOCK_VIDEO
                                         : TP_BLOCK_IMAGE,
             e);
        if (!e->last)
            return;
    }
    if (action != RESULT_JSON || !begins(e)) {
        cx->host->block_close(s->part);
        s->part = NULL;
    }
}

static void result(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (action == RESULT && begins(e)) {
        s->in_result = true;
        s->result_failed = false;
        s->call_id_len = 0;
        s->result = cx->host->group_begin(cx->call);
    } else if (action == RESULT && ends(e)) {
        result_end(cx);
    } else if (action == RESULT_STATUS) {
        s->result_failed = is_word(e, "error");
    } else if (action == RESULT_ID && e->type == TP_JSON_STRING) {
        s->call_id_len = e->len < sizeof(s->call_id) ? e->len : sizeof(s->call_id);
        memcpy(s->call_id, e->data, s->call_id_len);
    } else if (action > RESULT_ID) {
        result_piece(cx, action, e);
    }
}

static void part_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    static const enum tp_block_kind media[] = {TP_BLOCK_IMAGE, TP_BLOCK_DOCUMENT, TP_BLOCK_VIDEO,
                                               TP_BLOCK_AUDIO};
    struct state *s = cx->state;
    if (s->in_answer && e->type == TP_JSON_STRING && e->len)
        cx->host->output_seen(cx->call);
    if (action == PART && ends(e))
        close_part(cx);
    else if (action == TEXT)
        text(cx, TP_BLOCK_TEXT, e);
    else if (action == REASONING || action == REDACTED)
        text(cx, TP_BLOCK_REASONING, e);
    else if (action >= CALL && action <= CALL_INPUT)
        call(cx, action, e);
    else if (action >= RESULT && action <= RESULT_STATUS)
        result(cx, action, e);
    else if (action >= IMAGE && action <= AUDIO)
        text(cx, media[action - IMAGE], e);
    else if (action == PART_OTHER && value_begins(e))
        cx->host->block_json_member(open_once(cx, &s->other, TP_BLOCK_OTHER));
}

/* ---- request ---- */

static void request_begin(struct tp_call_cx *cx, const struct tp_http_view *head)
{
    struct state *s = cx->state;
    s->input = s->read = s->write = s->write_5m = s->write_1h = -1;
    bedrock_set_model(cx, head);
    cx->host->set_streamed(cx->call, head && path_ends(head->path, "/converse-stream"));
}

/* Cache points stand between the texts and belong to none. */
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
    } else if (begins(e)) {
        s->tool = cx->host->block_open(cx->call, TP_SECTION_TOOLS, TP_BLOCK_TOOL_SCHEMA);
        cx->host->block_json_capture(s->tool, NULL);
    } else if (ends(e)) {
        cx->host->block_close(s->tool);
        s->tool = NULL;
    }
}

static void message(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    s->messages_seen = true;
    if (begins(e)) {
        s->role = 0;
        s->message = cx->host->group_begin(cx->call);
    } else if (ends(e)) {
        struct tp_group_end end = {.kind = s->role == 'a' ? TP_BLOCK_ASSISTANT : TP_BLOCK_USER};
        cx->host->group_end(cx->call, s->message, &end);
    }
}

static void request_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    switch (action) {
    case SYSTEM:
        system_text(cx, e);
        break;
    case TOOL:
    case TOOL_NAME:
        tool(cx, action, e);
        break;
    case MESSAGE:
        message(cx, e);
        break;
    case ROLE:
        s->role = e->type == TP_JSON_STRING && e->len ? e->data[0] : 0;
        break;
    case TIER:
        set_string(cx, TP_CALL_SERVICE_TIER, e);
        break;
    default:
        part_json(cx, action, e);
    }
}

/* ---- answer ---- */

static void document_begin(struct tp_call_cx *cx, const char *event)
{
    struct state *s = cx->state;
    (void)event; /* the members say the same, also where there is no name */
    if (s->answer_begun)
        return;
    if (s->in_result)
        result_end(cx);
    close_part(cx);
    s->in_answer = s->answer_begun = true;
    s->answer = cx->host->group_begin(cx->call);
}

/* Blocks of one answer may be open side by side; the index tells them apart. */
static struct tp_block *streamed(struct tp_call_cx *cx, enum tp_block_kind kind)
{
    struct state *s = cx->state;
    return open_once(cx, &s->streamed[s->index], kind);
}

static void delta(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    if (e->type != TP_JSON_STRING)
        return;
    if (e->len)
        cx->host->output_seen(cx->call);
    if (action == START_ID)
        cx->host->block_call_id(streamed(cx, TP_BLOCK_TOOL_CALL), e->data, e->len);
    else if (action == START_NAME)
        cx->host->block_name(streamed(cx, TP_BLOCK_TOOL_CALL), e->data, e->len);
    else if (action == DELTA_INPUT)
        cx->host->block_json_text(streamed(cx, TP_BLOCK_TOOL_CALL), e->data, e->len);
    else if (action == DELTA_TEXT)
        cx->host->block_text(streamed(cx, TP_BLOCK_TEXT), e->data, e->len);
    else
        cx->host->block_text(streamed(cx, TP_BLOCK_REASONING), e->data, e->len);
}

static void usage(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    int64_t n = cx->host->whole_number(e);
    if (n < 0)
        return;
    s->usage_seen = true;
    if (action == USAGE_INPUT)
        s->input = n;
    else if (action == USAGE_READ)
        s->read = n;
    else if (action == USAGE_WRITE)
        s->write = n;
    else
        cx->host->set_usage(cx->call, TP_USAGE_OUTPUT, n);
}

/* How many of the written tokens live how long; lifetimes are told as "5m" and "1h". */
static void detail(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (action == DETAIL && begins(e)) {
        s->ttl = 0;
        s->detail_tokens = -1;
    } else if (action == DETAIL_TTL) { /* "5m", "1h" */
        s->ttl = e->type == TP_JSON_STRING && e->len ? e->data[0] : 0;
    } else if (action == DETAIL_TOKENS) {
        s->detail_tokens = cx->host->whole_number(e);
    } else if (ends(e) && s->detail_tokens >= 0) {
        int64_t *at = s->ttl == '1' ? &s->write_1h : &s->write_5m;
        *at = (*at > 0 ? *at : 0) + s->detail_tokens;
    }
}

static int64_t known(int64_t n)
{
    return n > 0 ? n : 0;
}

/* inputTokens leaves out what the cache gave and took. */
static void usage_object(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (begins(e))
        s->input = s->read = s->write = s->write_5m = s->write_1h = -1;
    if (!ends(e))
        return;
    if (s->input >= 0)
        cx->host->set_usage(cx->call, TP_USAGE_INPUT, s->input + known(s->read) + known(s->write));
    cx->host->set_usage(cx->call, TP_USAGE_CACHE_READ, s->read);
    cx->host->set_usage(cx->call, TP_USAGE_CACHE_WRITE, s->write);
    cx->host->set_usage(cx->call, TP_USAGE_CACHE_WRITE_5M, s->write_5m);
    cx->host->set_usage(cx->call, TP_USAGE_CACHE_WRITE_1H, s->write_1h);
    cx->host->set_finished(cx->call);
}

static void response_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    switch (action) {
    case INDEX:
        if (cx->host->whole_number(e) >= 0)
            s->index = (size_t)cx->host->whole_number(e) % STREAMED_MAX;
        s->answer_seen = true;
        break;
    case STOP_REASON:
        set_string(cx, TP_CALL_STOP_REASON, e);
        s->answer_seen = true;
        break;
    case TIER:
        set_string(cx, TP_CALL_SERVICE_TIER, e);
        break;
    case USAGE:
        usage_object(cx, e);
        break;
    default:
        if (action >= DETAIL)
            detail(cx, action, e);
        else if (action >= USAGE_INPUT)
            usage(cx, action, e);
        else if (action >= START_ID)
            delta(cx, action, e);
        else
            part_json(cx, action, e);
    }
}

static void response_end(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    struct tp_group_end end = {.kind = TP_BLOCK_ASSISTANT};
    for (size_t i = 0; i < STREAMED_MAX; i++)
        cx->host->block_close(s->streamed[i]);
    if (s->answer_begun)
        cx->host->group_end(cx->call, s->answer, &end);
}

/* ---- the API ---- */

static int match(const struct tp_http_view *request)
{
    const char *path = request->path;
    if (strstr(path, "/model/") && path_ends(path, "/count-tokens"))
        return TP_MATCH_NOT_A_CALL;
    if (strcmp(request->method, "POST") != 0)
        return 0;
    return path_ends(path, "/converse") || path_ends(path, "/converse-stream") ? 95 : 0;
}

/* Its usage has names that no other API has; content blocks look like Anthropic's. */
static int shape(const struct tp_call_cx *cx)
{
    const struct state *s = cx->state;
    return s->usage_seen && s->answer_seen ? 80
           : s->usage_seen                 ? 55
           : s->answer_seen                ? 40
           : s->messages_seen              ? 10
                                           : 0;
}

static const char *const anchors[] = {"usage", NULL};

const struct tp_provider_api bedrock_converse = {
    .name = "bedrock.converse",
    .provider = "aws-bedrock",
    .state_size = sizeof(struct state),
    .match = match,
    .request_rules = request_rules,
    .response_rules = response_rules,
    .anchors = anchors,
    .request_begin = request_begin,
    .request_json = request_json,
    .document_begin = document_begin,
    .response_json = response_json,
    .response_end = response_end,
    .shape = shape,
};
