/* SPDX-License-Identifier: MIT
 * Coding agents by the signs in their requests' headers, and where they name session, conversation,
 * subagent, turn and project, as released versions and their public sources show it. Data only: a
 * new agent is a new table. User ids, machine ids and paths stand nowhere in it; where an id may be
 * one, the host keeps its hash.
 */
#include <tokprof/plugin.h>

#define HEADER(what, name)                                                                         \
    {                                                                                              \
        .fact = TP_AGENT_##what, .header = (name)                                                  \
    }
#define HEADER_MEMBER(what, name, path)                                                            \
    {                                                                                              \
        .fact = TP_AGENT_##what, .header = (name), .member = (path)                                \
    }
#define BODY(what, path)                                                                           \
    {                                                                                              \
        .fact = TP_AGENT_##what, .body = (path)                                                    \
    }
#define BODY_MEMBER(what, path, within)                                                            \
    {                                                                                              \
        .fact = TP_AGENT_##what, .body = (path), .member = (within)                                \
    }
#define BODY_LOOSE(what, path)                                                                     \
    {                                                                                              \
        .fact = TP_AGENT_##what, .form = TP_AGENT_LOOSE, .body = (path)                            \
    }
#define HEADER_HASHED(what, name)                                                                  \
    {                                                                                              \
        .fact = TP_AGENT_##what, .form = TP_AGENT_HASHED, .header = (name)                         \
    }

/* ---- Claude Code: a user id of one line, "user_..._account_..._session_UUID", later of JSON ----
 */

#define CLAUDE_USER_ID                                                                             \
    BODY_MEMBER(SESSION, "metadata.user_id", "session_id"),                                        \
    {                                                                                              \
        .fact = TP_AGENT_SESSION, .body = "metadata.user_id", .after = "_session_"                 \
    }

static const struct tp_agent_sign claude_signs[] = {{"user-agent", "claude-cli/*"},
                                                    {"user-agent", "claude-code/*"},
                                                    {"x-claude-code-session-id", "*"},
                                                    {NULL, NULL}};
static const struct tp_agent_place claude[] = {
    HEADER(SESSION, "x-claude-code-session-id"),
    CLAUDE_USER_ID,
    HEADER(THREAD, "x-claude-code-agent-id"),
    HEADER(PARENT_THREAD, "x-claude-code-parent-agent-id"),
    BODY_MEMBER(PARENT_THREAD, "metadata.user_id", "parent_session_id"),
    HEADER(SUBAGENT, "x-claude-code-agent-type"),
    HEADER(TURN, "x-claude-code-prompt-id"),
    {0},
};

/* ---- codex: over WebSocket each message's body is newer than the head that opened it ---- */

#define TURN_METADATA "x-codex-turn-metadata"
#define CODEX_TURN_METADATA(what, path)                                                            \
    BODY_MEMBER(what, "client_metadata." TURN_METADATA, path),                                     \
        HEADER_MEMBER(what, TURN_METADATA, path)

static const struct tp_agent_sign codex_signs[] = {
    {"user-agent", "codex*"},    {"originator", "codex*"},   {TURN_METADATA, "*"},
    {"x-codex-turn-state", "*"}, {"x-codex-window-id", "*"}, {NULL, NULL}};
static const struct tp_agent_place codex[] = {
    BODY(SESSION, "client_metadata.session_id"),
    CODEX_TURN_METADATA(SESSION, "session_id"),
    HEADER(SESSION, "session-id"),
    HEADER(SESSION, "session_id"),
    HEADER(SESSION, "conversation_id"),
    BODY(SESSION, "prompt_cache_key"),
    HEADER(SESSION, "thread-id"),
    BODY(THREAD, "client_metadata.thread_id"),
    CODEX_TURN_METADATA(THREAD, "thread_id"),
    HEADER(THREAD, "thread-id"),
    HEADER(THREAD, "thread_id"),
    HEADER(THREAD, "conversation_id"),
    BODY(PARENT_THREAD, "client_metadata.x-codex-parent-thread-id"),
    BODY(PARENT_THREAD, "client_metadata.parent_thread_id"),
    CODEX_TURN_METADATA(PARENT_THREAD, "parent_thread_id"),
    HEADER(PARENT_THREAD, "x-codex-parent-thread-id"),
    BODY(SUBAGENT, "client_metadata.x-openai-subagent"),
    HEADER(SUBAGENT, "x-openai-subagent"),
    CODEX_TURN_METADATA(SUBAGENT, "subagent_kind"),
    BODY(TURN, "client_metadata.turn_id"),
    CODEX_TURN_METADATA(TURN, "turn_id"),
    {0},
};

