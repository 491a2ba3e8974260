/* SPDX-License-Identifier: MIT
 * Anthropic Messages: https://docs.anthropic.com/en/api/messages and /en/api/messages-streaming.
 * Also behind gateways with any prefix, and on Vertex AI
 * (publishers/anthropic/models/X:rawPredict).
 */
#include <string.h>
#include <tokprof/plugin.h>

enum action {
    MODEL,
    STREAM,
    SYSTEM,
    SYSTEM_PART,
    SYSTEM_TEXT,
    TOOL,
    TOOL_NAME,
    USER_ID,
    MESSAGE,
    ROLE,
    TIER,
    /* a part of content, in requests and answers */
    STRING_CONTENT,
    PART,
    PART_TYPE,
    PART_TEXT,
    PART_THINKING,
    PART_DATA,
    PART_ID,
    PART_NAME,
    PART_INPUT,
    PART_RESULT_ID,
    PART_RESULT_TEXT,
    PART_RESULT,
    PART_RESULT_TYPE,
    PART_RESULT_PART_TEXT,
    PART_RESULT_SOURCE,
    PART_FAILED,
    PART_SOURCE,
    PART_IGNORED,
    PART_OTHER,
    /* answer */
    TYPE,
    RESPONSE_ID,
    STOP_REASON,
    ERROR_OBJECT,
    INDEX,
    STARTED,
    DELTA_TEXT,
    DELTA_JSON,
    DELTA_THINKING,
    USAGE_INPUT,
    USAGE_READ,
    USAGE_WRITE,
    USAGE_WRITE_5M,
    USAGE_WRITE_1H,
    USAGE_OUTPUT,
    USAGE_THINKING,
};

/* Content blocks: text, thinking, redacted_thinking, tool_use, server_tool_use, tool_result and its
 * kin, image, document; a part of a kind not known here is "other", identified by its members. */
#define PART_RULES(at)                                                                             \
    {at, PART}, {at ".type", PART_TYPE, true}, {at ".text", PART_TEXT},                            \
        {at ".thinking", PART_THINKING}, {at ".data", PART_DATA}, {at ".id", PART_ID, true},       \
        {at ".name", PART_NAME, true}, {at ".input", PART_INPUT},                                  \
        {at ".tool_use_id", PART_RESULT_ID, true}, {at ".content", PART_RESULT_TEXT},              \
        {at ".content[]", PART_RESULT}, {at ".content[].type", PART_RESULT_TYPE, true},            \
        {at ".content[].text", PART_RESULT_PART_TEXT},                                             \
        {at ".content[].source.data", PART_RESULT_SOURCE},                                         \
        {at ".content[].source.url", PART_RESULT_SOURCE}, {at ".is_error", PART_FAILED},           \
        {at ".source.data", PART_SOURCE}, {at ".source.url", PART_SOURCE},                         \
        {at ".source.file_id", PART_SOURCE}, {at ".signature", PART_IGNORED},                      \
        {at ".cache_control", PART_IGNORED}, {at ".citations", PART_IGNORED},                      \
    {                                                                                              \
        at ".*", PART_OTHER                                                                        \
    }

#define USAGE_RULES(at)                                                                            \
    {at ".input_tokens", USAGE_INPUT}, {at ".cache_read_input_tokens", USAGE_READ},                \
        {at ".cache_creation_input_tokens", USAGE_WRITE},                                          \
        {at ".cache_creation.ephemeral_5m_input_tokens", USAGE_WRITE_5M},                          \
        {at ".cache_creation.ephemeral_1h_input_tokens", USAGE_WRITE_1H},                          \
        {at ".output_tokens", USAGE_OUTPUT},                                                       \
        {at ".output_tokens_details.thinking_tokens", USAGE_THINKING},                             \
    {                                                                                              \
        at ".service_tier", TIER, true                                                             \
    }

static const struct tp_json_rule request_rules[] = {
    {"model", MODEL, true},
    {"stream", STREAM},
    {"system", SYSTEM},
    {"system[]", SYSTEM_PART},
    {"system[].text", SYSTEM_TEXT},
    {"tools[]", TOOL},
    {"tools[].name", TOOL_NAME, true},
    {"metadata.user_id", USER_ID, true},
    {"messages[]", MESSAGE},
    {"messages[].role", ROLE, true},
    {"messages[].content", STRING_CONTENT},
    PART_RULES("messages[].content[]"),
    {NULL},
};

