/* SPDX-License-Identifier: MIT */
#include "common/jsonrules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NODES_MAX 4096
#define NONE UINT16_MAX

struct node {
    const char *key; /* not terminated; NULL: "*" or "[]" */
    uint16_t key_len;
    uint16_t child, sibling; /* literal keys */
    uint16_t star, item;
    bool has_rule, whole;
    int action;
};

struct tp_rules {
    struct node *nodes;
    uint16_t count, cap;
};

/* ---- compiling ---- */

static int node_add(struct tp_rules *rules, const char *key, size_t n, uint16_t *ret_node)
{
    if (rules->count >= NODES_MAX)
        return -EINVAL;
    if (rules->count == rules->cap) {
        uint16_t cap = rules->cap ? (uint16_t)(2 * rules->cap) : 32;
        struct node *nodes = realloc(rules->nodes, cap * sizeof(*nodes));
        if (!nodes)
            return -ENOMEM;
        rules->nodes = nodes;
        rules->cap = cap;
    }
    rules->nodes[rules->count] = (struct node){.key = key,
                                               .key_len = (uint16_t)n,
                                               .child = NONE,
                                               .sibling = NONE,
                                               .star = NONE,
                                               .item = NONE};
    *ret_node = rules->count++;
    return 0;
}

static uint16_t find_child(const struct tp_rules *rules, uint16_t at, const char *key, size_t n)
{
    for (uint16_t c = rules->nodes[at].child; c != NONE; c = rules->nodes[c].sibling)
        if (rules->nodes[c].key_len == n && memcmp(rules->nodes[c].key, key, n) == 0)
            return c;
    return NONE;
}

/* Goes from node *at to its child for one step of a pattern, making it where it is missing. */
static int descend(struct tp_rules *rules, uint16_t *at, const char *key, size_t n)
{
    bool item = n == 2 && memcmp(key, "[]", 2) == 0, star = n == 1 && *key == '*';
    const struct node *node = &rules->nodes[*at];
    uint16_t next = item ? node->item : star ? node->star : find_child(rules, *at, key, n);
    if (next == NONE) {
        int err = node_add(rules, key, n, &next);
        if (err)
            return err;
        struct node *parent = &rules->nodes[*at];
        if (item) {
            parent->item = next;
        } else if (star) {
            parent->star = next;
        } else {
            rules->nodes[next].sibling = parent->child;
            parent->child = next;
        }
    }
    *at = next;
    return 0;
}

/* Shared beginnings of patterns share nodes; a pattern given twice keeps its last action. */
static int rule_add(struct tp_rules *rules, const struct tp_json_rule *rule)
{
    uint16_t at = 0;
    const char *p = rule->pattern;
    for (unsigned depth = 0; *p; depth++) {
        if (depth + 1 >= TP_RULES_DEPTH_MAX)
            return -EINVAL;
        if (*p == '.')
            p++;
        size_t n = strncmp(p, "[]", 2) == 0 ? 2 : strcspn(p, ".[");
        if (n == 0)
            return -EINVAL;
        int err = descend(rules, &at, p, n);
        if (err)
            return err;
        p += n;
    }
    rules->nodes[at].has_rule = true;
    rules->nodes[at].whole = rule->whole;
    rules->nodes[at].action = rule->action;
    return 0;
}

int tp_rules_new(struct tp_rules **ret_rules, const struct tp_json_rule *table)
{
    struct tp_rules *rules = calloc(1, sizeof(*rules));
    uint16_t root;
    if (!rules)
        return -ENOMEM;
    int err = node_add(rules, NULL, 0, &root);
    for (; !err && table && table->pattern; table++)
        err = rule_add(rules, table);
    if (err) {
        tp_rules_free(rules);
        return err;
    }
    *ret_rules = rules;
    return 0;
}

void tp_rules_free(struct tp_rules *rules)
{
    if (!rules)
        return;
    free(rules->nodes);
    free(rules);
}

/* ---- walking ---- */

/* Also in mid-document: a hole in the stream ends documents anywhere. */
static void walk_clear(struct tp_rules_walk *walk)
{
    walk->in_document = false;
    walk->depth = 0;
    walk->arrays = 0;
    walk->skipped = 0;
    walk->wrapped = 0;
    walk->next = NONE;
    walk->string_node = NONE;
    walk->whole_cut = false;
    walk->capturing = false;
    walk->key_len = 0;
    tp_buf_clear(&walk->whole);
}