/* ---- opencode and Kilo, which grew out of it: each conversation is a session ---- */

#define SAME(name) HEADER(SESSION, name), HEADER(THREAD, name)

static const struct tp_agent_sign kilo_signs[] = {
    {"user-agent", "kilo-code/*"}, {"user-agent", "kilocode/*"}, {"user-agent", "opencode-kilo*"},
    {"originator", "kilo-code"},   {"x-kilocode-taskid", "*"},   {"x-kilocode-editorname", "*"},
    {"x-kilocode-version", "*"},   {"x-title", "kilo code"},     {NULL, NULL}};
static const struct tp_agent_place kilo[] = {
    SAME("x-kilocode-taskid"),
    SAME("x-kilo-session"),
    SAME("x-session-id"),
    SAME("x-session-affinity"),
    HEADER(PARENT_THREAD, "x-kilocode-parent-taskid"),
    HEADER(PARENT_THREAD, "x-parent-session-id"),
    HEADER_HASHED(PROJECT, "x-kilocode-projectid"),
    {0},
};

static const struct tp_agent_sign opencode_signs[] = {{"user-agent", "opencode/*"},
                                                      {"user-agent", "opencode-*"},
                                                      {"user-agent", "* opencode/*"},
                                                      {"x-opencode-session", "*"},
                                                      {"x-opencode-client", "*"},
                                                      {"originator", "opencode"},
                                                      {"x-title", "opencode"},
                                                      {"http-referer", "https://opencode.ai*"},
                                                      {NULL, NULL}};
static const struct tp_agent_place opencode[] = {
    SAME("x-session-id"),
    SAME("x-opencode-session"),
    SAME("x-session-affinity"),
    SAME("session-id"),
    SAME("session_id"),
    BODY(SESSION, "prompt_cache_key"),
    BODY(SESSION, "promptCacheKey"),
    HEADER(PARENT_THREAD, "x-parent-session-id"),
    HEADER(TURN, "x-opencode-request"),
    HEADER_HASHED(PROJECT, "x-opencode-project"),
    {0},
};

/* ---- gemini-cli (Code Assist's bodies; with an API key it names nothing) and qwen-code ---- */

static const struct tp_agent_sign gemini_signs[] = {
    {"user-agent", "geminicli*"}, {"x-gemini-api-privileged-user-id", "*"}, {NULL, NULL}};
static const struct tp_agent_place gemini[] = {
    BODY(SESSION, "request.session_id"),
    BODY(SESSION, "session_id"),
    BODY(TURN, "user_prompt_id"),
    {0},
};

static const struct tp_agent_sign qwen_signs[] = {
    {"user-agent", "qwencode/*"}, {"x-dashscope-useragent", "qwencode/*"}, {NULL, NULL}};
static const struct tp_agent_place qwen[] = {
    HEADER(SESSION, "x-qwen-code-session-id"),
    BODY(SESSION, "metadata.sessionId"),
    BODY(TURN, "metadata.promptId"),
    {0},
};

/* ---- GitHub Copilot ---- */

static const struct tp_agent_sign copilot_cli_signs[] = {
    {"user-agent", "copilot/*"},
    {"user-agent", "copilot-cli/*"},
    {"copilot-integration-id", "copilot-developer-cli"},
    {NULL, NULL}};