static const struct tp_json_rule response_rules[] = {
    {"type", TYPE, true},
    {"id", RESPONSE_ID, true},
    {"model", MODEL, true},
    {"stop_reason", STOP_REASON, true},
    {"error", ERROR_OBJECT},
    {"message.id", RESPONSE_ID, true},
    {"message.model", MODEL, true},
    {"message.stop_reason", STOP_REASON, true},
    {"delta.stop_reason", STOP_REASON, true},
    {"delta.text", DELTA_TEXT},
    {"delta.partial_json", DELTA_JSON},
    {"delta.thinking", DELTA_THINKING},
    {"index", INDEX},
    PART_RULES("content[]"),
    PART_RULES("content_block"),
    {"content_block", STARTED},
    USAGE_RULES("usage"),
    USAGE_RULES("message.usage"),
    {NULL},
};

#define STREAMED_MAX 64 /* content blocks open at once in a stream */

enum part_type {
    UNTOLD,
    TEXT,
    REASONING,
    TOOL_USE,
    TOOL_RESULT,
    IMAGE,
    DOCUMENT,
    UNKNOWN,
};

struct part {
    struct tp_block *block; /* its content */
    struct tp_block *other; /* members that no rule knows */
    enum part_type type;
    char type_name[64], call_id[128], result_id[128];
    size_t type_len, call_id_len, result_id_len;
    bool failed;
    uint32_t group; /* of a result's content */
    struct tp_block *inner;
};

struct state {
    struct tp_block *system, *tool;
    struct part part;
    uint32_t message;
    char role;
    bool in_answer, messages_seen;
    struct tp_block *streamed[STREAMED_MAX];
    int64_t index;  /* that this event names, or -1 */
    int64_t latest; /* that was started last */
    enum { EVENT_OTHER, EVENT_START, EVENT_STOP } event;
    uint32_t answer; /* group of the answer's blocks */
    bool answer_begun, message_seen;
    int64_t input, read, write, write_5m, write_1h;
    bool usage_seen;
};

static bool is(const struct tp_json_event *e, const char *word)
{
    return e->type == TP_JSON_STRING && e->len == strlen(word) &&
           memcmp(e->data, word, e->len) == 0;
}

static bool begins(const struct tp_json_event *e)
{
    return e->type == TP_JSON_OBJECT_BEGIN;
}

