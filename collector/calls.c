/* SPDX-License-Identifier: MIT */
#include "collector/calls.h"

#include <stdlib.h>
#include <string.h>

#include "collector/exchangecall.h"
#include "collector/twins.h"

/* Losses that no call owns are summed up here, by process, place and reason, and told now and then.
 */
#define LOSSES_MAX 64

struct loss {
    uint32_t pid;
    const char *where, *why;
    uint64_t bytes, count;
};

/* A server's end may be told before the client's request: its record is made when the client's
 * write returns, and the server may have answered by then. So it waits this long for its twin. */
#define TWIN_WAIT_NS 1000000000u
#define WAITING_MAX 256

struct waiting {
    struct tp_exchange *x;
    struct tp_call *call;
    enum tp_exchange_end why;
    struct tp_process process; /* as it was; pid 0: not known */
    struct tp_hash key;
};

struct tp_calls {
    struct tp_calls_options options;
    struct tp_calls_stats stats;
    struct tp_apis apis;
    struct tp_blocks_options blocks;
    struct tp_link *link;
    struct tp_pack pack;
    struct loss losses[LOSSES_MAX];
    size_t loss_count;
    uint64_t ordinal, now_ns;
    struct tp_twins twins;
    struct waiting waiting[WAITING_MAX]; /* oldest first */
    size_t waiting_count;
};

struct tp_calls *tp_calls_new(const struct tp_calls_options *options)
{
    struct tp_calls *calls = calloc(1, sizeof(*calls));
    if (!calls)
        return NULL;
    calls->options = *options;
    tp_pack_init(&calls->pack);
    calls->blocks = (struct tp_blocks_options){
        .key = options->key, .memo = tp_memo_new(), .content = options->content};
    calls->link = tp_link_new(options->key, calls->blocks.memo);
    if (!calls->link || tp_apis_init(&calls->apis)) {
        tp_calls_free(calls);
        return NULL;
    }
    return calls;
}

/* A sink that fails loses this event, not the recording: counted. */
static void send_event(struct tp_calls *calls)
{
    struct tp_sink *sink = &calls->options.sink;
    if (sink->event(sink->cx, calls->pack.buf.data, calls->pack.buf.size))
        calls->stats.sink_errors++;
    /* One huge call must not keep its event's memory for ever. */
    if (calls->pack.buf.size > 1u << 20) {
        tp_pack_done(&calls->pack);
        tp_pack_init(&calls->pack);
    }
}

/* ---- identities ---- */

static void add_string(struct tp_hasher *h, const char *s)
{
    tp_hasher_add(h, s ? s : "", s ? strlen(s) + 1 : 1);
}

/* The same event gives the same id wherever and however often it is made, so that a second delivery
 * can be told from a second event. */
static struct tp_hash event_id(const struct tp_calls *calls, const char *kind,
                               const struct tp_conn_origin *origin, uint64_t process_start,
                               const uint64_t more[2])
{
    struct tp_hasher h;
    uint64_t numbers[4] = {origin->pid, process_start, origin->conn, origin->generation};
    tp_hasher_init(&h, calls->options.key);
    add_string(&h, kind);
    add_string(&h, calls->options.machine);
    tp_hasher_add(&h, numbers, sizeof(numbers));
    tp_hasher_add(&h, more, 2 * sizeof(*more));
    return tp_hasher_end(&h);
}

static const struct tp_process *find_process(const struct tp_calls *calls, uint32_t pid)
{
    const struct tp_process_source *source = &calls->options.processes;
    return source->find ? source->find(source->cx, pid) : NULL;
}

/* ---- losses ---- */

static void send_loss(struct tp_calls *calls, const struct loss *loss,
                      const struct tp_conn_origin *origin, const struct tp_hash *call)
{
    uint64_t more[2] = {calls->now_ns, ++calls->ordinal};
    struct tp_loss_facts facts = {
        .id = event_id(calls, "loss", origin, 0, more),
        .pid = loss->pid,
        .time_ns = calls->now_ns,
        .where = loss->where,
        .why = loss->why,
        .bytes = loss->bytes,
        .count = loss->count,
        .call = call,
    };
    tp_lossevent_write(&calls->pack, &calls->options, &facts);
    send_event(calls);
}

