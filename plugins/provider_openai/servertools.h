/* SPDX-License-Identifier: MIT
 * Tools that the provider runs itself, as answers tell of them: by counts beside the tokens, in the
 * providers' own spellings, or one item for each use.
 *   OpenRouter   server_tool_use_details.web_search_requests  (https://openrouter.ai/docs)
 *   xAI          server_side_tool_usage_details, num_sources_used  (https://docs.x.ai/docs)
 *   Perplexity   num_search_queries  (https://docs.perplexity.ai)
 *   Ark          tool_usage; bots: bot_usage.action_usage  (https://www.volcengine.com/docs/82379)
 *   Groq         executed_tools of the message  (https://console.groq.com/docs/compound)
 *   Kimi         calls of the tool $web_search  (https://platform.moonshot.ai/docs)
 *   DashScope    plugins.search.count, x_tools  (https://help.aliyun.com/zh/model-studio)
 */
#ifndef PROVIDER_OPENAI_SERVERTOOLS_H
#define PROVIDER_OPENAI_SERVERTOOLS_H

#include "openai.h"

/* Actions, above those of usage.h; the first are tools that have a name here. */
enum {
    SERVER_TOOL_FIRST = 2000,
    SERVER_WEB_SEARCH = SERVER_TOOL_FIRST,
    SERVER_WEB_FETCH,
    SERVER_FILE_SEARCH,
    SERVER_CODE_EXECUTION,
    SERVER_X_SEARCH,
    SERVER_IMAGE_GENERATION,
    SERVER_IMAGE_PROCESS,
    SERVER_MCP,
    SERVER_SOURCE,
    SERVER_TOOL_NAMED,
    SERVER_ACTION = SERVER_TOOL_NAMED, /* of a bot: it names its tools itself */
    SERVER_ACTION_NAME,
    SERVER_ACTION_COUNT,
    SERVER_EXECUTED, /* by Groq */
    SERVER_EXECUTED_TYPE,
    SERVER_EXECUTED_OUTPUT,
};

#define SERVER_TOOL_RULES(at)                                                                      \
    {at ".server_tool_use_details.web_search_requests", SERVER_WEB_SEARCH},                        \
        {at ".server_tool_use.web_search_requests", SERVER_WEB_SEARCH},                            \
        {at ".num_search_queries", SERVER_WEB_SEARCH},                                             \
        {at ".plugins.search.count", SERVER_WEB_SEARCH},                                           \
        {at ".x_tools.web_search.count", SERVER_WEB_SEARCH},                                       \
        {at ".x_tools.web_extractor.count", SERVER_WEB_FETCH},                                     \
        {at ".x_tools.code_interpreter.count", SERVER_CODE_EXECUTION},                             \
        {at ".num_sources_used", SERVER_SOURCE},                                                   \
        {at ".server_side_tool_usage_details.web_search_calls", SERVER_WEB_SEARCH},                \
        {at ".server_side_tool_usage_details.x_search_calls", SERVER_X_SEARCH},                    \
        {at ".server_side_tool_usage_details.code_interpreter_calls", SERVER_CODE_EXECUTION},      \
        {at ".server_side_tool_usage_details.file_search_calls", SERVER_FILE_SEARCH},              \
        {at ".server_side_tool_usage_details.mcp_calls", SERVER_MCP},                              \
        {at ".server_side_tool_usage_details.image_generation_calls", SERVER_IMAGE_GENERATION},    \
        {at ".tool_usage.web_search", SERVER_WEB_SEARCH}, {at ".tool_usage.mcp", SERVER_MCP},      \
        {at ".tool_usage.image_process", SERVER_IMAGE_PROCESS},                                    \
    {                                                                                              \
        at ".tool_usage.knowledge_search", SERVER_FILE_SEARCH                                      \
    }

#define SERVER_ACTION_RULES(at)                                                                    \
    {at "[]", SERVER_ACTION}, {at "[].name", SERVER_ACTION_NAME, true},                            \
        {at "[].search_count", SERVER_ACTION_COUNT},                                               \
    {                                                                                              \
        at "[].count", SERVER_ACTION_COUNT                                                         \
    }

#define SERVER_EXECUTED_RULES(at)                                                                  \
    {at "[]", SERVER_EXECUTED}, {at "[].type", SERVER_EXECUTED_TYPE, true},                        \
    {                                                                                              \
        at "[].output", SERVER_EXECUTED_OUTPUT                                                     \
    }

struct server_tools {
    unsigned used[SERVER_TOOL_NAMED - SERVER_TOOL_FIRST]; /* items */
    bool told[SERVER_TOOL_NAMED - SERVER_TOOL_FIRST];     /* a count, which counts more */
    char name[64];                                        /* of the entry at hand */
    size_t name_len;
    int64_t count;
    bool done; /* it has an output */
};

/* An event of a SERVER_* action. */
void server_tools_json(struct tp_call_cx *cx, struct server_tools *t, int action,
                       const struct tp_json_event *e);
/* One use, as an item of such a type or, in Groq's answers, an entry; no such tool: nothing. */
void server_tools_item(struct tp_call_cx *cx, struct server_tools *t, const char *type, size_t n);
/* A tool call by this name was asked for that the provider itself will run. */
void server_tools_called(struct tp_call_cx *cx, struct server_tools *t, const char *name, size_t n);

#endif