static bool ends(const struct tp_json_event *e)
{
    return e->type == TP_JSON_OBJECT_END;
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

/* ---- parts of content ---- */

static enum tp_section section(const struct state *s)
{
    return s->in_answer ? TP_SECTION_OUTPUT : TP_SECTION_MESSAGES;
}

static enum part_type part_type(const struct tp_json_event *e)
{
    static const struct {
        const char *name;
        enum part_type type;
    } types[] = {
        {"text", TEXT},         {"thinking", REASONING}, {"redacted_thinking", REASONING},
        {"tool_use", TOOL_USE}, {"image", IMAGE},        {"document", DOCUMENT},
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
        if (is(e, types[i].name))
            return types[i].type;
    if (e->len > 9 && memcmp(e->data + e->len - 9, "_tool_use", 9) == 0)
        return TOOL_USE; /* server_tool_use, mcp_tool_use */
    if (e->len >= 11 && memcmp(e->data + e->len - 11, "tool_result", 11) == 0)
        return TOOL_RESULT; /* also web_search_tool_result and its kin */
    return UNKNOWN;
}

static struct tp_block *open_once(struct tp_call_cx *cx, struct tp_block **at,
                                  enum tp_block_kind kind)
{
    if (!*at)
        *at = cx->host->block_open(cx->call, section(cx->state), kind);
    return *at;
}

static void part_text(struct tp_call_cx *cx, const struct tp_json_event *e, enum tp_block_kind kind)
{
    struct state *s = cx->state;
    if (e->type == TP_JSON_STRING)
        cx->host->block_text(open_once(cx, &s->part.block, kind), e->data, e->len);
}

static void part_begin(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    memset(&s->part, 0, sizeof(s->part));
    s->part.group = cx->host->group_begin(cx->call);
}

/* Kinds that the type decides; text keeps its kind until the role is known. */
static void part_kind(struct tp_call_cx *cx, struct part *p)
{
    if (p->type == IMAGE)
        cx->host->block_kind(p->block, TP_BLOCK_IMAGE);
    else if (p->type == DOCUMENT)
        cx->host->block_kind(p->block, TP_BLOCK_DOCUMENT);
    else if (p->type == TOOL_USE)
        open_once(cx, &p->block, TP_BLOCK_TOOL_CALL);
    if (p->type == TOOL_USE)
        cx->host->block_call_id(p->block, p->call_id, p->call_id_len);
}

/* A result's parts have become blocks of their own; its id and state make them one. */
static void result_end(struct tp_call_cx *cx, struct part *p)
{
    struct tp_group_end end = {.kind = TP_BLOCK_TOOL_RESULT,
                               .join = true,
                               .failed = p->failed,
                               .call_id = p->result_id,
                               .call_id_len = p->result_id_len};
    cx->host->group_end(cx->call, p->group, &end);
}

static void part_end(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    struct part *p = &s->part;
    bool result = p->type == TOOL_RESULT || p->result_id_len;
    part_kind(cx, p);
    cx->host->block_close(p->block);
    if (p->block || result || p->type != UNKNOWN) {
        cx->host->block_discard(p->other);
    } else {
        cx->host->block_name(p->other, p->type_name, p->type_len);
        cx->host->block_close(p->other);
    }
    if (result)
        result_end(cx, p);
    memset(p, 0, sizeof(*p));
}

static void result_part(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    struct part *p = &s->part;
    if (action == PART_RESULT && ends(e)) {
        cx->host->block_close(p->inner);
        p->inner = NULL;
    } else if (action == PART_RESULT_TYPE && p->inner) {
        if (is(e, "image"))
            cx->host->block_kind(p->inner, TP_BLOCK_IMAGE);
        else if (is(e, "document"))
            cx->host->block_kind(p->inner, TP_BLOCK_DOCUMENT);
    } else if (action == PART_RESULT_PART_TEXT && e->type == TP_JSON_STRING) {
        cx->host->block_text(open_once(cx, &p->inner, TP_BLOCK_TEXT), e->data, e->len);
    } else if (action == PART_RESULT_SOURCE && e->type == TP_JSON_STRING) {
        cx->host->block_text(open_once(cx, &p->inner, TP_BLOCK_IMAGE), e->data, e->len);
    }
}

/* `content` of a result as one string (of the types that have it). */
static void result_text(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (e->type != TP_JSON_STRING)
        return;
    cx->host->block_text(open_once(cx, &s->part.inner, TP_BLOCK_TEXT), e->data, e->len);
    if (!e->last)
        return;
    cx->host->block_close(s->part.inner);
    s->part.inner = NULL;
}

static void part_input(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (ends(e) || e->type == TP_JSON_ARRAY_END || !e->first)
        return;
    cx->host->block_json_capture(open_once(cx, &s->part.block, TP_BLOCK_TOOL_CALL), NULL);
}

static void part_other(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (ends(e) || e->type == TP_JSON_ARRAY_END || !e->first)
        return;
    cx->host->block_json_member(open_once(cx, &s->part.other, TP_BLOCK_OTHER));
}

static void part_type_told(struct state *s, const struct tp_json_event *e)
{
    s->part.type = part_type(e);
    s->part.type_len = copy(s->part.type_name, sizeof(s->part.type_name), e);
}

static void part_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    struct part *p = &s->part;
    switch (action) {
    case PART_TYPE:
        if (e->type == TP_JSON_STRING)
            part_type_told(s, e);
        break;
    case PART_TEXT:
        part_text(cx, e, TP_BLOCK_TEXT);
        break;
    case PART_THINKING:
    case PART_DATA:
        part_text(cx, e, TP_BLOCK_REASONING);
        break;
    case PART_SOURCE:
        part_text(cx, e, p->type == DOCUMENT ? TP_BLOCK_DOCUMENT : TP_BLOCK_IMAGE);
        break;
    case PART_ID:
        p->call_id_len = copy(p->call_id, sizeof(p->call_id), e);
        break;
    case PART_NAME:
        if (e->type == TP_JSON_STRING)
            cx->host->block_name(open_once(cx, &p->block, TP_BLOCK_TOOL_CALL), e->data, e->len);
        break;
    case PART_INPUT:
        part_input(cx, e);
        break;
    case PART_RESULT_ID:
        p->result_id_len = copy(p->result_id, sizeof(p->result_id), e);
        break;
    case PART_RESULT_TEXT:
        result_text(cx, e);
        break;
    case PART_FAILED:
        p->failed = e->type == TP_JSON_TRUE;
        break;
    case PART_OTHER:
        part_other(cx, e);
        break;
    default:
        result_part(cx, action, e);
    }
}

/* ---- request ---- */

static void request_begin(struct tp_call_cx *cx, const struct tp_http_view *head)
{
    struct state *s = cx->state;
    s->input = s->read = s->write = s->write_5m = s->write_1h = -1;
    const char *model = head ? strstr(head->path, "/models/") : NULL;
    if (model) /* Vertex AI names it in the path */
        cx->host->set_string(cx->call, TP_CALL_MODEL, model + 8, strcspn(model + 8, ":/"));
}

/* "user_..._session_UUID" and {"session_id": "UUID"}: nothing else of a user id may go on. */
static void session(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    static const char *const marks[] = {"_session_", "\"session_id\":\""};
    char text[1024];
    if (e->type != TP_JSON_STRING || e->len >= sizeof(text))
        return;
    memcpy(text, e->data, e->len);
    text[e->len] = '\0';
    for (size_t i = 0; i < 2; i++) {
        const char *at = strstr(text, marks[i]);
        size_t n = at ? strspn(at + strlen(marks[i]), "0123456789abcdefABCDEF-") : 0;
        if (n >= 8)
            cx->host->set_string(cx->call, TP_CALL_SESSION, at + strlen(marks[i]), n);
    }
}

static void message_end(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    struct tp_group_end end = {.kind = s->role == 'a'   ? TP_BLOCK_ASSISTANT
                                       : s->role == 's' ? TP_BLOCK_SYSTEM
                                                        : TP_BLOCK_USER};
    cx->host->group_end(cx->call, s->message, &end);
}

static void tool(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    static const char *const transport[] = {"cache_control", NULL};
    struct state *s = cx->state;
    if (action == TOOL_NAME) {
        if (e->type == TP_JSON_STRING)
            cx->host->block_name(s->tool, e->data, e->len);
    } else if (begins(e)) {
        s->tool = cx->host->block_open(cx->call, TP_SECTION_TOOLS, TP_BLOCK_TOOL_SCHEMA);
        cx->host->block_json_capture(s->tool, transport);
    } else if (ends(e)) {
        cx->host->block_close(s->tool);
        s->tool = NULL;
    }
}

static void text_block(struct tp_call_cx *cx, struct tp_block **at, enum tp_section section_,
                       enum tp_block_kind kind, const struct tp_json_event *e)
{
    if (e->type != TP_JSON_STRING)
        return;
    if (!*at)
        *at = cx->host->block_open(cx->call, section_, kind);
    cx->host->block_text(*at, e->data, e->len);
    if (!e->last)
        return;
    cx->host->block_close(*at);
    *at = NULL;
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
    case SYSTEM:
    case SYSTEM_TEXT:
        text_block(cx, &s->system, TP_SECTION_SYSTEM, TP_BLOCK_SYSTEM, e);
        break;
    case TOOL:
    case TOOL_NAME:
        tool(cx, action, e);
        break;
    case USER_ID:
        session(cx, e);
        break;
    case MESSAGE:
        s->messages_seen = true;
        if (begins(e)) {
            s->role = 0;
            s->message = cx->host->group_begin(cx->call);
        } else if (ends(e)) {
            message_end(cx);
        }
        break;
    case ROLE:
        s->role = e->type == TP_JSON_STRING && e->len ? e->data[0] : 0;
        break;
    case STRING_CONTENT:
        text_block(cx, &s->part.block, TP_SECTION_MESSAGES, TP_BLOCK_TEXT, e);
        break;
    case PART:
        if (begins(e))
            part_begin(cx);
        else if (ends(e))
            part_end(cx);
        break;
    default:
        part_json(cx, action, e);
    }
}

