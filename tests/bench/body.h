/* SPDX-License-Identifier: MIT
 * Request bodies of the size and make that coding agents send: tool schemas, then a conversation of
 * tool calls and results in which code, prose and lists of files stand, with their escapes.
 */
#ifndef TP_BENCH_BODY_H
#define TP_BENCH_BODY_H

#include <stddef.h>
#include <stdint.h>

enum tp_body_api { TP_BODY_MESSAGES, TP_BODY_CHAT, TP_BODY_RESPONSES, TP_BODY_APIS };

struct tp_body {
    char *text;
    size_t len;
};

const char *tp_body_api_name(enum tp_body_api api);
const char *tp_body_path(enum tp_body_api api);

/* At least `bytes` of it. The same seed gives the same conversation; a greater `bytes` goes on with
 * it, so that the one body begins with the blocks of the other. */
struct tp_body tp_body_make(enum tp_body_api api, size_t bytes, uint64_t seed);
void tp_body_free(struct tp_body *body);

#endif
