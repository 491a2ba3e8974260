/* SPDX-License-Identifier: MIT */
#include "analyzer/model/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <tokprof/event.h>

#include "analyzer/attribution/parts.h"
#include "analyzer/model/context.h"
#include "analyzer/model/seen.h"
#include "analyzer/model/tools.h"
#include "common/unpack.h"

#define CONTEXT_BLOCKS_MAX ((size_t)2 << 20)
#define HELD_ROWS_MAX 8192u

struct tp_model {
    const struct tp_model_ops *ops;
    void *cx;
    struct tp_prices *prices;
    struct tp_names *names;
    struct tp_contexts *contexts;
    struct tp_seen *seen;
    struct tp_row **held; /* a ring, oldest at `first` */
    size_t first, held_count, held_max;
};

struct tp_model *tp_model_new(const struct tp_model_ops *ops, void *cx, struct tp_prices *prices,
                              const struct tp_model_limits *limits)
{
    struct tp_model *m = calloc(1, sizeof(*m));
    if (!m)
        return NULL;
    m->ops = ops;
    m->cx = cx;
    m->prices = prices;
    m->held_max = limits && limits->held_rows_max ? limits->held_rows_max : HELD_ROWS_MAX;
    m->names = tp_names_new();
    m->contexts = tp_contexts_new(limits && limits->context_blocks_max ? limits->context_blocks_max
                                                                       : CONTEXT_BLOCKS_MAX);
    m->seen = tp_seen_new();
    m->held = calloc(m->held_max, sizeof(struct tp_row *));
    if (!m->names || !m->contexts || !m->seen || !m->held) {
        tp_model_free(m);
        return NULL;
    }
    return m;
}

void tp_model_free(struct tp_model *model)
{
    if (!model)
        return;
    for (size_t i = 0; i < model->held_count; i++)
        tp_row_unref(model->held[(model->first + i) % model->held_max]);
    free(model->held);
    tp_contexts_free(model->contexts);
    tp_seen_free(model->seen);
    tp_names_free(model->names);
    free(model);
}

struct tp_names *tp_model_names(struct tp_model *model)
{
    return model->names;
}

/* ---- Handing on ---- */

/* Rows leave in the order in which their calls ended. A call whose tools are not answered yet
 * holds back those behind it, up to the ring's size: the price of one pass over an endless
 * stream. */
static void hand_on_oldest(struct tp_model *m)
{
    struct tp_row *row = m->held[m->first];
    m->first = (m->first + 1) % m->held_max;
    m->held_count--;
    m->ops->call(m->cx, row);
    tp_row_unref(row);
}

static void hand_on_finished(struct tp_model *m)
{
    while (m->held_count > 0 && m->held[m->first]->tools_open == 0)
        hand_on_oldest(m);
}

/* A full ring means that some tool's result never came; its call goes with what is known. */
static void hold(struct tp_model *m, struct tp_row *row)
{
    if (m->held_count == m->held_max)
        hand_on_oldest(m);
    m->held[(m->first + m->held_count) % m->held_max] = tp_row_ref(row);
    m->held_count++;
}

void tp_model_finish(struct tp_model *model)
{
    while (model->held_count > 0)
        hand_on_oldest(model);
}

/* ---- Calls ---- */

/* Prices depend on the call's own date: a table knows when a price changed. */
static void price(struct tp_model *m, struct tp_row *row)
{
    const int64_t *t = row->usage.tokens;
    struct tp_price_use uses[TP_ROW_SERVER_TOOLS_MAX];
    for (size_t i = 0; i < row->server_tool_count; i++)
        uses[i] = (struct tp_price_use){tp_names_text(m->names, row->server_tools[i].name),
                                        row->server_tools[i].count};
    struct tp_price_query q = {
        .provider = tp_names_text(m->names, row->string[TP_ROW_PROVIDER]),
        .server = tp_names_text(m->names, row->string[TP_ROW_SERVER]),
        .model = tp_names_text(m->names, row->string[TP_ROW_MODEL]),
        .model_asked = tp_names_text(m->names, row->string[TP_ROW_MODEL_ASKED]),
        .time_unix_ns = row->start_ns,
        .input_tokens = t[TP_USAGE_INPUT],
        .cache_read_tokens = t[TP_USAGE_CACHE_READ],
        .cache_write_tokens = t[TP_USAGE_CACHE_WRITE],
        .cache_write_5m_tokens = t[TP_USAGE_CACHE_WRITE_5M],
        .cache_write_1h_tokens = t[TP_USAGE_CACHE_WRITE_1H],
        .output_tokens = t[TP_USAGE_OUTPUT],
        .reasoning_tokens = t[TP_USAGE_REASONING],
        .uses = uses,
        .use_count = row->server_tool_count,
    };
    row->has_cost = m->prices && tp_prices_cost(m->prices, &q, &row->cost);
}

/* Extending the earlier request goes on with its conversation; sharing less of it branches off. A
 * failed call that is sent again as it was is the same round. */
static void place(struct tp_row *row, const struct tp_context *parent, uint32_t shared,
                  uint32_t fresh)
{
    if (!parent || shared < parent->request_count || shared == 0)
        return;
    row->conversation = parent->row->conversation;
    bool again = parent->failed && fresh == 0 && shared == parent->request_count;
    row->round = parent->row->round + !again;
}

static uint32_t array_size(const msgpack_object *o)
{
    return o && o->type == MSGPACK_OBJECT_ARRAY ? o->via.array.size : 0;
}

/* The call's context: what it shares with its parent, its own blocks, its answer's. NULL without
 * memory. */