static void request_end(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    memset(&s->part, 0, sizeof(s->part));
    s->in_answer = true;
}

/* ---- answer ---- */

static void document_begin(struct tp_call_cx *cx, const char *event)
{
    struct state *s = cx->state;
    (void)event; /* its `type` says the same, also where there is no name */
    s->event = EVENT_OTHER;
    s->index = -1;
    s->in_answer = true;
    if (s->answer_begun)
        return;
    s->answer_begun = true;
    s->answer = cx->host->group_begin(cx->call);
}

static struct tp_block **streamed(struct state *s)
{
    int64_t index = s->index >= 0 ? s->index : s->latest;
    return &s->streamed[index % STREAMED_MAX];
}

static void stream_start(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    struct tp_block **at;
    if (s->index >= 0)
        s->latest = s->index;
    at = streamed(s);
    cx->host->block_close(*at);
    part_kind(cx, &s->part);
    *at = s->part.block;
    if (*at || s->part.type != UNKNOWN) {
        cx->host->block_discard(s->part.other);
    } else {
        cx->host->block_name(s->part.other, s->part.type_name, s->part.type_len);
        *at = s->part.other;
    }
    if (s->part.type == TOOL_RESULT || s->part.result_id_len)
        result_end(cx, &s->part);
    memset(&s->part, 0, sizeof(s->part));
}

