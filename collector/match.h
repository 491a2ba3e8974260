/* SPDX-License-Identifier: MIT
 * Which provider APIs an exchange may belong to.
 */
#ifndef TP_MATCH_H
#define TP_MATCH_H

#include "collector/agents.h"
#include "collector/call.h"
#include "collector/exchange.h"
#include "common/plugins.h"

#define TP_APIS_MAX TP_PROVIDER_APIS_MAX

struct tp_apis {
    struct tp_call_api list[TP_APIS_MAX];
    size_t count;
    struct tp_agents *agents;
};

/* Compiles the rules of all provider and agent plugins. 0 or negative errno. */
int tp_apis_init(struct tp_apis *apis);
void tp_apis_done(struct tp_apis *apis);

enum tp_match {
    TP_MATCH_NONE,  /* an endpoint that is no model call */
    TP_MATCH_PATH,  /* *ret_claims by its path */
    TP_MATCH_SHAPE, /* the bodies must tell */
};

#define TP_CLAIMS_MAX 4

/* The APIs whose path it is, the surest first; one only where that is sure. */
struct tp_claims {
    const struct tp_call_api *list[TP_CLAIMS_MAX];
    int score[TP_CLAIMS_MAX];
    size_t count;
};

/* `view` NULL: the head was not seen. */
enum tp_match tp_apis_match(const struct tp_apis *apis, const struct tp_http_view *view,
                            struct tp_claims *ret_claims);

/* Who runs the service, by the providers' tables: by the request's Host, else by the answer's
 * Server header; each may be NULL. NULL: not known. */
const char *tp_provider_named(const char *host, const char *software);

/* How the answer is to be read, from its type and its first byte that is no white space. */
enum tp_answer_form tp_answer_form_of(const char *content_type, char first);

#endif