static const struct tp_agent_sign copilot_signs[] = {{"user-agent", "githubcopilotchat/*"},
                                                     {"editor-plugin-version", "copilot*"},
                                                     {"copilot-integration-id", "*"},
                                                     {NULL, NULL}};
static const struct tp_agent_place copilot[] = {
    HEADER(SESSION, "x-client-session-id"), HEADER(SESSION, "vscode-sessionid"),
    HEADER(THREAD, "x-agent-task-id"),      HEADER(PARENT_THREAD, "x-parent-agent-id"),
    HEADER(TURN, "x-interaction-id"),       {0},
};

/* ---- agents whose tasks are their sessions ---- */

static const struct tp_agent_sign cline_signs[] = {{"user-agent", "cline/*"},
                                                   {"x-title", "cline"},
                                                   {"http-referer", "https://cline.bot*"},
                                                   {NULL, NULL}};
static const struct tp_agent_place cline[] = {SAME("x-task-id"), {0}};

static const struct tp_agent_sign roo_signs[] = {
    {"user-agent", "roocode/*"}, {"user-agent", "roo-code/*"}, {"originator", "roo-code"},
    {"x-title", "roo code"},     {"x-roo-task-id", "*"},       {NULL, NULL}};
static const struct tp_agent_place roo[] = {
    HEADER(SESSION, "x-roo-root-task-id"), SAME("x-roo-task-id"), SAME("session_id"), {0}};

static const struct tp_agent_sign amp_signs[] = {{"user-agent", "amp/*"},
                                                 {"x-amp-thread-id", "*"},
                                                 {"x-amp-client-application", "*"},
                                                 {NULL, NULL}};
static const struct tp_agent_place amp[] = {
    SAME("x-amp-thread-id"), HEADER(TURN, "x-amp-message-id"), {0}};

static const struct tp_agent_sign zed_signs[] = {
    {"user-agent", "zed/*"}, {"x-zed-version", "*"}, {NULL, NULL}};
static const struct tp_agent_place zed[] = {
    BODY(SESSION, "thread_id"), BODY(THREAD, "thread_id"), BODY(TURN, "prompt_id"), {0}};

static const struct tp_agent_sign goose_signs[] = {
    {"user-agent", "goose/*"},   {"user-agent", "goose-*"}, {"x-title", "goose"},
    {"x-goose-session-id", "*"}, {"goose-session-id", "*"}, {NULL, NULL}};
static const struct tp_agent_place goose[] = {HEADER(SESSION, "x-goose-session-id"),
                                              HEADER(SESSION, "goose-session-id"),
                                              HEADER(SESSION, "agent-session-id"),
                                              {0}};

/* ---- named by signs; what they tell stands where any agent's does ---- */

static const struct tp_agent_place no_places[] = {{0}};

#define KNOWN_BY(id, ...)                                                                          \
    static const struct tp_agent_sign id##_signs[] = {__VA_ARGS__, {NULL, NULL}}

KNOWN_BY(pi, {"user-agent", "pi/*"}, {"user-agent", "pi (*"}, {"user-agent", "pi-coding-agent*"},
         {"originator", "pi"});
KNOWN_BY(crush, {"user-agent", "charm crush/*"}, {"user-agent", "charm-crush/*"},
         {"user-agent", "crush/*"});
KNOWN_BY(aider, {"user-agent", "aider/*"}, {"x-title", "aider"},
         {"http-referer", "https://aider.chat*"});
KNOWN_BY(continue_, {"user-agent", "continue/*"}, {"x-title", "continue"});
KNOWN_BY(cursor, {"user-agent", "cursor/*"}, {"x-cursor-client-version", "*"});
KNOWN_BY(kimi, {"user-agent", "kimicli/*"}, {"user-agent", "kimi-cli/*"},
         {"user-agent", "kimi-code*"});
