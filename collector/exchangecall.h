/* SPDX-License-Identifier: MIT
 * One exchange while it is open, read through one API (its path told which) or several.
 */
#ifndef TP_EXCHANGECALL_H
#define TP_EXCHANGECALL_H

#include "collector/callevent.h"
#include "collector/fasthash.h"
#include "collector/match.h"

struct tp_exchange {
    struct tp_calls *calls;
    struct tp_conn_origin origin;
    uint64_t ordinal;
    enum tp_match match;
    struct tp_call *readings[TP_APIS_MAX];
    size_t reading_count;

    char *server, *path;  /* NULL: not known */
    const char *provider; /* static; NULL: the API's own */
    struct tp_agent_facts agent;
    struct tp_rules_walk agent_walk; /* over the request, beside that of the first reading */
    char version[12], encoding[16], content_type[64];
    enum tp_answer_form form;
    int status;
    bool head_seen, request_sniffed, request_ended, answered;
    bool request_hole, answer_hole;
    bool answer_bytes; /* of its body some came */
    bool ended;        /* the framing said that the answer is whole */
    uint64_t lost_bytes;
    XXH3_state_t *request_digest; /* of the body, decoded */
    uint64_t twin_ticket;         /* of a client's end whose request has ended */
    uint64_t start_ns, request_end_ns, response_ns, end_ns;
};

/* NULL without memory. */
struct tp_exchange *tp_exchange_new(const struct tp_conn_origin *origin, uint64_t time_ns,
                                    const struct tp_apis *apis, const struct tp_hash_key *key);
void tp_exchange_free(struct tp_exchange *x);

/* Takes from the request's head what events may say, and finds the API. */
void tp_exchange_head(struct tp_exchange *x, const struct tp_apis *apis,
                      const struct tp_http_head *head, const struct tp_blocks_options *options);

void tp_exchange_request(struct tp_exchange *x, const struct tp_apis *apis, const char *data,
                         size_t n, const struct tp_blocks_options *options);
void tp_exchange_answer_head(struct tp_exchange *x, const struct tp_http_head *head);
void tp_exchange_answer(struct tp_exchange *x, const struct tp_apis *apis, const char *data,
                        size_t n, uint64_t time_ns, const struct tp_blocks_options *options);
void tp_exchange_answer_hole(struct tp_exchange *x);

/* All is read: the reading that understood it, or NULL: no model call. */
struct tp_call *tp_exchange_call(struct tp_exchange *x);

/* What its bodies say of it so far. */
enum tp_exchange_state tp_exchange_state_of(const struct tp_exchange *x);

#endif