void tp_rules_walk_init(struct tp_rules_walk *walk, const struct tp_rules *rules,
                        const struct tp_rules_sink *sink, void *cx, bool unwrap)
{
    memset(walk, 0, sizeof(*walk));
    walk->rules = rules;
    walk->sink = sink;
    walk->cx = cx;
    walk->unwrap = unwrap;
    tp_buf_init(&walk->whole, TP_RULES_WHOLE_MAX);
    walk_clear(walk);
}

void tp_rules_walk_done(struct tp_rules_walk *walk)
{
    tp_buf_done(&walk->whole);
}

/* Lazily, at the first value, so that an empty body is no document. */
static void document_begin(struct tp_rules_walk *walk)
{
    walk->in_document = true;
    if (walk->sink->begin)
        walk->sink->begin(walk->cx);
}

static void document_end(struct tp_rules_walk *walk)
{
    if (!walk->in_document)
        return;
    walk->in_document = false;
    if (walk->sink->end)
        walk->sink->end(walk->cx);
}

void tp_rules_walk_reset(struct tp_rules_walk *walk)
{
    document_end(walk);
    walk_clear(walk);
}

int tp_rules_capture(struct tp_rules_walk *walk, const struct tp_rules_capture *capture)
{
    const struct tp_json_event *e = walk->now;
    if (!e || e->type == TP_JSON_OBJECT_END || e->type == TP_JSON_ARRAY_END || !e->first)
        return -EINVAL;
    if (walk->capturing)
        return -EBUSY;
    walk->capture = *capture;
    walk->capture_depth = 0;
    walk->capturing = true;
    return 0;
}

/* Depth tells where the captured value ends: after its own closing bracket, or at once for a
 * scalar. */
static void capture_value(struct tp_rules_walk *walk, const struct tp_json_event *e)
{
    walk->capture.value(walk->capture.cx, e);
    if (e->type == TP_JSON_OBJECT_BEGIN || e->type == TP_JSON_ARRAY_BEGIN)
        walk->capture_depth++;
    else if (e->type == TP_JSON_OBJECT_END || e->type == TP_JSON_ARRAY_END)
        walk->capture_depth--;
    if (walk->capture_depth == 0 && e->last)
        walk->capturing = false;
}

/* A number that is cut has `last` false and yet is all that comes. */
static struct tp_json_event closed_number(const struct tp_json_event *e)
{
    struct tp_json_event copy = *e;
    if (copy.type == TP_JSON_NUMBER)
        copy.last = true;
    return copy;
}

/* `now` is set only while the plugin runs: it may ask for the capture of this very value. */
static void match(struct tp_rules_walk *walk, uint16_t node, const struct tp_json_event *e)
{
    if (node == NONE || !walk->rules->nodes[node].has_rule)
        return;
    walk->now = e;
    walk->sink->match(walk->cx, walk->rules->nodes[node].action, e);
    walk->now = NULL;
}

/* Gathers a string's fragments; gives the whole at its end. */
static void match_whole(struct tp_rules_walk *walk, uint16_t node, const struct tp_json_event *e)
{
    size_t room = TP_RULES_WHOLE_MAX - walk->whole.len;
    if (e->first && e->last && e->len <= TP_RULES_WHOLE_MAX) {
        match(walk, node, e);
        return;
    }
    if (e->first) {
        tp_buf_clear(&walk->whole);
        walk->whole_cut = false;
        room = TP_RULES_WHOLE_MAX;
    }
    size_t kept = e->len < room ? e->len : room;
    if (kept < e->len || tp_buf_add(&walk->whole, e->data, kept))
        walk->whole_cut = true;
    if (!e->last)
        return;
    struct tp_json_event all = {.type = TP_JSON_STRING,
                                .first = true,
                                .last = !walk->whole_cut,
                                .data = walk->whole.data ? (const char *)walk->whole.data : "",
                                .len = walk->whole.len};
    match(walk, node, &all);
}

