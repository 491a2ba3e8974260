/* SPDX-License-Identifier: MIT */
#include "collector/callevent.h"

#include <stdlib.h>
#include <string.h>
#include <tokprof/event.h>

static const char *const outcome_names[] = {"ok", "error", "cancelled"};
static const char *const modality_names[] = {"text", "image", "audio", "video"};

static const char *const usage_keys[TP_USAGE_FIELDS] = {
    [TP_USAGE_INPUT] = TP_U_INPUT,
    [TP_USAGE_CACHE_READ] = TP_U_CACHE_READ,
    [TP_USAGE_CACHE_WRITE] = TP_U_CACHE_WRITE,
    [TP_USAGE_CACHE_WRITE_5M] = TP_U_CACHE_WRITE_5M,
    [TP_USAGE_CACHE_WRITE_1H] = TP_U_CACHE_WRITE_1H,
    [TP_USAGE_OUTPUT] = TP_U_OUTPUT,
    [TP_USAGE_REASONING] = TP_U_REASONING,
};

/* What every kind of event begins with. */
static void event_begin(struct tp_pack *p, const struct tp_calls_options *o, const char *kind,
                        const struct tp_hash *id, uint64_t time_ns)
{
    tp_pack_clear(p);
    tp_pack_map_begin(p);
    tp_pack_kv_u64(p, TP_K_VERSION, TP_EVENT_VERSION);
    tp_pack_kv_str(p, TP_K_KIND, kind);
    tp_pack_kv_hash(p, TP_K_ID, id);
    tp_pack_kv_u64(p, TP_K_TIME, time_ns + (uint64_t)o->unix_offset_ns);
    tp_pack_kv_str(p, TP_K_MACHINE, o->machine);
}

static void write_agent(struct tp_pack *p, const struct tp_agent_facts *facts)
{
    static const char *const keys[TP_AGENT_FACTS] = {
        [TP_AGENT_SESSION] = TP_K_SESSION,
        [TP_AGENT_THREAD] = TP_K_THREAD,
        [TP_AGENT_PARENT_THREAD] = TP_K_PARENT_THREAD,
        [TP_AGENT_SUBAGENT] = TP_K_SUBAGENT,
        [TP_AGENT_TURN] = TP_K_TURN,
        [TP_AGENT_PROJECT] = TP_K_PROJECT,
    };
    tp_pack_kv_str(p, TP_K_AGENT, facts->agent ? facts->agent->name : NULL);
    for (int i = 0; i < TP_AGENT_FACTS; i++)
        tp_pack_kv_str(p, keys[i], tp_agent_fact_text(facts, (enum tp_agent_fact)i));
}

static void write_who(struct tp_pack *p, const struct tp_calls_options *o,
                      const struct tp_call_facts *f)
{
    tp_pack_kv_u64(p, TP_K_PID, f->pid);
    if (f->process) {
        tp_pack_kv_str(p, TP_K_COMM, f->process->comm);
        tp_pack_kv_str(p, TP_K_PROGRAM, f->process->program);
        tp_pack_kv_str(p, TP_K_TREE, f->process->tree);
    }
    write_agent(p, f->agent);
    tp_pack_kv_str(p, TP_K_TASK, o->task);
    if (!o->label_count)
        return;
    tp_pack_key(p, TP_K_LABELS);
    tp_pack_map_begin(p);
    for (size_t i = 0; i < o->label_count; i++) {
        tp_pack_key(p, o->labels[i].key);
        tp_pack_str(p, o->labels[i].value, strlen(o->labels[i].value));
    }
    tp_pack_end(p);
}