static void flush_losses(struct tp_calls *calls)
{
    for (size_t i = 0; i < calls->loss_count; i++) {
        struct tp_conn_origin origin = {.pid = calls->losses[i].pid};
        send_loss(calls, &calls->losses[i], &origin, NULL);
    }
    calls->loss_count = 0;
}

static void on_loss(void *cx, const struct tp_conn_origin *origin, const char *where,
                    const char *why, uint64_t bytes)
{
    struct tp_calls *calls = cx;
    uint32_t pid = origin ? origin->pid : 0;
    for (size_t i = 0; i < calls->loss_count; i++) {
        struct loss *l = &calls->losses[i];
        if (l->pid != pid || strcmp(l->where, where) != 0 || strcmp(l->why, why) != 0)
            continue;
        l->bytes += bytes;
        l->count++;
        return;
    }
    if (calls->loss_count == LOSSES_MAX)
        flush_losses(calls);
    calls->losses[calls->loss_count++] =
        (struct loss){.pid = pid, .where = where, .why = why, .bytes = bytes, .count = 1};
}

static void tell(struct tp_calls *calls, const struct tp_exchange *x, const struct tp_hash *call,
                 const char *where, const char *why, uint64_t bytes, uint64_t count)
{
    struct loss loss = {
        .pid = x->origin.pid, .where = where, .why = why, .bytes = bytes, .count = count};
    if (bytes || count)
        send_loss(calls, &loss, &x->origin, call);
}

/* ---- ending ---- */

static bool succeeded(const struct tp_exchange *x, const struct tp_call *call)
{
    return x->status < 400 && !call->failed;
}

/* A call of which the end was lost is not called cancelled: nothing says that somebody gave it up.
 */
static enum tp_outcome outcome_of(const struct tp_exchange *x, const struct tp_call *call,
                                  enum tp_exchange_end why)
{
    if (!succeeded(x, call))
        return TP_OUTCOME_ERROR;
    if (why == TP_END_COMPLETE || why == TP_END_LOST || call->finished)
        return TP_OUTCOME_OK;
    return TP_OUTCOME_CANCELLED;
}

/* The answer came to an end that it, or its framing, told. */
static bool has_ended(const struct tp_call *call, enum tp_exchange_end why)
{
    return why == TP_END_COMPLETE || (why == TP_END_CLOSED && call->finished);
}

/* Every byte of request and answer was seen. Where the connection closed, that is what had flowed
 * until then: bytes lost before it show as a hole, because the probes tell each stream's length. */
static bool is_complete(const struct tp_exchange *x, const struct tp_call *call,
                        enum tp_exchange_end why)
{
    bool whole_answer = why == TP_END_CLOSED || (why == TP_END_COMPLETE && x->answered);
    return x->head_seen && x->request_ended && !x->request_hole && !x->answer_hole &&
           whole_answer && !call->blocks.lost && !call->damaged_events;
}

/* Blocks stand in the order of their sections, the answer's last. */
static uint32_t count_request(const struct tp_blocks *blocks)
{
    uint32_t n = 0;
    while (n < blocks->count && blocks->records[n].section != TP_SECTION_OUTPUT)
        n++;
    return n;
}

/* A context that was not seen whole is linked as far as it goes, but must not be taken for what a
 * later call extends. */
