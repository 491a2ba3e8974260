/* SPDX-License-Identifier: MIT
 * The JSON scanner and the rule matcher: the same verdict and the same matches however the text is
 * cut.
 */
#include "common/json.h"

#include <stdlib.h>
#include <string.h>

#include "common/jsonrules.h"

static uint64_t seen;

static void on_match(void *cx, int action, const struct tp_json_event *e)
{
    (void)cx;
    if (e->first)
        seen = seen * 31 + (uint64_t)action + (uint64_t)e->type;
    for (size_t i = 0; i < e->len; i++)
        seen = seen * 31 + (unsigned char)e->data[i];
}

static const struct tp_rules_sink sink = {.match = on_match};
static const struct tp_json_rule table[] = {
    {"a", 1, true},   {"b[]", 2, false}, {"b[].c.*", 3, false}, {"", 4, false},
    {"[]", 5, false}, {"*.d", 6, true},  {NULL, 0, false},
};

static int scan(const struct tp_rules *rules, const uint8_t *data, size_t n, size_t step)
{
    struct tp_rules_walk walk;
    struct tp_json json;
    int err = 0;
    seen = 0;
    tp_rules_walk_init(&walk, rules, &sink, NULL, true);
    tp_json_init(&json, &tp_rules_handler, &walk, n & 1);
    for (size_t i = 0; i < n && !err; i += step)
        err = tp_json_feed(&json, (const char *)data + i, n - i < step ? n - i : step);
    if (!err)
        err = tp_json_end(&json);
    tp_json_done(&json);
    tp_rules_walk_done(&walk);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct tp_rules *rules;
    if (!rules && tp_rules_new(&rules, table))
        abort();
    int whole = scan(rules, data, n, n ? n : 1);
    uint64_t whole_seen = seen;
    if (scan(rules, data, n, 1) != whole || (!whole && seen != whole_seen))
        abort();
    return 0;
}
