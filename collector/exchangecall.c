/* SPDX-License-Identifier: MIT */
#include "collector/exchangecall.h"

#include <stdlib.h>
#include <string.h>

#define PATH_MAX_BYTES 512
#define SHAPE_SURE 50

struct tp_exchange *tp_exchange_new(const struct tp_conn_origin *origin, uint64_t time_ns,
                                    const struct tp_apis *apis, const struct tp_hash_key *key)
{
    struct tp_exchange *x = calloc(1, sizeof(*x));
    if (!x)
        return NULL;
    x->origin = *origin;
    x->start_ns = time_ns;
    x->match = TP_MATCH_SHAPE;
    x->request_digest = XXH3_createState();
    if (!x->request_digest) {
        free(x);
        return NULL;
    }
    XXH3_64bits_reset(x->request_digest);
    tp_agent_facts_init(&x->agent, apis->agents, key);
    tp_rules_walk_init(&x->agent_walk, tp_agents_rules(apis->agents), &tp_agent_facts_sink,
                       &x->agent, false);
    return x;
}

void tp_exchange_free(struct tp_exchange *x)
{
    if (!x)
        return;
    for (size_t i = 0; i < x->reading_count; i++)
        tp_call_free(x->readings[i]);
    free(x->server);
    free(x->path);
    tp_rules_walk_done(&x->agent_walk);
    XXH3_freeState(x->request_digest);
    free(x);
}

/* Without memory one reading less is made, and the exchange may pass for no call. */
static void reading_add(struct tp_exchange *x, const struct tp_call_api *api,
                        const struct tp_http_view *view, const struct tp_blocks_options *options)
{
    struct tp_call *call = tp_call_new(api, view, options);
    if (!call)
        return;
    if (!x->reading_count)
        tp_call_walk_beside(call, &x->agent_walk);
    x->readings[x->reading_count++] = call;
}

static const char *no_header(void *host_data, const char *name)
{
    (void)host_data;
    (void)name;
    return NULL;
}

/* Nobody's path: of the request's head, what is kept goes to each that may read it. */
static void read_by_all(struct tp_exchange *x, const struct tp_apis *apis,
                        const struct tp_blocks_options *options)
{
    struct tp_http_view view = {.method = "POST",
                                .path = x->path ? x->path : "",
                                .query = "",
                                .host = x->server ? x->server : "",
                                .header = no_header};
    for (size_t i = 0; i < apis->count && x->reading_count < TP_APIS_MAX; i++)
        reading_add(x, &apis->list[i], x->head_seen ? &view : NULL, options);
}

static const char *view_header(void *host_data, const char *name)
{
    return tp_http_field(host_data, name);
}

static char *copy_clean(const char *s, size_t n)
{
    char clean[PATH_MAX_BYTES];
    return s && tp_utf8_copy(clean, sizeof(clean), s, n) ? strdup(clean) : NULL;
}

/* Path of a request target; the absolute form (RFC 9112, 3.2.2) has scheme and host before it. */
static const char *target_path(const char *target)
{
    const char *scheme = strstr(target, "://");
    const char *query = strchr(target, '?');
    if (!scheme || *target == '/' || (query && query < scheme))
        return target;
    const char *slash = strchr(scheme + 3, '/');
    return slash ? slash : "/";
}

static void copy_short(char *out, size_t size, const char *s)
{
    if (s)
        tp_utf8_copy(out, size, s, strlen(s));
}

void tp_exchange_head(struct tp_exchange *x, const struct tp_apis *apis,
                      const struct tp_http_head *head, const struct tp_blocks_options *options)
{
    const char *path = target_path(head->target);
    const char *host = tp_http_field(head, "host");
    x->head_seen = true;
    x->path = copy_clean(path, strcspn(path, "?#"));
    x->server = host ? copy_clean(host, strlen(host)) : NULL;
    tp_agent_facts_head(&x->agent, head);
    x->provider = tp_provider_named(host, NULL);
    copy_short(x->version, sizeof(x->version), head->version);
    const char *query = strchr(path, '?');
    struct tp_http_view view = {.method = head->method,
                                .path = x->path ? x->path : "",
                                .query = query ? query + 1 : "",
                                .host = host ? host : "",
                                .host_data = (void *)(uintptr_t)head,
                                .header = view_header};
    struct tp_claims claims;
    x->match = tp_apis_match(apis, &view, &claims);
    for (size_t i = 0; x->match == TP_MATCH_PATH && i < claims.count; i++)
        reading_add(x, claims.list[i], &view, options);
}

/* White space and a byte order mark may stand before anything, also alone in the first piece. */
static char first_byte(const char *data, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strchr(" \t\r\n\xef\xbb\xbf", data[i]))
            return data[i];
    return '\0';
}

void tp_exchange_request(struct tp_exchange *x, const struct tp_apis *apis, const char *data,
                         size_t n, const struct tp_blocks_options *options)
{
    if (!x->request_sniffed) {
        char first = first_byte(data, n);
        if (!first)
            return;
        x->request_sniffed = true;
        if (x->match == TP_MATCH_SHAPE && x->head_seen && (first == '{' || first == '['))
            read_by_all(x, apis, options);
    }
    for (size_t i = 0; i < x->reading_count; i++)
        tp_call_request(x->readings[i], data, n);
}