static void document_end(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    if (s->event == EVENT_START) {
        stream_start(cx);
    } else if (s->event == EVENT_STOP) {
        cx->host->block_close(*streamed(s));
        *streamed(s) = NULL;
    }
    s->event = EVENT_OTHER;
}

static void delta(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct tp_block **at = streamed(cx->state);
    if (e->type != TP_JSON_STRING)
        return;
    if (e->len)
        cx->host->output_seen(cx->call);
    if (action == DELTA_JSON) {
        cx->host->block_json_text(open_once(cx, at, TP_BLOCK_TOOL_CALL), e->data, e->len);
        return;
    }
    enum tp_block_kind kind = action == DELTA_TEXT ? TP_BLOCK_TEXT : TP_BLOCK_REASONING;
    cx->host->block_text(open_once(cx, at, kind), e->data, e->len);
}

/* An event's `type`; content_block_start is told by its content_block, wherever `type` stands. */
static void type_told(struct tp_call_cx *cx, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (is(e, "content_block_stop"))
        s->event = EVENT_STOP;
    else if (is(e, "message_stop") || is(e, "message"))
        cx->host->set_finished(cx->call);
    else if (is(e, "error"))
        cx->host->set_failed(cx->call);
    if (is(e, "message") || is(e, "message_start") || is(e, "message_delta") ||
        is(e, "content_block_delta"))
        s->message_seen = true;
}

/* Input as the provider counts it leaves out what the cache gave and took. An absent part adds
 * nothing. */
static void usage(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    int64_t n = cx->host->whole_number(e);
    if (n < 0)
        return;
    s->usage_seen = true;
    switch (action) {
    case USAGE_INPUT:
        s->input = n;
        break;
    case USAGE_READ:
        s->read = n;
        break;
    case USAGE_WRITE:
        s->write = n;
        break;
    case USAGE_WRITE_5M:
        s->write_5m = n;
        break;
    case USAGE_WRITE_1H:
        s->write_1h = n;
        break;
    default:
        cx->host->set_usage(cx->call, action == USAGE_OUTPUT ? TP_USAGE_OUTPUT : TP_USAGE_REASONING,
                            n);
    }
}

static int64_t known(int64_t n)
{
    return n > 0 ? n : 0;
}