static void link_call(struct tp_calls *calls, const struct tp_exchange *x,
                      const struct tp_call *call, const struct tp_call_facts *f, bool ended,
                      struct tp_link_result *ret_result)
{
    bool request_whole = x->head_seen && x->request_ended && !x->request_hole &&
                         !call->request_bad && !call->blocks.lost;
    struct tp_link_call l = {
        .id = f->id,
        .blocks = call->blocks.records,
        .request_count = f->request_count,
        .output_count = call->blocks.count - f->request_count,
        .request_whole = request_whole,
        .answer_whole = f->complete && ended,
        .failed = f->outcome != TP_OUTCOME_OK,
        .response_id = call->strings[1][TP_CALL_RESPONSE_ID],
        .previous_id = call->strings[0][TP_CALL_PREVIOUS_ID],
    };
    tp_link_add(calls->link, &l, ret_result);
}

static uint64_t known(int64_t tokens)
{
    return tokens > 0 ? (uint64_t)tokens : 0;
}

/* Unknown counts add nothing to the sums; how many calls said nothing is a sum of its own. */
static void count_call(struct tp_calls_stats *s, const struct tp_call *call,
                       const struct tp_call_facts *f)
{
    s->calls++;
    s->complete_calls += f->complete;
    s->failed_calls += f->outcome == TP_OUTCOME_ERROR;
    s->cancelled_calls += f->outcome == TP_OUTCOME_CANCELLED;
    s->calls_without_usage += call->usage[TP_USAGE_INPUT] < 0 && call->usage[TP_USAGE_OUTPUT] < 0;
    s->input_tokens += known(call->usage[TP_USAGE_INPUT]);
    s->cache_read_tokens += known(call->usage[TP_USAGE_CACHE_READ]);
    s->output_tokens += known(call->usage[TP_USAGE_OUTPUT]);
    s->lost_bytes += f->lost_bytes;
}

static void call_facts(struct tp_calls *calls, struct tp_exchange *x, const struct tp_call *call,
                       const struct tp_process *process, enum tp_exchange_end why,
                       struct tp_call_facts *f)
{
    uint64_t more[2] = {x->start_ns, x->ordinal};
    tp_agent_facts_session(&x->agent, tp_call_string(call, TP_CALL_SESSION));
    *f = (struct tp_call_facts){
        .id = event_id(calls, "call", &x->origin, process ? process->start_ns : 0, more),
        .pid = x->origin.pid,
        .process = process,
        .tls = x->origin.tls,
        .http_version = x->version,
        .encoding = x->encoding,
        .server = x->server,
        .provider = x->provider,
        .path = x->path,
        .agent = &x->agent,
        .status = x->status,
        .outcome = outcome_of(x, call, why),
        .complete = is_complete(x, call, why),
        .lost_bytes = x->lost_bytes + call->damaged_bytes,
        .start_ns = x->start_ns,
        .request_end_ns = x->request_end_ns,
        .response_ns = x->response_ns,
        .end_ns = x->end_ns,
        .request_count = count_request(&call->blocks),
    };
}

static void call_losses(struct tp_calls *calls, const struct tp_exchange *x,
                        const struct tp_call *call, const struct tp_call_facts *f, bool ended)
{
    bool whole = f->complete && ended;
    tell(calls, x, &f->id, "stream", "bytes missing", x->lost_bytes,
         x->request_hole || x->answer_hole);
    tell(calls, x, &f->id, "frames", "checksum is wrong", call->damaged_bytes,
         call->damaged_events);
    tell(calls, x, &f->id, "blocks", "too many blocks", 0, call->blocks.lost);
    tell(calls, x, &f->id, "sse", "event is no JSON", 0, whole ? call->sse_errors : 0);
    tell(calls, x, &f->id, "json", "not JSON", 0, whole && x->status < 400 ? call->json_errors : 0);
}

static void end_call(struct tp_calls *calls, struct tp_exchange *x, const struct tp_call *call,
                     const struct tp_process *process, enum tp_exchange_end why)
{
    struct tp_call_facts facts;
    struct tp_link_result link;
    call_facts(calls, x, call, process, why, &facts);
    bool ended = has_ended(call, why);
    link_call(calls, x, call, &facts, ended, &link);
    facts.link = &link;
    tp_callevent_write(&calls->pack, &calls->options, call, &facts);
    send_event(calls);
    count_call(&calls->stats, call, &facts);
    call_losses(calls, x, call, &facts, ended);
}

