/* SPDX-License-Identifier: MIT
 * Anchors: after a hole in a JSON answer its structure is lost, but a usage object that came whole
 * after the hole still says what it says. The text is searched for "usage": { and the value read by
 * the rules of the document's top. In a string the quotes would be escaped, so no text of the model
 * can pose as one.
 */
#include <stdlib.h>
#include <string.h>

#include "collector/call.h"

enum { SEARCH, KEY, COLON, OPEN, VALUE };

struct tp_anchor *tp_anchor_new(struct tp_call *call)
{
    if (!call->compiled->api->anchors)
        return NULL;
    struct tp_anchor *anchor = calloc(1, sizeof(*anchor));
    if (!anchor)
        return NULL;
    tp_rules_walk_init(&anchor->walk, call->compiled->response_rules, &tp_call_answer_sink, call,
                       false);
    tp_json_init(&anchor->json, &tp_rules_handler, &anchor->walk, false);
    return anchor;
}

void tp_anchor_free(struct tp_anchor *anchor)
{
    if (!anchor)
        return;
    tp_json_done(&anchor->json);
    tp_rules_walk_done(&anchor->walk);
    free(anchor);
}

static bool is_anchor(const struct tp_call *call, const struct tp_anchor *anchor)
{
    if (anchor->long_key)
        return false;
    for (const char *const *a = call->compiled->api->anchors; *a; a++)
        if (strlen(*a) == anchor->key_len && memcmp(*a, anchor->key, anchor->key_len) == 0)
            return true;
    return false;
}

static void key_begin(struct tp_anchor *anchor)
{
    anchor->state = KEY;
    anchor->key_len = 0;
    anchor->long_key = false;
}

/* A quote that ends no known key may as well begin one: which is which was lost. */
static void take_key(struct tp_call *call, struct tp_anchor *anchor, char c)
{
    if (c == '"') {
        if (is_anchor(call, anchor))
            anchor->state = COLON;
        else
            key_begin(anchor);
    } else if (c == '\\') {
        anchor->long_key = true;
    } else if (anchor->key_len < sizeof(anchor->key)) {
        anchor->key[anchor->key_len++] = c;
    } else {
        anchor->long_key = true;
    }
}

/* The value is read as a document of its own in which it is the only member. */
static void value_begin(struct tp_call *call, struct tp_anchor *anchor)
{
    anchor->state = VALUE;
    tp_rules_walk_reset(&anchor->walk);
    tp_json_reset(&anchor->json);
    call->walk = &anchor->walk;
    (void)tp_json_feed(&anchor->json, "{\"", 2);
    (void)tp_json_feed(&anchor->json, anchor->key, anchor->key_len);
    (void)tp_json_feed(&anchor->json, "\":{", 3);
}

static void take_value(struct tp_call *call, struct tp_anchor *anchor, char c)
{
    call->walk = &anchor->walk;
    if (tp_json_feed(&anchor->json, &c, 1)) {
        tp_rules_walk_reset(&anchor->walk);
        anchor->state = SEARCH;
    } else if (anchor->json.depth == 1) {
        (void)tp_json_feed(&anchor->json, "}", 1);
        anchor->state = SEARCH;
    }
    call->walk = NULL;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void take_byte(struct tp_call *call, struct tp_anchor *anchor, char c)
{
    if (anchor->state == KEY) {
        take_key(call, anchor, c);
    } else if (anchor->state == VALUE) {
        take_value(call, anchor, c);
    } else if (c == '"') {
        key_begin(anchor);
    } else if (anchor->state == COLON && c == ':') {
        anchor->state = OPEN;
    } else if (anchor->state == OPEN && c == '{') {
        value_begin(call, anchor);
    } else if (anchor->state != SEARCH && !is_space(c)) {
        anchor->state = SEARCH;
    }
}

void tp_anchor_feed(struct tp_call *call, const char *data, size_t n)
{
    struct tp_anchor *anchor = call->anchor;
    for (size_t i = 0; anchor && i < n; i++)
        take_byte(call, anchor, data[i]);
}
