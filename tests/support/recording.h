/* SPDX-License-Identifier: MIT
 * Events for tests of the analyzer, written as the collector writes them.
 */
#ifndef TP_TEST_RECORDING_H
#define TP_TEST_RECORDING_H

#include <stdint.h>

#include "common/pack.h"

/* A call. Numbers below zero are left out; ids are small numbers, 0: none. */
struct tp_test_call {
    unsigned id, parent;
    int64_t shared;
    uint64_t start_ms;
    int64_t duration_ms;
    const char *model, *outcome, *session, *task, *previous;
    /* Blocks: "kind/name/content/estimate/call-id" each, apart by spaces; "-" for none. */
    const char *blocks, *output;
    int64_t input, cache_read, cache_write, cache_write_1h, output_tokens, reasoning;
    int64_t lost_bytes;
};

/* All numbers unknown, but for those given. */
#pragma GCC diagnostic ignored "-Woverride-init"
#define TP_TEST_CALL(...)                                                                          \
    ((struct tp_test_call){.shared = -1,                                                           \
                           .duration_ms = 100,                                                     \
                           .input = -1,                                                            \
                           .cache_read = -1,                                                       \
                           .cache_write = -1,                                                      \
                           .cache_write_1h = -1,                                                   \
                           .output_tokens = -1,                                                    \
                           .reasoning = -1,                                                        \
                           .outcome = "ok",                                                        \
                           .model = "gpt-5",                                                       \
                           __VA_ARGS__})

/* Writes the event into the (initialised) pack. */
void tp_test_call_pack(struct tp_pack *pack, const struct tp_test_call *call);

struct tp_hash tp_test_id(unsigned number);

#endif