/* ---- the exchange's operations ---- */

/* What both ends of one exchange agree on and bystanders hardly ever do. */
static struct tp_hash twin_key(const struct tp_exchange *x)
{
    struct tp_hasher h;
    uint64_t body = XXH3_64bits_digest(x->request_digest);
    tp_hasher_init(&h, x->calls->options.key);
    add_string(&h, x->path ? x->path : "");
    tp_hasher_add(&h, &body, sizeof(body));
    return tp_hasher_end(&h);
}

/* This is the server's end of an exchange whose client's end is watched as well. */
static bool is_twin(struct tp_exchange *x)
{
    struct tp_twins *twins = &x->calls->twins;
    if (!x->request_ended)
        return false;
    if (!x->origin.server) {
        tp_twins_client_end(twins, x->twin_ticket, x->end_ns);
        return false;
    }
    struct tp_hash key = twin_key(x);
    return tp_twins_take(twins, &key, x->start_ns);
}

/* ---- servers' ends that wait for their clients' ---- */

static void waiting_remove(struct tp_calls *calls, size_t at)
{
    tp_exchange_free(calls->waiting[at].x);
    calls->waiting_count--;
    memmove(&calls->waiting[at], &calls->waiting[at + 1],
            (calls->waiting_count - at) * sizeof(calls->waiting[0]));
}

static void waiting_tell_first(struct tp_calls *calls)
{
    const struct waiting *w = &calls->waiting[0];
    end_call(calls, w->x, w->call, w->process.pid ? &w->process : NULL, w->why);
    waiting_remove(calls, 0);
}

static void waiting_add(struct tp_calls *calls, struct tp_exchange *x, struct tp_call *call,
                        enum tp_exchange_end why)
{
    const struct tp_process *process = find_process(calls, x->origin.pid);
    if (calls->waiting_count == WAITING_MAX)
        waiting_tell_first(calls);
    struct waiting *w = &calls->waiting[calls->waiting_count++];
    *w = (struct waiting){.x = x, .call = call, .why = why, .key = twin_key(x)};
    if (process)
        w->process = *process;
}

/* A client's request is told: the server's end of it may have been waiting. */
static void waiting_match(struct tp_calls *calls, const struct tp_hash *key)
{
    for (size_t i = 0; i < calls->waiting_count; i++) {
        const struct waiting *w = &calls->waiting[i];
        if (!tp_hash_equal(&w->key, key) || !tp_twins_take(&calls->twins, key, w->x->start_ns))
            continue;
        calls->stats.twin_exchanges++;
        waiting_remove(calls, i);
        return;
    }
}

void tp_calls_settle(struct tp_calls *calls, uint64_t now_ns)
{
    while (calls->waiting_count > 0 && calls->waiting[0].x->end_ns + TWIN_WAIT_NS <= now_ns)
        waiting_tell_first(calls);
}

/* Without a head nothing says where the request went: the answer's shape may still tell. */
static void *request_begin(void *cx, const struct tp_conn_origin *origin,
                           const struct tp_http_head *head, uint64_t time_ns)
{
    struct tp_calls *calls = cx;
    struct tp_exchange *x = tp_exchange_new(origin, time_ns, &calls->apis, calls->options.key);
    if (!x) {
        on_loss(calls, origin, "blocks", "no memory", 0);
        return NULL;
    }
    x->calls = calls;
    x->ordinal = ++calls->ordinal;
    calls->now_ns = time_ns;
    if (head)
        tp_exchange_head(x, &calls->apis, head, &calls->blocks);
    else
        x->request_hole = true;
    return x;
}

static void request_body(void *cx, const uint8_t *data, size_t n, uint64_t time_ns)
{
    struct tp_exchange *x = cx;
    (void)time_ns;
    if (!x)
        return;
    XXH3_64bits_update(x->request_digest, data, n);
    tp_exchange_request(x, &x->calls->apis, (const char *)data, n, &x->calls->blocks);
}