static void usage_end(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    int64_t write = s->write;
    if (write < 0 && (s->write_5m >= 0 || s->write_1h >= 0))
        write = known(s->write_5m) + known(s->write_1h);
    if (s->input >= 0)
        cx->host->set_usage(cx->call, TP_USAGE_INPUT, s->input + known(s->read) + known(write));
    cx->host->set_usage(cx->call, TP_USAGE_CACHE_READ, s->read);
    cx->host->set_usage(cx->call, TP_USAGE_CACHE_WRITE, write);
    cx->host->set_usage(cx->call, TP_USAGE_CACHE_WRITE_5M, s->write_5m);
    cx->host->set_usage(cx->call, TP_USAGE_CACHE_WRITE_1H, s->write_1h);
}

static void answer_part(struct tp_call_cx *cx, const struct tp_json_event *e, bool streaming)
{
    struct state *s = cx->state;
    if (begins(e)) {
        part_begin(cx);
        s->event = streaming ? EVENT_START : s->event;
        cx->host->output_seen(cx->call);
    } else if (ends(e) && s->event != EVENT_START) {
        part_end(cx);
    }
}

static void response_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    switch (action) {
    case TYPE:
        type_told(cx, e);
        break;
    case RESPONSE_ID:
        set_string(cx, TP_CALL_RESPONSE_ID, e);
        break;
    case MODEL:
        set_string(cx, TP_CALL_MODEL, e);
        break;
    case STOP_REASON:
        set_string(cx, TP_CALL_STOP_REASON, e);
        break;
    case TIER:
        set_string(cx, TP_CALL_SERVICE_TIER, e);
        break;
    case ERROR_OBJECT:
        if (begins(e) || e->type == TP_JSON_STRING)
            cx->host->set_failed(cx->call);
        break;
    case INDEX:
        s->index = cx->host->whole_number(e);
        break;
    case PART:
        answer_part(cx, e, false);
        break;
    case STARTED:
        answer_part(cx, e, true);
        break;
    case DELTA_TEXT:
    case DELTA_JSON:
    case DELTA_THINKING:
        delta(cx, action, e);
        break;
    default:
        if (action >= USAGE_INPUT)
            usage(cx, action, e);
        else
            part_json(cx, action, e);
    }
}

static void response_end(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    struct tp_group_end end = {.kind = TP_BLOCK_ASSISTANT};
    for (int i = 0; i < STREAMED_MAX; i++)
        cx->host->block_close(s->streamed[i]);
    if (s->answer_begun)
        cx->host->group_end(cx->call, s->answer, &end);
    usage_end(cx);
}

/* ---- the API ---- */

static bool path_ends(const char *path, const char *end)
{
    size_t n = strlen(path), m = strlen(end);
    return n >= m && strcmp(path + n - m, end) == 0;
}

static int match(const struct tp_http_view *request)
{
    const char *path = request->path;
    if (strstr(path, "/messages/count_tokens") || strstr(path, "/messages/batches"))
        return TP_MATCH_NOT_A_CALL;
    if (strcmp(request->method, "POST") != 0)
        return 0;
    if (path_ends(path, "/v1/messages"))
        return 95;
    if (strstr(path, "/publishers/anthropic/models/") &&
        (path_ends(path, ":rawPredict") || path_ends(path, ":streamRawPredict")))
        return strstr(path, "count-tokens") ? TP_MATCH_NOT_A_CALL : 95;
    return path_ends(path, "/messages") ? 60 : 0;
}

static int shape(const struct tp_call_cx *cx)
{
    const struct state *s = cx->state;
    return s->message_seen && s->usage_seen ? 80 : s->message_seen ? 55 : s->messages_seen ? 10 : 0;
}

static const char *const anchors[] = {"usage", NULL};

static const struct tp_provider_api api = {
    .name = "anthropic.messages",
    .provider = "anthropic",
    .state_size = sizeof(struct state),
    .match = match,
    .request_rules = request_rules,
    .response_rules = response_rules,
    .anchors = anchors,
    .request_begin = request_begin,
    .request_json = request_json,
    .request_end = request_end,
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
    .name = "provider_anthropic",
    .version = "1",
    .summary = "Anthropic Messages, on any host",
    .ops.provider = &ops,
};
TP_PLUGIN(plugin);