static struct tp_context *build(struct tp_model *m, struct tp_row *row, const msgpack_object *event,
                                const struct tp_context *parent, uint32_t shared)
{
    struct tp_context *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->id = row->id;
    c->row = tp_row_ref(row);
    c->failed = tp_row_failed(row, m->names);
    bool ok = (!parent || tp_context_copy(c, parent, shared)) &&
              tp_context_append(c, tp_unpack_get(event, TP_K_BLOCKS), &row->id, m->names);
    c->request_count = c->count;
    ok = ok && tp_context_append(c, tp_unpack_get(event, TP_K_OUTPUT), &row->id, m->names);
    if (!ok) {
        tp_context_free(c);
        return NULL;
    }
    return c;
}

/* Order matters here: a context is built on its parent's before it can be attributed, tool
 * results need names before they become parts and tokens before they can tell their tool how
 * large they were, and only then may other calls find this one. */
static int add_call(struct tp_model *m, struct tp_row *row, const msgpack_object *event)
{
    const msgpack_object *previous = tp_unpack_get(event, TP_K_PREVIOUS_ID);
    struct tp_context *parent =
        row->has_parent ? tp_contexts_find(m->contexts, &row->parent) : NULL;
    uint64_t shared = 0;
    tp_unpack_u64(tp_unpack_get(event, TP_K_SHARED), &shared);
    struct tp_attribution around = {
        .history_unseen = (!parent && shared > 0) || (!parent && previous),
        .request_holes = row->complete == 0 && row->lost_bytes != 0,
    };
    /* The provider puts the request behind all that the earlier call had. */
    if (parent && previous && shared == 0)
        shared = parent->count;
    /* A parent that was rebuilt without its own parent has fewer blocks than the child says it
     * shares. */
    if (parent && shared > parent->count) {
        around.history_unseen = true;
        shared = parent->count;
    }
    around.parent = parent;
    around.shared = parent ? (uint32_t)shared : 0;
    place(row, parent, around.shared, array_size(tp_unpack_get(event, TP_K_BLOCKS)));
    price(m, row);
    struct tp_context *c = build(m, row, event, parent, around.shared);
    if (!c)
        return -ENOMEM;
    if (!tp_tools_ask(c, tp_unpack_get(event, TP_K_OUTPUT))) {
        tp_context_free(c);
        return -ENOMEM;
    }
    /* Blocks that only failed calls had sent are still new to the provider. */
    c->sent_from = around.shared;
    if (parent && parent->failed && parent->sent_from < c->sent_from)
        c->sent_from = parent->sent_from;
    tp_tools_name(c, m->contexts);
    bool ok = tp_attribute(c, &around);
    tp_tools_resolve(c, m->contexts);
    tp_contexts_add(m->contexts, c);
    return ok ? 0 : -ENOMEM;
}

static int call_event(struct tp_model *m, const msgpack_object *event)
{
    struct tp_row *row = tp_row_new(event, m->names);
    if (!row)
        return 0; /* no id: not ours */
    int r = add_call(m, row, event);
    if (r == 0)
        hold(m, row);
    tp_row_unref(row);
    hand_on_finished(m);
    return r;
}

/* ---- Other events ---- */

/* -1 where absent or beyond what a count can be. */
static int64_t number(const msgpack_object *event, const char *key)
{
    uint64_t value;
    bool known = tp_unpack_u64(tp_unpack_get(event, key), &value);
    return known && value <= INT64_MAX ? (int64_t)value : -1;
}

/* Interned: the string lives as long as the model, and equal ones are one pointer. */
static const char *word(struct tp_model *m, const msgpack_object *event, const char *key)
{
    const msgpack_object *o = tp_unpack_get(event, key);
    if (!o || o->type != MSGPACK_OBJECT_STR)
        return NULL;
    return tp_names_text(m->names, tp_names_add(m->names, o->via.str.ptr, o->via.str.size));
}

static void loss_event(struct tp_model *m, const msgpack_object *event)
{
    struct tp_model_loss loss = {
        .where = word(m, event, TP_K_WHERE),
        .why = word(m, event, TP_K_WHY),
        .bytes = number(event, TP_K_BYTES),
        .count = number(event, TP_K_COUNT),
        .of_call = tp_unpack_get(event, TP_K_CALL) != NULL,
    };
    if (m->ops->loss)
        m->ops->loss(m->cx, &loss);
}

static void meta_event(struct tp_model *m, const msgpack_object *event)
{
    struct tp_model_note note = {
        .what = word(m, event, TP_K_WHAT),
        .file = word(m, event, TP_K_FILE),
        .error = word(m, event, TP_K_ERROR),
        .key = word(m, event, TP_K_HASH_KEY),
        .late_ns = number(event, TP_K_LATE),
    };
    if (m->ops->note)
        m->ops->note(m->cx, &note);
}

/* Sinks deliver at least once, and a file may be named twice: each event has an id for this. */
int tp_model_event(struct tp_model *model, const msgpack_object *event)
{
    const msgpack_object *kind = tp_unpack_get(event, TP_K_KIND);
    struct tp_hash id;
    if (tp_unpack_hash(tp_unpack_get(event, TP_K_ID), &id) && !tp_seen_add(model->seen, &id))
        return 0;
    if (tp_unpack_is(kind, TP_KIND_CALL))
        return call_event(model, event);
    if (tp_unpack_is(kind, TP_KIND_LOSS))
        loss_event(model, event);
    else if (tp_unpack_is(kind, TP_KIND_META))
        meta_event(model, event);
    return 0;
}