static void write_what(struct tp_pack *p, const struct tp_call *call, const struct tp_call_facts *f)
{
    const char *model = tp_call_string(call, TP_CALL_MODEL);
    const char *asked = call->strings[0][TP_CALL_MODEL];
    tp_pack_kv_str(p, TP_K_SERVER, f->server);
    tp_pack_kv_str(p, TP_K_PROVIDER, f->provider ? f->provider : call->compiled->api->provider);
    tp_pack_kv_str(p, TP_K_API, call->compiled->api->name);
    tp_pack_kv_str(p, TP_K_MODEL, model);
    if (asked && model && strcmp(asked, model) != 0)
        tp_pack_kv_str(p, TP_K_MODEL_REQ, asked);
    tp_pack_kv_str(p, TP_K_PATH, f->path);
    tp_pack_kv_bool(p, TP_K_STREAM, call->streamed);
    if (f->status > 0)
        tp_pack_kv_u64(p, TP_K_HTTP_STATUS, (uint64_t)f->status);
    tp_pack_kv_str(p, TP_K_OUTCOME, outcome_names[f->outcome]);
    tp_pack_kv_str(p, TP_K_STOP_REASON, call->strings[1][TP_CALL_STOP_REASON]);
    tp_pack_kv_str(p, TP_K_TIER, tp_call_string(call, TP_CALL_SERVICE_TIER));
    tp_pack_kv_str(p, TP_K_RESPONSE_ID, call->strings[1][TP_CALL_RESPONSE_ID]);
    tp_pack_kv_str(p, TP_K_PREVIOUS_ID, call->strings[0][TP_CALL_PREVIOUS_ID]);
    tp_pack_kv_bool(p, TP_K_COMPLETE, f->complete);
    tp_pack_kv_u64(p, TP_K_LOST_BYTES, f->lost_bytes);
}

/* Counted from the call's start: small numbers, and no step of the clock falls between them. */
static void write_time(struct tp_pack *p, const char *key, uint64_t start_ns, uint64_t time_ns)
{
    if (time_ns)
        tp_pack_kv_u64(p, key, time_ns > start_ns ? time_ns - start_ns : 0);
}

static void write_times(struct tp_pack *p, const struct tp_call *call,
                        const struct tp_call_facts *f)
{
    write_time(p, TP_K_T_REQUEST_END, f->start_ns, f->request_end_ns);
    write_time(p, TP_K_T_RESPONSE, f->start_ns, f->response_ns);
    write_time(p, TP_K_T_FIRST_TOKEN, f->start_ns, call->first_output_ns);
    write_time(p, TP_K_T_LAST_TOKEN, f->start_ns, call->last_output_ns);
    write_time(p, TP_K_T_END, f->start_ns, f->end_ns);
}

static void write_modality(struct tp_pack *p, const char *key, const int64_t *tokens)
{
    bool any = false;
    for (int i = 0; i < TP_MODALITIES; i++)
        any |= tokens[i] >= 0;
    if (!any)
        return;
    tp_pack_key(p, key);
    tp_pack_map_begin(p);
    for (int i = 0; i < TP_MODALITIES; i++)
        tp_pack_kv_known(p, modality_names[i], tokens[i]);
    tp_pack_end(p);
}

static void write_usage(struct tp_pack *p, const struct tp_call *call)
{
    tp_pack_key(p, TP_K_USAGE);
    tp_pack_map_begin(p);
    for (int i = 0; i < TP_USAGE_FIELDS; i++)
        tp_pack_kv_known(p, usage_keys[i], call->usage[i]);
    write_modality(p, TP_U_MODALITY_IN, call->modality[0]);
    write_modality(p, TP_U_MODALITY_OUT, call->modality[1]);
    tp_pack_end(p);
}

static void write_server_tools(struct tp_pack *p, const struct tp_call *call)
{
    if (!call->server_tool_count)
        return;
    tp_pack_key(p, TP_K_SERVER_TOOLS);
    tp_pack_map_begin(p);
    for (size_t i = 0; i < call->server_tool_count; i++)
        tp_pack_kv_u64(p, call->server_tools[i].name, call->server_tools[i].count);
    tp_pack_end(p);
}

static void write_transport(struct tp_pack *p, const struct tp_call_facts *f)
{
    tp_pack_key(p, TP_K_TRANSPORT);
    tp_pack_map_begin(p);
    tp_pack_kv_str(p, TP_X_TLS, f->tls);
    tp_pack_kv_str(p, TP_X_HTTP, f->http_version);
    tp_pack_kv_str(p, TP_X_ENCODING, f->encoding);
    tp_pack_end(p);
}

