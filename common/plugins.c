/* SPDX-License-Identifier: MIT */
#include "common/plugins.h"

/* The linker gives the bounds of the section that TP_PLUGIN fills; weak, for programs without
 * plugins. */
extern const struct tp_plugin *const __start_tp_plugins[] __attribute__((weak));
extern const struct tp_plugin *const __stop_tp_plugins[] __attribute__((weak));

static const char *const kind_names[] = {
    [TP_PLUGIN_TLS] = "tls",     [TP_PLUGIN_PROVIDER] = "provider", [TP_PLUGIN_ENGINE] = "engine",
    [TP_PLUGIN_AGENT] = "agent", [TP_PLUGIN_OUTPUT] = "output",
};

const char *tp_plugin_kind_name(uint32_t kind)
{
    return kind >= TP_PLUGIN_TLS && kind <= TP_PLUGIN_OUTPUT ? kind_names[kind] : "unknown";
}

const char *tp_plugin_problem(const struct tp_plugin *plugin)
{
    if (!plugin || plugin->magic != TP_PLUGIN_MAGIC)
        return "not a tokprof plugin";
    if (plugin->abi != TP_PLUGIN_ABI)
        return "built for another plugin ABI";
    if (plugin->size < sizeof(*plugin))
        return "descriptor is cut short";
    if (plugin->kind < TP_PLUGIN_TLS || plugin->kind > TP_PLUGIN_OUTPUT)
        return "unknown kind of plugin";
    if (!plugin->name || !plugin->version || !plugin->summary || !plugin->ops.any)
        return "name, version, summary or operations missing";
    return NULL;
}

const struct tp_plugin *tp_plugin_at(size_t i)
{
    for (const struct tp_plugin *const *p = __start_tp_plugins; p < __stop_tp_plugins; p++) {
        if (tp_plugin_problem(*p))
            continue;
        if (i-- == 0)
            return *p;
    }
    return NULL;
}