static void request_hole(void *cx, uint64_t bytes)
{
    struct tp_exchange *x = cx;
    if (!x)
        return;
    x->request_hole = true;
    x->lost_bytes += bytes;
    for (size_t i = 0; i < x->reading_count; i++)
        tp_call_request_hole(x->readings[i]);
}

static void request_end(void *cx, uint64_t time_ns)
{
    struct tp_exchange *x = cx;
    if (!x)
        return;
    x->request_ended = true;
    x->request_end_ns = time_ns;
    for (size_t i = 0; i < x->reading_count; i++)
        tp_call_request_end(x->readings[i]);
    if (!x->origin.server) {
        struct tp_hash key = twin_key(x);
        x->twin_ticket = tp_twins_client_begin(&x->calls->twins, &key, x->start_ns);
        waiting_match(x->calls, &key);
    }
}

static void response_begin(void *cx, const struct tp_http_head *head, uint64_t time_ns)
{
    struct tp_exchange *x = cx;
    if (!x)
        return;
    x->answered = true;
    x->response_ns = time_ns;
    if (head)
        tp_exchange_answer_head(x, head);
    else
        x->answer_hole = true;
}

static void response_body(void *cx, const uint8_t *data, size_t n, uint64_t time_ns)
{
    struct tp_exchange *x = cx;
    if (!x)
        return;
    x->calls->now_ns = time_ns;
    tp_exchange_answer(x, &x->calls->apis, (const char *)data, n, time_ns, &x->calls->blocks);
}

static void response_hole(void *cx, uint64_t bytes)
{
    struct tp_exchange *x = cx;
    if (!x)
        return;
    x->lost_bytes += bytes;
    tp_exchange_answer_hole(x);
}

/* Losses are told behind the call that they may have hit, so that readers have seen it. */
static void response_end(void *cx, enum tp_exchange_end why, uint64_t time_ns)
{
    struct tp_exchange *x = cx;
    if (!x)
        return;
    struct tp_calls *calls = x->calls;
    x->end_ns = time_ns;
    calls->now_ns = time_ns;
    x->ended = why == TP_END_COMPLETE;
    bool twin = is_twin(x);
    struct tp_call *call = twin ? NULL : tp_exchange_call(x);
    if (call && x->origin.server && x->request_ended) {
        waiting_add(calls, x, call, why);
        return;
    }
    if (twin) {
        calls->stats.twin_exchanges++;
    } else if (call) {
        end_call(calls, x, call, find_process(calls, x->origin.pid), why);
    } else {
        calls->stats.other_exchanges++;
        tell(calls, x, NULL, "stream", "bytes missing", x->lost_bytes, 0);
    }
    tp_exchange_free(x);
    flush_losses(calls);
}

static enum tp_exchange_state exchange_state(void *cx)
{
    const struct tp_exchange *x = cx;
    return x ? tp_exchange_state_of(x) : TP_EXCHANGE_UNKNOWN;
}

const struct tp_exchange_ops tp_calls_exchange_ops = {
    .request_begin = request_begin,
    .request_body = request_body,
    .request_hole = request_hole,
    .request_end = request_end,
    .response_begin = response_begin,
    .response_body = response_body,
    .response_hole = response_hole,
    .response_end = response_end,
    .loss = on_loss,
    .state = exchange_state,
};

void tp_calls_stats(const struct tp_calls *calls, struct tp_calls_stats *ret_stats)
{
    *ret_stats = calls->stats;
}

void tp_calls_free(struct tp_calls *calls)
{
    if (!calls)
        return;
    tp_calls_settle(calls, UINT64_MAX);
    flush_losses(calls);
    tp_apis_done(&calls->apis);
    tp_link_free(calls->link);
    tp_memo_free(calls->blocks.memo);
    tp_pack_done(&calls->pack);
    free(calls);
}