/* Content as UTF-8: bytes that are none become U+FFFD, as in every string of an event. */
static void write_text(struct tp_pack *p, const struct tp_blocks *blocks,
                       const struct tp_block_record *b)
{
    size_t size = 3 * (size_t)b->text_len + 1;
    if (!b->text_len)
        return;
    char *out = malloc(size);
    if (!out)
        return;
    size_t n = tp_utf8_copy(out, size, (const char *)blocks->texts.data + b->text, b->text_len);
    tp_pack_key(p, TP_B_TEXT);
    tp_pack_str(p, out, n);
    free(out);
}

static void write_block(struct tp_pack *p, const struct tp_blocks *blocks,
                        const struct tp_block_record *b)
{
    tp_pack_map_begin(p);
    tp_pack_kv_str(p, TP_B_KIND, tp_block_kind_name(b->kind));
    tp_pack_kv_hash(p, TP_B_HASH, &b->hash);
    tp_pack_kv_u64(p, TP_B_BYTES, b->bytes);
    tp_pack_kv_u64(p, TP_B_TOKENS, b->tokens);
    tp_pack_kv_str(p, TP_B_NAME, tp_blocks_name(blocks, b->name));
    tp_pack_kv_str(p, TP_B_CALL_ID, tp_blocks_name(blocks, b->call_id));
    if (b->has_args)
        tp_pack_kv_hash(p, TP_B_ARGS, &b->args);
    if (b->failed)
        tp_pack_kv_bool(p, TP_B_ERROR, true);
    write_text(p, blocks, b);
    tp_pack_end(p);
}

static void write_block_range(struct tp_pack *p, const char *key, const struct tp_blocks *blocks,
                              uint32_t from, uint32_t to)
{
    tp_pack_key(p, key);
    tp_pack_array_begin(p);
    for (uint32_t i = from; i < to; i++)
        write_block(p, blocks, &blocks->records[i]);
    tp_pack_end(p);
}

/* Only what the parent does not have: contexts grow to megabytes, and each call sends all of it. */
static void write_context(struct tp_pack *p, const struct tp_call *call,
                          const struct tp_call_facts *f)
{
    const struct tp_link_result *l = f->link;
    if (l->has_parent)
        tp_pack_kv_hash(p, TP_K_PARENT, &l->parent);
    if (l->has_parent && l->shared)
        tp_pack_kv_u64(p, TP_K_SHARED, l->shared);
    write_block_range(p, TP_K_BLOCKS, &call->blocks, l->shared, f->request_count);
    write_block_range(p, TP_K_OUTPUT, &call->blocks, f->request_count, call->blocks.count);
    if (l->has_chain)
        tp_pack_kv_hash(p, TP_K_CHAIN, &l->chain);
    if (l->has_chain_out)
        tp_pack_kv_hash(p, TP_K_CHAIN_OUT, &l->chain_out);
    if (l->has_chain_key)
        tp_pack_kv_hash(p, TP_K_CHAIN_KEY, &l->chain_key);
}

void tp_callevent_write(struct tp_pack *pack, const struct tp_calls_options *options,
                        const struct tp_call *call, const struct tp_call_facts *facts)
{
    event_begin(pack, options, TP_KIND_CALL, &facts->id, facts->start_ns);
    write_who(pack, options, facts);
    write_what(pack, call, facts);
    write_times(pack, call, facts);
    write_usage(pack, call);
    write_server_tools(pack, call);
    write_transport(pack, facts);
    write_context(pack, call, facts);
    tp_pack_end(pack);
}

void tp_lossevent_write(struct tp_pack *pack, const struct tp_calls_options *options,
                        const struct tp_loss_facts *facts)
{
    event_begin(pack, options, TP_KIND_LOSS, &facts->id, facts->time_ns);
    tp_pack_kv_u64(pack, TP_K_PID, facts->pid);
    tp_pack_kv_str(pack, TP_K_WHERE, facts->where);
    tp_pack_kv_str(pack, TP_K_WHY, facts->why);
    tp_pack_kv_u64(pack, TP_K_BYTES, facts->bytes);
    tp_pack_kv_u64(pack, TP_K_COUNT, facts->count);
    if (facts->call)
        tp_pack_kv_hash(pack, TP_K_CALL, facts->call);
    tp_pack_end(pack);
}
