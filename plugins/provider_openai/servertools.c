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

void server_tools_json(struct tp_call_cx *cx, struct server_tools *t, int action,
                       const struct tp_json_event *e)
{
    if (action >= SERVER_ACTION) {
        action_json(cx, t, action, e);
        return;
    }
    int64_t n = cx->host->whole_number(e);
    if (n < 0)
        return;
    t->told[action - SERVER_TOOL_FIRST] = true;
    set(cx, action, n);
}

void server_tools_used(struct tp_call_cx *cx, struct server_tools *t, int tool)
{
    unsigned used = ++t->used[tool - SERVER_TOOL_FIRST];
    if (!t->told[tool - SERVER_TOOL_FIRST])
        set(cx, tool, used);
}
