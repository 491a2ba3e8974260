/* SPDX-License-Identifier: MIT
 * Whose a call is: the agent by its signs, and what its headers and the request's body say of
 * session, conversation, subagent, turn and project, by the agent plugins' tables.
 */
#ifndef TP_AGENTS_H
#define TP_AGENTS_H

#include "collector/exchange.h"
#include "common/hash.h"
#include "common/jsonrules.h"

/* An id that is longer is told by its hash. */
#define TP_AGENT_TEXT_MAX 128

struct tp_agents;

/* What one request said. Plain data. */
struct tp_agent_facts {
    const struct tp_agents *agents;
    const struct tp_hash_key *key;
    const struct tp_agent *agent;                     /* NULL: no sign of a known one */
    uint32_t rank[TP_AGENT_FACTS];                    /* of the place that told it, from 1 */
    char text[TP_AGENT_FACTS][TP_AGENT_TEXT_MAX + 1]; /* "": not told */
};

/* Takes in the tables of all agent plugins. 0 or negative errno. */
int tp_agents_new(struct tp_agents **ret_agents);
void tp_agents_free(struct tp_agents *agents);

/* `agents` and `key` must outlive the facts. */
void tp_agent_facts_init(struct tp_agent_facts *facts, const struct tp_agents *agents,
                         const struct tp_hash_key *key);
/* The request's head: names the agent, too. */
void tp_agent_facts_head(struct tp_agent_facts *facts, const struct tp_http_head *head);
/* The request's document: these rules' matches go to `sink`, with the facts as cx. */
const struct tp_rules *tp_agents_rules(const struct tp_agents *agents);
extern const struct tp_rules_sink tp_agent_facts_sink;
/* A session that a provider plugin named; any place of an agent's goes before it. */
void tp_agent_facts_session(struct tp_agent_facts *facts, const char *text);

/* NULL: not told. */
const char *tp_agent_fact_text(const struct tp_agent_facts *facts, enum tp_agent_fact fact);

#endif
