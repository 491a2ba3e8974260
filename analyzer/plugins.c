/* SPDX-License-Identifier: MIT */
#include "common/plugins.h"

#include "analyzer/command.h"
#include "analyzer/format/json.h"
#include "common/log.h"

static const struct tp_column columns[] = {{"name"}, {"kind"}, {"version"}, {"summary"}};

static int as_json(void)
{
    struct tp_json j;
    const struct tp_plugin *p;
    if (!tp_json_init(&j, stdout, true))
        return TP_EXIT_BAD;
    tp_json_array(&j);
    for (size_t i = 0; (p = tp_plugin_at(i)); i++) {
        tp_json_map(&j);
        tp_json_kv_text(&j, "name", p->name);
        tp_json_kv_text(&j, "kind", tp_plugin_kind_name(p->kind));
        tp_json_kv_text(&j, "version", p->version);
        tp_json_kv_text(&j, "summary", p->summary);
        tp_json_map_end(&j);
    }
    tp_json_array_end(&j);
    tp_json_flush(&j);
    tp_json_done(&j);
    return 0;
}

int tp_plugins_run(const struct tp_arguments *arguments)
{
    const struct tp_plugin *p;
    if (arguments->format == TP_FORMAT_JSON)
        return as_json();
    struct tp_table *t = tp_table_new(stdout, arguments->format == TP_FORMAT_CSV, columns, 4);
    if (!t) {
        tp_error("out of memory; close something and try again");
        return TP_EXIT_BAD;
    }
    for (size_t i = 0; (p = tp_plugin_at(i)); i++) {
        tp_table_text(t, p->name);
        tp_table_text(t, tp_plugin_kind_name(p->kind));
        tp_table_text(t, p->version);
        tp_table_text(t, p->summary);
    }
    tp_table_free(t);
    return 0;
}
