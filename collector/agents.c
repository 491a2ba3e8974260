/* SPDX-License-Identifier: MIT */
#include "collector/agents.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "common/plugins.h"

#define VALUE_MAX 512 /* of a header that signs are looked for in */
#define MARKED_MIN 8  /* bytes of an id that follows a mark */
#define RANDOM_MIN 16 /* bytes of what looks random */
#define RANDOM_DIGITS_MIN 3
#define RANK_ANY (1u << 20) /* after all places of named agents */
#define RANK_LAST UINT32_MAX

/* A place with what was made of it. */
struct place {
    const struct tp_agent_place *plain;
    const struct tp_agent *agent;
    uint32_t rank;
    int body;                /* action of its rule; -1: a header's */
    struct tp_rules *member; /* NULL: the text itself */
};

struct tp_agents {
    const struct tp_agent **list; /* those with signs */
    size_t count;
    struct place *places;
    size_t place_count;
    struct tp_json_rule *table; /* one rule a pattern */
    size_t rule_count;
    struct tp_rules *rules;
};

/* ---- the tables ---- */

static int body_action(struct tp_agents *agents, const char *pattern)
{
    size_t i = 0;
    while (i < agents->rule_count && strcmp(agents->table[i].pattern, pattern) != 0)
        i++;
    if (i == agents->rule_count)
        agents->table[agents->rule_count++] =
            (struct tp_json_rule){.pattern = pattern, .action = (int)i, .whole = true};
    return (int)i;
}

static int add_place(struct tp_agents *agents, const struct tp_agent *agent,
                     const struct tp_agent_place *plain)
{
    const struct tp_json_rule member[] = {{plain->member, 0, true}, {NULL, 0, false}};
    struct place *p = &agents->places[agents->place_count];
    *p = (struct place){.plain = plain, .agent = agent->name ? agent : NULL};
    p->rank = (uint32_t)agents->place_count + 1 + (agent->name ? 0 : RANK_ANY);
    int err = plain->member ? tp_rules_new(&p->member, member) : 0;
    if (err)
        return err;
    p->body = plain->body ? body_action(agents, plain->body) : -1;
    agents->place_count++;
    return 0;
}

static int add_agent(struct tp_agents *agents, const struct tp_agent *agent)
{
    int err = 0;
    if (agent->name && agent->signs)
        agents->list[agents->count++] = agent;
    for (const struct tp_agent_place *p = agent->places; !err && (p->header || p->body); p++)
        err = add_place(agents, agent, p);
    return err;
}

/* Adds the agents of all plugins as if they stood in one list; NULL: only counts them. */
static int each_agent(struct tp_agents *agents, size_t *ret_agents, size_t *ret_places)
{
    const struct tp_plugin *plugin;
    int err = 0;
    for (size_t i = 0; !err && (plugin = tp_plugin_at(i)); i++) {
        if (plugin->kind != TP_PLUGIN_AGENT)
            continue;
        for (const struct tp_agent *a = plugin->ops.agent->agents; !err && a->places; a++) {
            ++*ret_agents;
            for (const struct tp_agent_place *p = a->places; p->header || p->body; p++)
                ++*ret_places;
            err = agents ? add_agent(agents, a) : 0;
        }
    }
    return err;
}

int tp_agents_new(struct tp_agents **ret_agents)
{
    struct tp_agents *agents = calloc(1, sizeof(*agents));
    size_t count = 0, places = 0;
    if (!agents)
        return -ENOMEM;
    each_agent(NULL, &count, &places);
    agents->list = calloc(count + 1, sizeof(const struct tp_agent *));
    agents->places = calloc(places + 1, sizeof(*agents->places));
    agents->table = calloc(places + 1, sizeof(*agents->table));
    bool memory = agents->list && agents->places && agents->table;
    int err = memory ? each_agent(agents, &count, &places) : -ENOMEM;
    if (!err)
        err = tp_rules_new(&agents->rules, agents->table);
    if (err) {
        tp_agents_free(agents);
        return err;
    }
    *ret_agents = agents;
    return 0;
}

void tp_agents_free(struct tp_agents *agents)
{
    if (!agents)
        return;
    for (size_t i = 0; i < agents->place_count; i++)
        tp_rules_free(agents->places[i].member);
    tp_rules_free(agents->rules);
    free(agents->list);
    free(agents->places);
    free(agents->table);
    free(agents);
}

const struct tp_rules *tp_agents_rules(const struct tp_agents *agents)
{
    return agents->rules;
}

/* ---- what may be kept as it is ---- */

static bool is_plain(const char *s, size_t n)
{
    size_t i = 0;
    while (i < n && (isalnum((unsigned char)s[i]) || (s[i] && strchr("-_.:#", s[i]))))
        i++;
    return i == n && n <= TP_AGENT_TEXT_MAX;
}

static bool looks_random(const char *s, size_t n)
{
    size_t digits = 0;
    for (size_t i = 0; i < n; i++)
        digits += isdigit((unsigned char)s[i]) != 0;
    return n >= RANDOM_MIN && digits >= RANDOM_DIGITS_MIN && !memchr(s, '.', n);
}

/* '#' and 16 hex digits, which no id that is kept as it is looks like. */
static void put_hash(const struct tp_agent_facts *facts, char *out, const char *s, size_t n)
{
    char hex[2 * TP_HASH_BYTES + 1];
    struct tp_hash hash = tp_hash_of(facts->key, s, n);
    tp_hash_hex(&hash, hex);
    out[0] = '#';
    memcpy(out + 1, hex, 16);
    out[17] = '\0';
}

