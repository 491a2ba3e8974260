/* SPDX-License-Identifier: MIT
 * Writes call and loss events (keys: tokprof/event.h).
 */
#ifndef TP_CALLEVENT_H
#define TP_CALLEVENT_H

#include "collector/agents.h"
#include "collector/call.h"
#include "collector/calls.h"
#include "collector/link.h"
#include "common/pack.h"

enum tp_outcome { TP_OUTCOME_OK, TP_OUTCOME_ERROR, TP_OUTCOME_CANCELLED };

/* All that a call event says, beside what struct tp_call holds. */
struct tp_call_facts {
    struct tp_hash id;
    uint32_t pid;
    const struct tp_process *process; /* NULL: not known */
    const char *tls, *http_version, *encoding;
    const char *server, *path; /* NULL: not known */
    const char *provider;      /* NULL: the API's own */
    const struct tp_agent_facts *agent;
    int status; /* 0: not known */
    enum tp_outcome outcome;
    bool complete;
    uint64_t lost_bytes;
    uint64_t start_ns, request_end_ns, response_ns, end_ns; /* CLOCK_MONOTONIC; 0: not known */
    const struct tp_link_result *link;
    uint32_t request_count; /* the first of the call's blocks */
};

void tp_callevent_write(struct tp_pack *pack, const struct tp_calls_options *options,
                        const struct tp_call *call, const struct tp_call_facts *facts);

struct tp_loss_facts {
    struct tp_hash id;
    uint32_t pid;
    uint64_t time_ns;
    const char *where, *why;
    uint64_t bytes, count;
    const struct tp_hash *call; /* NULL: none */
};

void tp_lossevent_write(struct tp_pack *pack, const struct tp_calls_options *options,
                        const struct tp_loss_facts *facts);

#endif
