/* SPDX-License-Identifier: MIT */
#include "toolcalls.h"

#define NO_INDEX (-1)

/* FNV-1a; of an id, to compare it with. */
static uint64_t hash_of(const char *s, size_t n)
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (uint8_t)s[i]) * 1099511628211u;
    return h | 1;
}

static struct tool_calls_open *last(struct tool_calls *t)
{
    return t->count ? &t->calls[(t->count - 1) % TOOL_CALLS_MAX] : NULL;
}

static struct tool_calls_open *add(struct tp_call_cx *cx, struct tool_calls *t,
                                   enum tp_section section)
{
    struct tool_calls_open *call = &t->calls[t->count++ % TOOL_CALLS_MAX];
    cx->host->block_close(call->block);
    *call = (struct tool_calls_open){
        .block = cx->host->block_open(cx->call, section, TP_BLOCK_TOOL_CALL),
        .choice = t->entry.choice,
        .index = t->entry.index,
    };
    return call;
}

/* The latest one: a call whose index was taken over by another gets no more. */
static struct tool_calls_open *with_index(struct tool_calls *t)
{
    unsigned first = t->count > TOOL_CALLS_MAX ? t->count - TOOL_CALLS_MAX : 0;
    for (unsigned i = t->count; i > first; i--) {
        struct tool_calls_open *call = &t->calls[(i - 1) % TOOL_CALLS_MAX];
        if (call->choice == t->entry.choice && call->index == t->entry.index)
            return call;
    }
    return NULL;
}

static struct tool_calls_open *find(struct tp_call_cx *cx, struct tool_calls *t,
                                    enum tp_section section)
{
    struct tool_calls_entry *e = &t->entry;
    struct tool_calls_open *call = e->index == NO_INDEX ? last(t) : with_index(t);
    bool other_id = call && e->id_len && call->id && call->id != hash_of(e->id, e->id_len);
    bool begins = e->whole || !call || (other_id && (e->index == NO_INDEX || e->name_len));
    if (call && e->index == NO_INDEX && e->id_len && !call->id)
        begins = true;
    return begins ? add(cx, t, section) : call;
}

static void commit(struct tp_call_cx *cx, struct tool_calls *t, enum tp_section section)
{
    struct tool_calls_entry *e = &t->entry;
    if (e->committed)
        return;
    e->committed = true;
    e->call = find(cx, t, section);
    tool_calls_id(cx, t, e->id, e->id_len);
    tool_calls_name(cx, t, e->name, e->name_len);
    if (e->args_len)
        cx->host->block_json_text(e->call->block, e->args, e->args_len);
}

void tool_calls_begin(struct tool_calls *t, unsigned choice, bool whole)
{
    struct tool_calls_entry *e = &t->entry;
    e->open = true;
    e->committed = false;
    e->whole = whole;
    e->choice = choice;
    e->index = NO_INDEX;
    e->id_len = e->name_len = e->args_len = 0;
    e->call = NULL;
}

void tool_calls_index(struct tool_calls *t, int64_t index)
{
    if (t->entry.open && index >= 0)
        t->entry.index = index;
}

void tool_calls_id(struct tp_call_cx *cx, struct tool_calls *t, const char *s, size_t n)
{
    struct tool_calls_entry *e = &t->entry;
    if (!e->open || !n)
        return;
    if (e->committed && !e->call->id) {
        e->call->id = hash_of(s, n < sizeof(e->id) ? n : sizeof(e->id));
        cx->host->block_call_id(e->call->block, s, n);
    } else if (!e->committed) {
        e->id_len = n < sizeof(e->id) ? n : sizeof(e->id);
        memcpy(e->id, s, e->id_len);
    }
}

void tool_calls_name(struct tp_call_cx *cx, struct tool_calls *t, const char *s, size_t n)
{
    struct tool_calls_entry *e = &t->entry;
    if (!e->open || !n)
        return;
    if (e->committed) {
        e->call->named = true;
        cx->host->block_name(e->call->block, s, n);
    } else {
        e->name_len = n < sizeof(e->name) ? n : sizeof(e->name);
        memcpy(e->name, s, e->name_len);
    }
}

void tool_calls_args(struct tp_call_cx *cx, struct tool_calls *t, enum tp_section section,
                     const struct tp_json_event *event)
{
    struct tool_calls_entry *e = &t->entry;
    bool text = event->type == TP_JSON_STRING;
    if (!e->open || (text ? !event->len : !begins(event)))
        return;
    if (!text || event->len > sizeof(e->args) - e->args_len)
        commit(cx, t, section);
    if (!text) {
        cx->host->block_json_capture(e->call->block, NULL);
    } else if (e->committed) {
        cx->host->block_json_text(e->call->block, event->data, event->len);
    } else {
        memcpy(e->args + e->args_len, event->data, event->len);
        e->args_len += event->len;
    }
}

/* An entry that says nothing (some send every member of their schema, empty) is none. */
void tool_calls_end(struct tp_call_cx *cx, struct tool_calls *t, enum tp_section section)
{
    struct tool_calls_entry *e = &t->entry;
    if (e->open && (e->id_len || e->name_len || e->args_len))
        commit(cx, t, section);
    e->open = false;
}

static void empty(struct tool_calls *t, void (*with)(struct tp_block *))
{
    for (unsigned i = 0; i < t->count && i < TOOL_CALLS_MAX; i++) {
        with(t->calls[i].block);
        t->calls[i].block = NULL;
    }
    t->count = 0;
    t->entry.open = false;
}

void tool_calls_close(struct tp_call_cx *cx, struct tool_calls *t)
{
    empty(t, cx->host->block_close);
}

void tool_calls_discard(struct tp_call_cx *cx, struct tool_calls *t)
{
    empty(t, cx->host->block_discard);
}