static void trim(const char **s, size_t *n)
{
    for (; *n && isspace((unsigned char)**s); (*s)++)
        --*n;
    while (*n && isspace((unsigned char)(*s)[*n - 1]))
        --*n;
}

static void keep(struct tp_agent_facts *facts, uint32_t fact, uint32_t form, uint32_t rank,
                 const char *s, size_t n)
{
    char *out = facts->text[fact];
    trim(&s, &n);
    if (!n || (facts->rank[fact] && facts->rank[fact] <= rank))
        return;
    facts->rank[fact] = rank;
    bool plain = is_plain(s, n) && s[0] != '#' && form != TP_AGENT_HASHED;
    if (!plain || (form == TP_AGENT_LOOSE && !looks_random(s, n))) {
        put_hash(facts, out, s, n);
        return;
    }
    memcpy(out, s, n);
    out[n] = '\0';
}

/* ---- a place's text ---- */

/* What follows the mark, as far as it is letters, digits and '-'. */
static bool cut_marked(const char *mark, const char **s, size_t *n)
{
    const char *at = memmem(*s, *n, mark, strlen(mark));
    if (!at)
        return false;
    at += strlen(mark);
    size_t left = (size_t)(*s + *n - at), len = 0;
    while (len < left && (isalnum((unsigned char)at[len]) || at[len] == '-'))
        len++;
    *s = at;
    *n = len;
    return len >= MARKED_MIN;
}

static void take_text(struct tp_agent_facts *facts, const struct place *p, const char *s, size_t n)
{
    if (!p->plain->after || cut_marked(p->plain->after, &s, &n))
        keep(facts, p->plain->fact, p->plain->form, p->rank, s, n);
}

struct member {
    struct tp_agent_facts *facts;
    const struct place *place;
};

static void on_member(void *cx, int action, const struct tp_json_event *e)
{
    struct member *m = cx;
    (void)action;
    if (e->type == TP_JSON_STRING && e->last)
        take_text(m->facts, m->place, e->data, e->len);
}

/* A text that was cut, or is no JSON further on, has said what it said. */
static void take_member(struct tp_agent_facts *facts, const struct place *p, const char *s,
                        size_t n)
{
    static const struct tp_rules_sink sink = {.match = on_member};
    struct member m = {facts, p};
    struct tp_rules_walk walk;
    struct tp_json json;
    tp_rules_walk_init(&walk, p->member, &sink, &m, false);
    tp_json_init(&json, &tp_rules_handler, &walk, false);
    tp_json_feed(&json, s, n);
    tp_json_done(&json);
    tp_rules_walk_done(&walk);
}

static void take(struct tp_agent_facts *facts, const struct place *p, const char *s, size_t n)
{
    if (p->member)
        take_member(facts, p, s, n);
    else
        take_text(facts, p, s, n);
}

/* Known to be somebody else's, or already told by a better place. */
static bool is_for(const struct tp_agent_facts *facts, const struct place *p)
{
    uint32_t rank = facts->rank[p->plain->fact];
    return (!p->agent || p->agent == facts->agent) && (!rank || rank > p->rank);
}

/* ---- a request ---- */

void tp_agent_facts_init(struct tp_agent_facts *facts, const struct tp_agents *agents,
                         const struct tp_hash_key *key)
{
    *facts = (struct tp_agent_facts){.agents = agents, .key = key};
}

static bool sign_fits(const struct tp_agent_sign *sign, const struct tp_http_head *head)
{
    char value[VALUE_MAX];
    const char *field = tp_http_field(head, sign->header);
    size_t n = field ? strlen(field) : 0;
    if (!n)
        return false;
    n = n < sizeof(value) ? n : sizeof(value) - 1;
    for (size_t i = 0; i < n; i++)
        value[i] = (char)tolower((unsigned char)field[i]);
    value[n] = '\0';
    return fnmatch(sign->glob, value, 0) == 0;
}

static bool shows(const struct tp_agent *agent, const struct tp_http_head *head)
{
    for (const struct tp_agent_sign *s = agent->signs; s->header; s++)
        if (sign_fits(s, head))
            return true;
    return false;
}

void tp_agent_facts_head(struct tp_agent_facts *facts, const struct tp_http_head *head)
{
    const struct tp_agents *agents = facts->agents;
    for (size_t i = 0; i < agents->count && !facts->agent; i++)
        facts->agent = shows(agents->list[i], head) ? agents->list[i] : NULL;
    for (size_t i = 0; i < agents->place_count; i++) {
        const struct place *p = &agents->places[i];
        const char *value = p->body < 0 ? tp_http_field(head, p->plain->header) : NULL;
        if (value && is_for(facts, p))
            take(facts, p, value, strlen(value));
    }
}

static void on_body(void *cx, int action, const struct tp_json_event *e)
{
    struct tp_agent_facts *facts = cx;
    for (size_t i = 0; e->type == TP_JSON_STRING && i < facts->agents->place_count; i++) {
        const struct place *p = &facts->agents->places[i];
        if (p->body == action && (e->last || p->member) && is_for(facts, p))
            take(facts, p, e->data, e->len);
    }
}

const struct tp_rules_sink tp_agent_facts_sink = {.match = on_body};

void tp_agent_facts_session(struct tp_agent_facts *facts, const char *text)
{
    if (text)
        keep(facts, TP_AGENT_SESSION, TP_AGENT_LOOSE, RANK_LAST, text, strlen(text));
}

const char *tp_agent_fact_text(const struct tp_agent_facts *facts, enum tp_agent_fact fact)
{
    return facts->text[fact][0] ? facts->text[fact] : NULL;
}
