/* SPDX-License-Identifier: MIT */
#include "collector/match.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "common/plugins.h"

/* Once per program: patterns become tries, which all calls then share. */
static int compile(struct tp_apis *apis, const struct tp_provider_api *api)
{
    if (apis->count >= TP_APIS_MAX)
        return -E2BIG;
    struct tp_call_api *c = &apis->list[apis->count];
    *c = (struct tp_call_api){.api = api};
    int err = tp_rules_new(&c->request_rules, api->request_rules);
    if (!err)
        err = tp_rules_new(&c->response_rules, api->response_rules);
    if (err) {
        tp_rules_free(c->request_rules);
        return err;
    }
    apis->count++;
    return 0;
}

int tp_apis_init(struct tp_apis *apis)
{
    const struct tp_plugin *plugin;
    memset(apis, 0, sizeof(*apis));
    int err = tp_agents_new(&apis->agents);
    if (err)
        return err;
    for (size_t i = 0; (plugin = tp_plugin_at(i)); i++) {
        if (plugin->kind != TP_PLUGIN_PROVIDER)
            continue;
        for (const struct tp_provider_api *const *a = plugin->ops.provider->apis; *a; a++) {
            err = compile(apis, *a);
            if (err) {
                tp_apis_done(apis);
                return err;
            }
        }
    }
    return 0;
}

void tp_apis_done(struct tp_apis *apis)
{
    for (size_t i = 0; i < apis->count; i++) {
        tp_rules_free(apis->list[i].request_rules);
        tp_rules_free(apis->list[i].response_rules);
    }
    tp_agents_free(apis->agents);
    apis->agents = NULL;
    apis->count = 0;
}

/* From here on a path belongs to one API alone (tokprof/plugin.h). */
#define SCORE_SURE 80

/* Of equals the first stays first. */
static void claim(struct tp_claims *c, const struct tp_call_api *api, int score)
{
    size_t at = c->count;
    while (at && c->score[at - 1] < score)
        at--;
    if (at == TP_CLAIMS_MAX)
        return;
    size_t moved = (c->count < TP_CLAIMS_MAX ? c->count : TP_CLAIMS_MAX - 1) - at;
    memmove(&c->list[at + 1], &c->list[at], moved * sizeof(*c->list));
    memmove(&c->score[at + 1], &c->score[at], moved * sizeof(*c->score));
    c->list[at] = api;
    c->score[at] = score;
    c->count += c->count < TP_CLAIMS_MAX;
}

/* One plugin's refusal keeps the others from guessing by shape, but not from claiming the path. */
enum tp_match tp_apis_match(const struct tp_apis *apis, const struct tp_http_view *view,
                            struct tp_claims *ret_claims)
{
    bool refused = false;
    *ret_claims = (struct tp_claims){0};
    if (!view)
        return TP_MATCH_SHAPE;
    for (size_t i = 0; i < apis->count; i++) {
        int score = apis->list[i].api->match(view);
        refused |= score == TP_MATCH_NOT_A_CALL;
        if (score > 0)
            claim(ret_claims, &apis->list[i], score);
    }
    if (ret_claims->count && ret_claims->score[0] >= SCORE_SURE)
        ret_claims->count = 1;
    if (ret_claims->count)
        return TP_MATCH_PATH;
    return refused || strcmp(view->method, "POST") != 0 ? TP_MATCH_NONE : TP_MATCH_SHAPE;
}

static bool host_fits(const struct tp_provider_host *h, const char *host, const char *software)
{
    if (h->host)
        return host && fnmatch(h->host, host, 0) == 0;
    return software && h->software && strncasecmp(software, h->software, strlen(h->software)) == 0;
}

const char *tp_provider_named(const char *host, const char *software)
{
    const struct tp_plugin *plugin;
    char name[256]; /* longer than a DNS name can be */
    size_t n = host ? strcspn(host, ":") : 0;
    if (n >= sizeof(name))
        return NULL;
    for (size_t i = 0; i < n; i++)
        name[i] = (char)tolower((unsigned char)host[i]);
    name[n] = '\0';
    for (size_t i = 0; (plugin = tp_plugin_at(i)); i++) {
        if (plugin->kind != TP_PLUGIN_PROVIDER || !plugin->ops.provider->hosts)
            continue;
        for (const struct tp_provider_host *h = plugin->ops.provider->hosts; h->provider; h++)
            if (host_fits(h, host ? name : NULL, software))
                return h->provider;
    }
    return NULL;
}

/* The body's first byte tells more than its type: JSON comes labelled as octet-stream and event
 * streams as plain text, and an error may come as JSON where a stream was promised. */
enum tp_answer_form tp_answer_form_of(const char *content_type, char first)
{
    if (content_type && strstr(content_type, "vnd.amazon.eventstream"))
        return TP_ANSWER_FRAMES;
    if (first == '{' || first == '[')
        return TP_ANSWER_JSON;
    if (content_type && strstr(content_type, "event-stream"))
        return TP_ANSWER_SSE;
    return first == ':' || islower((unsigned char)first) ? TP_ANSWER_SSE : TP_ANSWER_NONE;
}