void tp_exchange_answer_head(struct tp_exchange *x, const struct tp_http_head *head)
{
    const char *encoding = tp_http_field(head, "content-encoding");
    x->status = head->status;
    copy_short(x->content_type, sizeof(x->content_type), tp_http_field(head, "content-type"));
    copy_short(x->encoding, sizeof(x->encoding), encoding ? encoding : "identity");
    if (!x->provider)
        x->provider = tp_provider_named(NULL, tp_http_field(head, "server"));
    if (!x->version[0])
        copy_short(x->version, sizeof(x->version), head->version);
    struct tp_http_view view = {.method = "",
                                .path = "",
                                .query = "",
                                .host = "",
                                .status = head->status,
                                .host_data = (void *)(uintptr_t)head,
                                .header = view_header};
    for (size_t i = 0; i < x->reading_count; i++)
        tp_call_answer_head(x->readings[i], &view);
}

static void answer_form(struct tp_exchange *x, enum tp_answer_form form)
{
    x->form = form;
    for (size_t i = 0; i < x->reading_count; i++)
        tp_call_answer_begin(x->readings[i], form);
}

static bool is_media(const char *content_type)
{
    static const char *const kinds[] = {"image/", "audio/", "video/", "font/"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (strncmp(content_type, kinds[i], strlen(kinds[i])) == 0)
            return true;
    return false;
}

/* Text never begins with a zero; an event stream in frames does, whatever its type says: the length
 * of its first message is far below 2^24. */
void tp_exchange_answer(struct tp_exchange *x, const struct tp_apis *apis, const char *data,
                        size_t n, uint64_t time_ns, const struct tp_blocks_options *options)
{
    if (x->form == TP_ANSWER_UNKNOWN) {
        char first = first_byte(data, n);
        enum tp_answer_form form = tp_answer_form_of(x->content_type, first);
        if (n && data[0] == '\0' && !is_media(x->content_type))
            form = TP_ANSWER_FRAMES;
        if (!first && form != TP_ANSWER_FRAMES)
            return;
        if (x->match == TP_MATCH_SHAPE && !x->head_seen && x->reading_count == 0)
            read_by_all(x, apis, options);
        answer_form(x, form);
        for (size_t i = 0; x->answer_hole && i < x->reading_count; i++)
            tp_call_answer_hole(x->readings[i]);
    }
    x->answer_bytes = true;
    if (x->form == TP_ANSWER_NONE)
        return;
    for (size_t i = 0; i < x->reading_count; i++) {
        x->readings[i]->now_ns = time_ns;
        tp_call_answer(x->readings[i], data, n);
    }
}

/* Where the beginning is lost, the type alone says what follows; without it, lines are looked for.
 */
void tp_exchange_answer_hole(struct tp_exchange *x)
{
    x->answer_hole = true;
    if (x->form == TP_ANSWER_UNKNOWN && x->head_seen)
        answer_form(x, strstr(x->content_type, "json")           ? TP_ANSWER_JSON
                       : strstr(x->content_type, "amazon.event") ? TP_ANSWER_FRAMES
                                                                 : TP_ANSWER_SSE);
    for (size_t i = 0; i < x->reading_count; i++)
        tp_call_answer_hole(x->readings[i]);
}

/* An answer without a body (a cancelled call) never told its form. */
static void finish_readings(struct tp_exchange *x)
{
    if (x->form == TP_ANSWER_UNKNOWN)
        answer_form(x, TP_ANSWER_NONE);
    for (size_t i = 0; i < x->reading_count; i++) {
        tp_call_request_end(x->readings[i]);
        tp_call_answer_end(x->readings[i]);
    }
}

/* An answer that broke off before it said anything cannot have looked like any API's. */
static bool answer_said(const struct tp_exchange *x, const struct tp_call *call)
{
    return x->ended || call->answered || (x->form == TP_ANSWER_NONE && x->answer_bytes);
}

/* A path names the API; only where all was seen and nothing of it looked so, it was somebody else's
 * path. */
static bool path_holds(const struct tp_exchange *x, const struct tp_call *call)
{
    bool all_seen = !x->request_hole && !x->answer_hole && !call->request_bad &&
                    call->request_json.offset > 0 && answer_said(x, call);
    if (call->not_a_call)
        return false;
    return !all_seen || x->status >= 400 || call->compiled->api->shape(&call->cx) > 0;
}

/* The first whose path it is, unless the bodies look more like another's who claims it too. */
static struct tp_call *claimed(const struct tp_exchange *x)
{
    struct tp_call *best = NULL;
    int best_shape = SHAPE_SURE - 1;
    for (size_t i = 0; i < x->reading_count; i++) {
        struct tp_call *call = x->readings[i];
        if (!path_holds(x, call))
            continue;
        int shape = call->compiled->api->shape(&call->cx);
        if (!best || shape > best_shape) {
            best = call;
            best_shape = shape > best_shape ? shape : best_shape;
        }
    }
    return best;
}

/* Among several readings the one counts that understood most; below SHAPE_SURE none did. */
struct tp_call *tp_exchange_call(struct tp_exchange *x)
{
    struct tp_call *best = NULL;
    int best_shape = SHAPE_SURE - 1;
    finish_readings(x);
    if (x->match == TP_MATCH_PATH)
        return claimed(x);
    for (size_t i = 0; i < x->reading_count; i++) {
        struct tp_call *call = x->readings[i];
        int shape = call->not_a_call ? 0 : call->compiled->api->shape(&call->cx);
        if (shape > best_shape) {
            best_shape = shape;
            best = call;
        }
    }
    return best;
}

enum tp_exchange_state tp_exchange_state_of(const struct tp_exchange *x)
{
    bool known = false;
    for (size_t i = 0; i < x->reading_count; i++) {
        const struct tp_call *call = x->readings[i];
        if (call->finished)
            return TP_EXCHANGE_ANSWERED;
        known |= call->not_a_call || call->compiled->api->shape(&call->cx) > 0;
    }
    return known ? TP_EXCHANGE_OPEN : TP_EXCHANGE_UNKNOWN;
}