KNOWN_BY(droid, {"user-agent", "factory-cli/*"});
KNOWN_BY(kiro, {"user-agent", "kiro*"}, {"user-agent", "amazonq-for-cli*"});
KNOWN_BY(antigravity, {"user-agent", "antigravity/*"});
KNOWN_BY(junie, {"user-agent", "junie*"});
KNOWN_BY(openhands, {"user-agent", "openhands*"});
KNOWN_BY(codebuddy, {"user-agent", "codebuddy*"});
KNOWN_BY(qoder, {"user-agent", "qoder*"});
KNOWN_BY(vibe, {"user-agent", "mistral-vibe/*"});
KNOWN_BY(mux, {"user-agent", "mux/*"}, {"user-agent", "xum/*"});

/* ---- any agent: headers are made for the purpose, bodies' fields may hold what a user chose ----
 */

static const struct tp_agent_place any[] = {
    HEADER(SESSION, "x-claude-code-session-id"),
    HEADER(SESSION, "session-id"),
    HEADER(SESSION, "session_id"),
    HEADER(SESSION, "x-session-id"),
    HEADER(SESSION, "agent-session-id"),
    HEADER(SESSION, "x-session-affinity"),
    HEADER(SESSION, "x-litellm-session-id"),
    HEADER(SESSION, "helicone-session-id"),
    HEADER(SESSION, "x-conversation-id"),
    HEADER(SESSION, "conversation-id"),
    CLAUDE_USER_ID,
    BODY_LOOSE(SESSION, "client_metadata.session_id"),
    BODY_LOOSE(SESSION, "metadata.session_id"),
    BODY_LOOSE(SESSION, "metadata.sessionId"),
    BODY_LOOSE(SESSION, "prompt_cache_key"),
    HEADER(SESSION, "thread-id"),
    HEADER(THREAD, "thread-id"),
    HEADER(THREAD, "x-conversation-id"),
    HEADER(THREAD, "conversation-id"),
    BODY_LOOSE(THREAD, "conversation"),
    BODY_LOOSE(THREAD, "conversation.id"),
    HEADER(PARENT_THREAD, "x-parent-session-id"),
    HEADER(SUBAGENT, "x-openai-subagent"),
    {0},
};

static const struct tp_agent agents[] = {
    {"claude-code", claude_signs, claude},
    {"codex", codex_signs, codex},
    {"kilo-code", kilo_signs, kilo},
    {"opencode", opencode_signs, opencode},
    {"gemini-cli", gemini_signs, gemini},
    {"qwen-code", qwen_signs, qwen},
    {"copilot-cli", copilot_cli_signs, copilot},
    {"copilot", copilot_signs, copilot},
    {"cline", cline_signs, cline},
    {"roo-code", roo_signs, roo},
    {"amp", amp_signs, amp},
    {"zed", zed_signs, zed},
    {"goose", goose_signs, goose},
    {"pi", pi_signs, no_places},
    {"crush", crush_signs, no_places},
    {"aider", aider_signs, no_places},
    {"continue", continue__signs, no_places},
    {"cursor", cursor_signs, no_places},
    {"kimi-cli", kimi_signs, no_places},
    {"droid", droid_signs, no_places},
    {"kiro", kiro_signs, no_places},
    {"antigravity", antigravity_signs, no_places},
    {"junie", junie_signs, no_places},
    {"openhands", openhands_signs, no_places},
    {"codebuddy", codebuddy_signs, no_places},
    {"qoder", qoder_signs, no_places},
    {"mistral-vibe", vibe_signs, no_places},
    {"mux", mux_signs, no_places},
    {NULL, NULL, any},
    {NULL, NULL, NULL},
};

static const struct tp_agent_ops ops = {.agents = agents};

static const struct tp_plugin plugin = {
    .magic = TP_PLUGIN_MAGIC,
    .abi = TP_PLUGIN_ABI,
    .size = sizeof(struct tp_plugin),
    .kind = TP_PLUGIN_AGENT,
    .name = "agent_profiles",
    .version = "1",
    .summary = "agents, sessions, threads, subagents and turns by requests' headers and bodies",
    .ops.agent = &ops,
};
TP_PLUGIN(plugin);
