/* SPDX-License-Identifier: MIT
 * Usage: https://docs.anthropic.com/en/api/messages (usage) and, for iterations,
 * https://docs.anthropic.com/en/docs/build-with-claude/compaction. input_tokens leaves out what the
 * cache gave and took. A compaction that the service makes on the way is billed like the rest, and
 * stands in `iterations` alone; an advisor stands there, too, but is another model at another
 * price: its turns are counted as uses of a tool.
 */
#include "anthropic.h"

static const struct counts nothing = {-1, -1, -1, -1, -1, -1, -1, -1};

void anthropic_usage_begin(struct state *s)
{
    s->usage = s->reading = nothing;
    s->advised = -1;
}

static int64_t known(int64_t n)
{
    return n > 0 ? n : 0;
}

static int64_t *field(struct counts *c, int action)
{
    int64_t *const fields[] = {&c->input,    &c->read,   &c->write,    &c->write_5m,
                               &c->write_1h, &c->output, &c->thinking, &c->total};
    return fields[action - USAGE_INPUT];
}

/* What is said again replaces what was said; what is null or missing leaves it. */
static void merge(struct counts *to, const struct counts *from)
{
    struct counts source = *from;
    for (int action = USAGE_INPUT; action <= USAGE_TOTAL; action++)
        if (*field(&source, action) >= 0)
            *field(to, action) = *field(&source, action);
}

/* No call has no input: some services say the input once and zeros from then on. */
void anthropic_usage_merge(struct state *s)
{
    struct counts *r = &s->reading;
    if (r->input == 0 && !known(r->read) && !known(r->write) && s->usage.input > 0)
        r->input = r->read = r->write = -1;
    merge(&s->usage, r);
    *r = nothing;
}

static void add(int64_t *to, int64_t n)
{
    if (n >= 0)
        *to = known(*to) + n;
}

static void iteration_end(struct state *s)
{
    struct counts *c = &s->iteration;
    if (s->iteration_type == COMPACTION)
        for (int action = USAGE_INPUT; action <= USAGE_THINKING; action++)
            add(field(&s->compaction, action), *field(c, action));
    else if (s->iteration_type == ADVISOR)
        add(&s->advised, 1);
}

static void iteration(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (action == ITERATIONS && e->type == TP_JSON_ARRAY_BEGIN) {
        s->compaction = nothing;
        s->advised = -1;
    } else if (action == ITERATION && begins(e)) {
        s->iteration = nothing;
        s->iteration_type = MESSAGE_ITERATION;
    } else if (action == ITERATION && ends(e)) {
        iteration_end(s);
    } else if (action == ITERATION_TYPE) {
        s->iteration_type = is(e, "compaction")        ? COMPACTION
                            : is(e, "advisor_message") ? ADVISOR
                                                       : MESSAGE_ITERATION;
    } else if (action >= ITERATION_INPUT) {
        *field(&s->iteration, action - ITERATION_INPUT + USAGE_INPUT) = cx->host->whole_number(e);
    }
}

/* Cumulative, as the tokens are. */
static void server_tool(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    static const char *const names[] = {"web_search", "web_fetch", "code_execution", "tool_search"};
    const char *name = names[action - USED_SEARCH];
    cx->host->set_server_tool(cx->call, name, strlen(name), cx->host->whole_number(e));
}

void anthropic_usage_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e)
{
    struct state *s = cx->state;
    if (action >= ITERATIONS) {
        iteration(cx, action, e);
        return;
    }
    if (action >= USED_SEARCH) {
        server_tool(cx, action, e);
        return;
    }
    int64_t n = cx->host->whole_number(e);
    if (n < 0)
        return;
    s->usage_seen = true;
    *field(&s->reading, action) = n;
}

/* A proxy that gives a total says with it whether its input holds the cache's tokens. */
static int64_t beside_input(const struct counts *u, int64_t write)
{
    int64_t cache = known(u->read) + known(write);
    return u->total >= 0 && u->total == u->input + known(u->output) ? 0 : cache;
}

static void set(struct tp_call_cx *cx, enum tp_usage_field which, int64_t said, int64_t compaction)
{
    if (said >= 0)
        cx->host->set_usage(cx->call, which, said + known(compaction));
}

void anthropic_usage_end(struct tp_call_cx *cx)
{
    struct state *s = cx->state;
    anthropic_usage_merge(s);
    const struct counts *u = &s->usage, *c = &s->compaction;
    int64_t write = u->write;
    if (write < 0 && (u->write_5m >= 0 || u->write_1h >= 0))
        write = known(u->write_5m) + known(u->write_1h);
    if (u->input >= 0)
        set(cx, TP_USAGE_INPUT, u->input + beside_input(u, write),
            known(c->input) + known(c->read) + known(c->write));
    set(cx, TP_USAGE_CACHE_READ, u->read, c->read);
    set(cx, TP_USAGE_CACHE_WRITE, write, c->write);
    set(cx, TP_USAGE_CACHE_WRITE_5M, u->write_5m, c->write_5m);
    set(cx, TP_USAGE_CACHE_WRITE_1H, u->write_1h, c->write_1h);
    set(cx, TP_USAGE_OUTPUT, u->output, c->output);
    set(cx, TP_USAGE_REASONING, u->thinking, c->thinking);
    cx->host->set_server_tool(cx->call, "advisor", strlen("advisor"), s->advised);
}
