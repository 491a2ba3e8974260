/* SPDX-License-Identifier: MIT */
#include "tests/support/recording.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tokprof/event.h>

/* 1 June 2026 */
#define EPOCH_NS UINT64_C(1780272000000000000)

struct tp_hash tp_test_id(unsigned number)
{
    struct tp_hash h = {{0}};
    for (int i = 0; i < 4; i++)
        h.b[i] = (uint8_t)(number >> (24 - 8 * i));
    h.b[15] = 1;
    return h;
}

static struct tp_hash content_hash(const char *kind, const char *name, const char *content)
{
    struct tp_hash_key key = {{7}, ""};
    char text[256];
    snprintf(text, sizeof(text), "%s/%s/%s", kind, name, content);
    return tp_hash_of(&key, text, strlen(text));
}

static void pack_block(struct tp_pack *p, char *text)
{
    char *field[5] = {"-", "-", "-", "-", "-"}, *rest = NULL;
    int n = 0;
    for (char *s = strtok_r(text, "/", &rest); s && n < 5; s = strtok_r(NULL, "/", &rest))
        field[n++] = s;
    struct tp_hash hash = content_hash(field[0], field[1], field[2]);
    tp_pack_map_begin(p);
    tp_pack_kv_str(p, TP_B_KIND, field[0]);
    tp_pack_kv_hash(p, TP_B_HASH, &hash);
    if (field[3][0] != '-') {
        tp_pack_kv_u64(p, TP_B_BYTES, 4 * strtoull(field[3], NULL, 10));
        tp_pack_kv_u64(p, TP_B_TOKENS, strtoull(field[3], NULL, 10));
    }
    tp_pack_kv_str(p, TP_B_NAME, field[1][0] == '-' ? NULL : field[1]);
    tp_pack_kv_str(p, TP_B_CALL_ID, field[4][0] == '-' ? NULL : field[4]);
    tp_pack_end(p);
}

static void pack_blocks(struct tp_pack *p, const char *key, const char *blocks)
{
    char *copy = strdup(blocks ? blocks : ""), *rest = NULL;
    tp_pack_key(p, key);
    tp_pack_array_begin(p);
    for (char *s = strtok_r(copy, " ", &rest); s; s = strtok_r(NULL, " ", &rest))
        pack_block(p, s);
    tp_pack_end(p);
    free(copy);
}

static void pack_usage(struct tp_pack *p, const struct tp_test_call *call)
{
    tp_pack_key(p, TP_K_USAGE);
    tp_pack_map_begin(p);
    tp_pack_kv_known(p, TP_U_INPUT, call->input);
    tp_pack_kv_known(p, TP_U_CACHE_READ, call->cache_read);
    tp_pack_kv_known(p, TP_U_CACHE_WRITE, call->cache_write);
    tp_pack_kv_known(p, TP_U_CACHE_WRITE_1H, call->cache_write_1h);
    tp_pack_kv_known(p, TP_U_OUTPUT, call->output_tokens);
    tp_pack_kv_known(p, TP_U_REASONING, call->reasoning);
    tp_pack_end(p);
}

void tp_test_call_pack(struct tp_pack *p, const struct tp_test_call *call)
{
    struct tp_hash id = tp_test_id(call->id), parent = tp_test_id(call->parent);
    tp_pack_clear(p);
    tp_pack_map_begin(p);
    tp_pack_kv_u64(p, TP_K_VERSION, TP_EVENT_VERSION);
    tp_pack_kv_str(p, TP_K_KIND, TP_KIND_CALL);
    tp_pack_kv_hash(p, TP_K_ID, &id);
    tp_pack_kv_u64(p, TP_K_TIME, EPOCH_NS + call->start_ms * 1000000);
    tp_pack_kv_str(p, TP_K_MACHINE, "host");
    tp_pack_kv_u64(p, TP_K_PID, 42);
    tp_pack_kv_str(p, TP_K_COMM, "node");
    tp_pack_kv_str(p, TP_K_PROGRAM, "agent");
    tp_pack_kv_str(p, TP_K_TREE, "00000000000000aa");
    tp_pack_kv_str(p, TP_K_SESSION, call->session);
    tp_pack_kv_str(p, TP_K_TASK, call->task);
    tp_pack_kv_str(p, TP_K_PROVIDER, "openai");
    tp_pack_kv_str(p, TP_K_API, "openai.chat");
    tp_pack_kv_str(p, TP_K_MODEL, call->model);
    tp_pack_kv_str(p, TP_K_OUTCOME, call->outcome);
    tp_pack_kv_str(p, TP_K_PREVIOUS_ID, call->previous);
    tp_pack_kv_bool(p, TP_K_COMPLETE, call->lost_bytes == 0);
    tp_pack_kv_u64(p, TP_K_LOST_BYTES, (uint64_t)call->lost_bytes);
    tp_pack_kv_known(p, TP_K_T_END, call->duration_ms < 0 ? -1 : call->duration_ms * 1000000);
    pack_usage(p, call);
    if (call->parent)
        tp_pack_kv_hash(p, TP_K_PARENT, &parent);
    tp_pack_kv_known(p, TP_K_SHARED, call->shared);
    pack_blocks(p, TP_K_BLOCKS, call->blocks);
    pack_blocks(p, TP_K_OUTPUT, call->output);
    /* A key of a later version. */
    tp_pack_kv_str(p, "later", "ignored");
    tp_pack_end(p);
}
