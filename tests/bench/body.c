/* SPDX-License-Identifier: MIT */
#include "body.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "report.h"

#define TOOLS 24
#define ROOM (1u << 16) /* more than any one message takes */

struct writer {
    struct tp_body body;
    size_t room;
    uint64_t random;
    enum tp_body_api api;
};

static const char *const words[] = {"buffer", "the",    "stream", "value",  "of",     "context",
                                    "when",   "parser", "is",     "length", "offset", "returns",
                                    "and",    "a",      "token",  "must",   "not",    "be"};

const char *tp_body_api_name(enum tp_body_api api)
{
    static const char *const names[] = {"anthropic.messages", "openai.chat", "openai.responses"};
    return names[api];
}

const char *tp_body_path(enum tp_body_api api)
{
    static const char *const paths[] = {"/v1/messages", "/v1/chat/completions", "/v1/responses"};
    return paths[api];
}

__attribute__((format(printf, 2, 3))) static void put(struct writer *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(w->body.text + w->body.len, w->room - w->body.len, format, args);
    va_end(args);
    if (n > 0)
        w->body.len += (size_t)n;
}

static unsigned pick(struct writer *w, unsigned n)
{
    return (unsigned)(tp_bench_random(&w->random) >> 33) % n;
}

static const char *word(struct writer *w)
{
    return words[pick(w, sizeof(words) / sizeof(*words))];
}

static void sentence(struct writer *w, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        put(w, i ? " %s" : "%s", word(w));
    put(w, ".");
}

/* What a tool read: source code mostly, with the escapes that it needs inside JSON. */
static void file_text(struct writer *w, unsigned lines)
{
    for (unsigned i = 0; i < lines; i++) {
        unsigned kind = pick(w, 8);
        if (kind == 0)
            put(w, "\\n");
        else if (kind == 1)
            put(w, "    printf(\\\"%s: %%d\\\\n\\\", %s_%u);\\n", word(w), word(w), pick(w, 1000));
        else if (kind == 2)
            put(w, "\\t/* %s %s %s %s */\\n", word(w), word(w), word(w), word(w));
        else
            put(w, "    static int %s_%u = %s(%s, %u);\\n", word(w), pick(w, 100000), word(w),
                word(w), pick(w, 100));
    }
}

static void schema(struct writer *w)
{
    put(w, "{\"type\":\"object\",\"properties\":{");
    for (unsigned i = 0; i < 5; i++) {
        put(w, "%s\"%s_%u\":{\"type\":\"%s\",\"description\":\"", i ? "," : "", word(w), i,
            i % 2 ? "string" : "number");
        sentence(w, 12);
        put(w, "\"}");
    }
    put(w, "},\"required\":[\"path\"],\"additionalProperties\":false}");
}

static void tool(struct writer *w, unsigned i)
{
    static const char *const opens[] = {"{", "{\"type\":\"function\",\"function\":{",
                                        "{\"type\":\"function\","};
    put(w, "%s%s\"name\":\"tool_%u\",\"description\":\"", i ? "," : "", opens[w->api], i);
    for (unsigned n = 0; n < 8; n++)
        sentence(w, 14);
    put(w, "\",\"%s\":", w->api == TP_BODY_MESSAGES ? "input_schema" : "parameters");
    schema(w);
    put(w, w->api == TP_BODY_CHAT ? "}}" : "}");
}

/* One round: what the model said and called, and what the tool answered. */
static void round_add(struct writer *w, unsigned i)
{
    unsigned line = pick(w, 1000);
    if (w->api == TP_BODY_MESSAGES) {
        put(w, ",{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"");
        sentence(w, 30);
        put(w,
            "\"},{\"type\":\"tool_use\",\"id\":\"t%u\",\"name\":\"tool_1\",\"input\":{\"path\":"
            "\"src/%s.c\",\"line\":%u}}]},{\"role\":\"user\",\"content\":[{\"type\":"
            "\"tool_result\",\"tool_use_id\":\"t%u\",\"content\":\"",
            i, word(w), line, i);
    } else if (w->api == TP_BODY_CHAT) {
        put(w, ",{\"role\":\"assistant\",\"content\":\"");
        sentence(w, 30);
        put(w,
            "\",\"tool_calls\":[{\"id\":\"t%u\",\"type\":\"function\",\"function\":{\"name\":"
            "\"tool_1\",\"arguments\":\"{\\\"path\\\":\\\"src/%s.c\\\",\\\"line\\\":%u}\"}}]},"
            "{\"role\":\"tool\",\"tool_call_id\":\"t%u\",\"content\":\"",
            i, word(w), line, i);
    } else {
        put(w, ",{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":"
               "\"output_text\",\"text\":\"");
        sentence(w, 30);
        put(w,
            "\"}]},{\"type\":\"function_call\",\"call_id\":\"t%u\",\"name\":\"tool_1\","
            "\"arguments\":\"{\\\"path\\\":\\\"src/%s.c\\\",\\\"line\\\":%u}\"},{\"type\":"
            "\"function_call_output\",\"call_id\":\"t%u\",\"output\":\"",
            i, word(w), line, i);
    }
    file_text(w, 20 + pick(w, 300));
    put(w, w->api == TP_BODY_MESSAGES ? "\"}]}" : "\"}");
}

struct tp_body tp_body_make(enum tp_body_api api, size_t bytes, uint64_t seed)
{
    struct writer w = {.room = bytes + 4 * ROOM, .random = seed * 2 + 1, .api = api};
    w.body.text = malloc(w.room);
    if (!w.body.text)
        abort();
    put(&w, "{\"model\":\"some-model\",\"stream\":true,\"tools\":[");
    for (unsigned i = 0; i < TOOLS; i++)
        tool(&w, i);
    put(&w, "],\"%s\":[{\"role\":\"user\",\"content\":\"",
        api == TP_BODY_RESPONSES ? "input" : "messages");
    sentence(&w, 200);
    put(&w, "\"}");
    for (unsigned i = 0; w.body.len < bytes; i++)
        round_add(&w, i);
    put(&w, "]}");
    return w.body;
}

void tp_body_free(struct tp_body *body)
{
    free(body->text);
    body->text = NULL;
}
