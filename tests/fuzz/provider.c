/* SPDX-License-Identifier: MIT
 * Whole exchanges through tp_calls and every provider plugin. Input: a byte that chooses the path,
 * a byte that chooses cuts and holes, the request's body, "\n--- ", the answer's body.
 */
#include <stdlib.h>
#include <string.h>

#include "collector/calls.h"

static const char *const paths[] = {
    "/v1/messages",
    "/v1/chat/completions",
    "/v1/responses",
    "/v1beta/models/m:streamGenerateContent",
    "/v1/embeddings",
    "/x",
    "/model/m.x/converse-stream",
    "/model/m.x/invoke-with-response-stream",
    "/api/chat",
    "/api/generate",
    "/completion",
    "/v1/completions",
    "/api/v1/services/aigc/text-generation/generation",
    "/v1beta/interactions",
};

/* The body's first bytes, as JSON inside a header; every other case is a known agent's. */
static char metadata[200];
static bool agent_known;

const char *tp_http_field(const struct tp_http_head *head, const char *name)
{
    if (!head->status && agent_known && strcmp(name, "user-agent") == 0)
        return "codex_exec/1";
    if (!head->status && strcmp(name, "x-codex-turn-metadata") == 0)
        return metadata;
    if (strcmp(name, "content-type") == 0 && head->status)
        return head->status == 201   ? "text/event-stream"
               : head->status == 202 ? "application/vnd.amazon.eventstream"
                                     : "application/json";
    return NULL;
}

static int keep(void *cx, const void *data, size_t n)
{
    (void)cx;
    (void)data;
    return n ? 0 : -1;
}

static void feed(void *x, const uint8_t *data, size_t n, unsigned how, bool answer)
{
    const struct tp_exchange_ops *ops = &tp_calls_exchange_ops;
    size_t step = how % 4 == 0 ? n + 1 : how % 4 == 1 ? 1 : how % 61 + 2;
    for (size_t i = 0; i < n; i += step) {
        size_t piece = n - i < step ? n - i : step;
        (answer ? ops->response_body : ops->request_body)(x, data + i, piece, i + 1);
        if ((how & 0x80) && i / step == how % 7)
            (answer ? ops->response_hole : ops->request_hole)(x, 5);
    }
}

static void exchange(struct tp_calls *calls, const uint8_t *data, size_t n, size_t split)
{
    const struct tp_exchange_ops *ops = &tp_calls_exchange_ops;
    struct tp_conn_origin origin = {.pid = 1, .tls = "none"};
    struct tp_http_head head = {.method = "POST",
                                .target = paths[data[0] % (sizeof(paths) / sizeof(*paths))],
                                .version = "1.1"};
    size_t kept = split - 2 < sizeof(metadata) - 1 ? split - 2 : sizeof(metadata) - 1;
    memcpy(metadata, data + 2, kept);
    metadata[kept] = '\0';
    agent_known = data[1] & 4;
    void *x = ops->request_begin(calls, &origin, data[0] & 0x80 ? NULL : &head, 1);
    feed(x, data + 2, split - 2, data[1], false);
    ops->request_end(x, 2);
    head.status = data[1] & 1 ? 201 : data[1] & 2 ? 202 : 200;
    ops->response_begin(x, data[0] & 0x40 ? NULL : &head, 3);
    size_t at = split + 5 < n ? split + 5 : n;
    feed(x, data + at, n - at, data[1] ^ data[0], true);
    ops->response_end(x, data[1] % 4, 9);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct tp_hash_key key;
    static struct tp_calls *calls;
    struct tp_calls_options options = {.size = sizeof(options),
                                       .key = &key,
                                       .sink = {.event = keep},
                                       .machine = "m",
                                       .content = true};
    if (!calls && !(calls = tp_calls_new(&options)))
        abort();
    if (n < 3)
        return 0;
    const uint8_t *mark = memmem(data + 2, n - 2, "\n--- ", 5);
    size_t split = mark ? (size_t)(mark - data) : n;
    exchange(calls, data, n, split);
    exchange(calls, data, n, split);
    return 0;
}
