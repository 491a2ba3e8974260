/* SPDX-License-Identifier: MIT */
#include "servertools.h"

static const char *const names[] = {
    [SERVER_WEB_SEARCH - SERVER_TOOL_FIRST] = "web_search",
    [SERVER_WEB_FETCH - SERVER_TOOL_FIRST] = "web_fetch",
    [SERVER_FILE_SEARCH - SERVER_TOOL_FIRST] = "file_search",
    [SERVER_CODE_EXECUTION - SERVER_TOOL_FIRST] = "code_execution",
    [SERVER_X_SEARCH - SERVER_TOOL_FIRST] = "x_search",
    [SERVER_IMAGE_GENERATION - SERVER_TOOL_FIRST] = "image_generation",
    [SERVER_IMAGE_PROCESS - SERVER_TOOL_FIRST] = "image_process",
    [SERVER_MCP - SERVER_TOOL_FIRST] = "mcp",
    [SERVER_SOURCE - SERVER_TOOL_FIRST] = "search_source",
};

static void set(struct tp_call_cx *cx, int tool, int64_t count)
{
    const char *name = names[tool - SERVER_TOOL_FIRST];
    cx->host->set_server_tool(cx->call, name, strlen(name), count);
}

static void action_json(struct tp_call_cx *cx, struct server_tools *t, int action,
                        const struct tp_json_event *e)
{
    if (action == SERVER_ACTION_NAME) {
        t->name_len = copy_string(t->name, sizeof(t->name), e);
    } else if (action == SERVER_ACTION_COUNT) {
        t->count = cx->host->whole_number(e);
    } else if (begins(e)) {
        t->name_len = 0;
        t->count = -1;
    } else if (ends(e)) {
        cx->host->set_server_tool(cx->call, t->name, t->name_len, t->count);
    }
}

static void executed_json(struct tp_call_cx *cx, struct server_tools *t, int action,
                          const struct tp_json_event *e)
{
    if (action == SERVER_EXECUTED_TYPE) {
        t->name_len = copy_string(t->name, sizeof(t->name), e);
    } else if (action == SERVER_EXECUTED_OUTPUT) {
        t->done |= e->type == TP_JSON_STRING && e->len;
    } else if (begins(e)) {
        t->name_len = 0;
        t->done = false;
    } else if (ends(e) && t->done) {
        server_tools_item(cx, t, t->name, t->name_len);
    }
}

void server_tools_json(struct tp_call_cx *cx, struct server_tools *t, int action,
                       const struct tp_json_event *e)
{
    if (action >= SERVER_EXECUTED) {
        executed_json(cx, t, action, e);
    } else if (action >= SERVER_ACTION) {
        action_json(cx, t, action, e);
    } else if (cx->host->whole_number(e) >= 0) {
        t->told[action - SERVER_TOOL_FIRST] = true;
        set(cx, action, cx->host->whole_number(e));
    }
}

static void used(struct tp_call_cx *cx, struct server_tools *t, int tool)
{
    unsigned count = ++t->used[tool - SERVER_TOOL_FIRST];
    if (!t->told[tool - SERVER_TOOL_FIRST])
        set(cx, tool, count);
}

void server_tools_item(struct tp_call_cx *cx, struct server_tools *t, const char *type, size_t n)
{
    static const struct {
        const char *type;
        int tool;
    } types[] = {
        {"web_search_call", SERVER_WEB_SEARCH},
        {"x_search_call", SERVER_X_SEARCH},
        {"file_search_call", SERVER_FILE_SEARCH},
        {"code_interpreter_call", SERVER_CODE_EXECUTION},
        {"image_generation_call", SERVER_IMAGE_GENERATION},
        {"mcp_call", SERVER_MCP},
        {"search", SERVER_WEB_SEARCH},
        {"visit", SERVER_WEB_FETCH},
        {"python", SERVER_CODE_EXECUTION},
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
        if (n == strlen(types[i].type) && memcmp(type, types[i].type, n) == 0)
            used(cx, t, types[i].tool);
}

void server_tools_called(struct tp_call_cx *cx, struct server_tools *t, const char *name, size_t n)
{
    if (n == 11 && memcmp(name, "$web_search", n) == 0)
        used(cx, t, SERVER_WEB_SEARCH);
}
