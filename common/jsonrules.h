/* SPDX-License-Identifier: MIT
 * Finds the places that a plugin's rules (struct tp_json_rule) name while a document is scanned:
 * the patterns become a trie that is walked as the scanner goes down; a subtree without rules costs
 * its scan. Where a literal key and "*" both fit, the literal one counts.
 */
#ifndef TP_JSONRULES_H
#define TP_JSONRULES_H

#include "common/buf.h"
#include "common/json.h"

#define TP_RULES_DEPTH_MAX 24
#define TP_RULES_WHOLE_MAX 4096

struct tp_rules;

/* Compiles a table that ends with a NULL pattern. 0; -ENOMEM; -EINVAL for a pattern that is
 * malformed or too deep. The table must outlive the result. */
int tp_rules_new(struct tp_rules **ret_rules, const struct tp_json_rule *table);
void tp_rules_free(struct tp_rules *rules);

struct tp_rules_sink {
    /* An event at a place that a rule names. */
    void (*match)(void *cx, int action, const struct tp_json_event *event);
    /* Documents: each top-level value, or each element of one top-level array with `unwrap`. */
    void (*begin)(void *cx);
    void (*end)(void *cx);
};

/* Where captured values go: same shape as the scanner's handler. */
struct tp_rules_capture {
    void (*value)(void *cx, const struct tp_json_event *event);
    void (*key)(void *cx, const char *key, size_t n);
    void *cx;
};

struct tp_rules_walk {
    const struct tp_rules *rules;
    const struct tp_rules_sink *sink;
    void *cx;
    bool unwrap, in_document;
    uint16_t path[TP_RULES_DEPTH_MAX]; /* nodes of the open containers that rules know */
    uint32_t arrays;                   /* bit i: path[i] is an array */
    unsigned depth;
    size_t skipped;       /* open containers below that no rule knows */
    size_t wrapped;       /* 1 inside an unwrapped top-level array */
    uint16_t next;        /* node of the member whose key was read */
    uint16_t string_node; /* node of the string being read */
    struct tp_buf whole;
    bool whole_cut;
    char key[64]; /* last key, cut to fit */
    size_t key_len;
    const struct tp_json_event *now; /* during match() */
    struct tp_rules_capture capture;
    size_t capture_depth;
    bool capturing;
};

void tp_rules_walk_init(struct tp_rules_walk *walk, const struct tp_rules *rules,
                        const struct tp_rules_sink *sink, void *cx, bool unwrap);
void tp_rules_walk_done(struct tp_rules_walk *walk);
/* Ready for another document; an open one gets its end(). */
void tp_rules_walk_reset(struct tp_rules_walk *walk);

/* During match() of an event that begins a value: the value, this event included, goes to `capture`
 * as well. One at a time; -EBUSY while another runs, -EINVAL where no value begins. */
int tp_rules_capture(struct tp_rules_walk *walk, const struct tp_rules_capture *capture);

/* The scanner's handler, with a walk as cx. */
extern const struct tp_json_handler tp_rules_handler;

#endif
