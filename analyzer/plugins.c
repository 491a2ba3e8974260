/* SPDX-License-Identifier: MIT */
#include "common/plugins.h"

#include "analyzer/command.h"
#include "analyzer/format/json.h"
#include "common/log.h"

static const struct tp_column columns[] = {{"name"},   {"kind"},   {"version"},
                                           {"origin"}, {"status"}, {"summary"}};

static void row_json(struct tp_json *j, const struct tp_plugin *p, const char *origin,
                     const char *reason)
{
    tp_json_map(j);
    tp_json_kv_text(j, "name", p ? p->name : NULL);
    tp_json_kv_text(j, "kind", p ? tp_plugin_kind_name(p->kind) : NULL);
    tp_json_kv_text(j, "version", p ? p->version : NULL);
    tp_json_kv_text(j, "origin", origin);
    tp_json_kv_text(j, "status", p ? "loaded" : "refused");
    tp_json_kv_text(j, "summary", p ? p->summary : NULL);
    tp_json_kv_text(j, "reason", reason);
    tp_json_map_end(j);
}

static int as_json(void)
{
    struct tp_json j;
    const struct tp_plugin *p;
    const struct tp_plugin_refusal *refused;
    if (!tp_json_init(&j, stdout, true))
        return TP_EXIT_BAD;
    tp_json_array(&j);
    for (size_t i = 0; (p = tp_plugin_at(i)); i++)
        row_json(&j, p, tp_plugin_origin(i), NULL);
    for (size_t i = 0; (refused = tp_plugin_refused_at(i)); i++)
        row_json(&j, NULL, refused->name, refused->reason);
    tp_json_array_end(&j);
    tp_json_flush(&j);
    tp_json_done(&j);
    return 0;
}

/* Of a refused one only the file is known for sure: it stands as the origin, the reason as summary.
 */
static void fill(struct tp_table *t)
{
    const struct tp_plugin *p;
    const struct tp_plugin_refusal *refused;
    for (size_t i = 0; (p = tp_plugin_at(i)); i++) {
        tp_table_text(t, p->name);
        tp_table_text(t, tp_plugin_kind_name(p->kind));
        tp_table_text(t, p->version);
        tp_table_text(t, tp_plugin_origin(i));
        tp_table_text(t, "loaded");
        tp_table_text(t, p->summary);
    }
    for (size_t i = 0; (refused = tp_plugin_refused_at(i)); i++) {
        for (size_t column = 0; column < 3; column++)
            tp_table_text(t, NULL);
        tp_table_text(t, refused->name);
        tp_table_text(t, "refused");
        tp_table_text(t, refused->reason);
    }
}

int tp_plugins_run(const struct tp_arguments *arguments)
{
    tp_plugins_load();
    if (arguments->format == TP_FORMAT_JSON)
        return as_json();
    bool csv = arguments->format == TP_FORMAT_CSV;
    struct tp_table *t = tp_table_new(stdout, csv, columns, sizeof(columns) / sizeof(columns[0]));
    if (!t) {
        tp_error("out of memory; close something and try again");
        return TP_EXIT_BAD;
    }
    fill(t);
    tp_table_free(t);
    return 0;
}
