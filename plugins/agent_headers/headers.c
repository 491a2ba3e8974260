/* SPDX-License-Identifier: MIT
 * Coding agents by their User-Agent, and the headers in which they name their sessions, as their
 * requests show them. Data only: a new agent is a new line.
 */
#include <tokprof/plugin.h>

static const char *const claude_code[] = {"x-claude-code-session-id", NULL};
static const char *const codex[] = {"session-id", "session_id", "thread-id", NULL};
static const char *const opencode[] = {"x-session-id", "x-session-affinity", NULL};
static const char *const any[] = {
    "x-claude-code-session-id", "session-id", "session_id", "x-session-id", "thread-id",
    "x-session-affinity",       NULL};
static const char *const none[] = {NULL};

static const struct tp_agent agents[] = {
    {"claude-code", "claude-cli/", claude_code},
    {"codex", "codex", codex},
    {"opencode", "opencode/", opencode},
    {"gemini-cli", "GeminiCLI", none},
    {"qwen-code", "QwenCode/", none},
    {NULL, NULL, any},
    {NULL, NULL, NULL},
};

static const struct tp_agent_ops ops = {.agents = agents};

static const struct tp_plugin plugin = {
    .magic = TP_PLUGIN_MAGIC,
    .abi = TP_PLUGIN_ABI,
    .size = sizeof(struct tp_plugin),
    .kind = TP_PLUGIN_AGENT,
    .name = "agent_headers",
    .version = "1",
    .summary = "agents and sessions by request headers",
    .ops.agent = &ops,
};
TP_PLUGIN(plugin);