/* Node of the value that begins now. */
static uint16_t value_node(const struct tp_rules_walk *walk)
{
    if (walk->depth == 0)
        return 0;
    if (walk->arrays >> (walk->depth - 1) & 1)
        return walk->rules->nodes[walk->path[walk->depth - 1]].item;
    return walk->next;
}

/* What no rule knows is counted, not walked: most of a document is below such places. */
static void container_begin(struct tp_rules_walk *walk, const struct tp_json_event *e)
{
    uint16_t node = value_node(walk);
    if (walk->skipped || node == NONE || walk->depth == TP_RULES_DEPTH_MAX) {
        walk->skipped++;
        return;
    }
    walk->path[walk->depth] = node;
    walk->arrays &= ~(1u << walk->depth);
    if (e->type == TP_JSON_ARRAY_BEGIN)
        walk->arrays |= 1u << walk->depth;
    walk->depth++;
    match(walk, node, e);
    walk->next = NONE;
}

/* Ends mirror begins; the scanner has checked that they pair. */
static void container_end(struct tp_rules_walk *walk, const struct tp_json_event *e)
{
    if (walk->skipped) {
        walk->skipped--;
        return;
    }
    if (walk->depth == 0)
        return;
    walk->depth--;
    match(walk, walk->path[walk->depth], e);
}

/* A string's later fragments go where its first one went, whatever keys come meanwhile: none
 * can. */
static void scalar(struct tp_rules_walk *walk, const struct tp_json_event *e)
{
    if (walk->skipped)
        return;
    if (e->first)
        walk->string_node = value_node(walk);
    uint16_t node = walk->string_node;
    if (node == NONE)
        return;
    if (e->type == TP_JSON_STRING && walk->rules->nodes[node].whole)
        match_whole(walk, node, e);
    else
        match(walk, node, e);
}

static bool is_begin(const struct tp_json_event *e)
{
    return e->type == TP_JSON_OBJECT_BEGIN || e->type == TP_JSON_ARRAY_BEGIN;
}

static bool is_end(const struct tp_json_event *e)
{
    return e->type == TP_JSON_OBJECT_END || e->type == TP_JSON_ARRAY_END;
}

/* The array around the documents itself: true if this event is its bracket. */
static bool unwrap(struct tp_rules_walk *walk, const struct tp_json_event *e)
{
    if (!walk->unwrap || walk->depth || walk->skipped || walk->in_document)
        return false;
    if (e->type == TP_JSON_ARRAY_BEGIN && !walk->wrapped) {
        walk->wrapped = 1;
        return true;
    }
    if (e->type == TP_JSON_ARRAY_END && walk->wrapped) {
        walk->wrapped = 0;
        return true;
    }
    return false;
}

static void on_value(void *cx, const struct tp_json_event *event)
{
    struct tp_rules_walk *walk = cx;
    if (unwrap(walk, event))
        return;
    struct tp_json_event copy = closed_number(event);
    bool captured = walk->capturing; /* before the match, which may end what is being captured */
    if (!walk->in_document)
        document_begin(walk);
    if (captured)
        capture_value(walk, &copy);
    if (is_begin(event))
        container_begin(walk, event);
    else if (is_end(event))
        container_end(walk, event);
    else
        scalar(walk, event);
    if (!captured && walk->capturing)
        capture_value(walk, &copy);
    if (walk->depth == 0 && walk->skipped == 0 && copy.last)
        document_end(walk);
}

/* A literal key before "*": a rule for one key is meant as an exception to the rule for all. */
static void on_key(void *cx, const char *key, size_t n)
{
    struct tp_rules_walk *walk = cx;
    if (walk->capturing)
        walk->capture.key(walk->capture.cx, key, n);
    if (walk->skipped || walk->depth == 0)
        return;
    const struct node *node = &walk->rules->nodes[walk->path[walk->depth - 1]];
    walk->next = find_child(walk->rules, walk->path[walk->depth - 1], key, n);
    if (walk->next == NONE)
        walk->next = node->star;
    walk->key_len = n < sizeof(walk->key) ? n : sizeof(walk->key);
    memcpy(walk->key, key, walk->key_len);
}

const struct tp_json_handler tp_rules_handler = {.value = on_value, .key = on_key};
