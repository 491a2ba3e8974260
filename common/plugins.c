/* SPDX-License-Identifier: MIT */
#include "common/plugins.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/plugin_file.h"

#define REFUSED_MAX 64
#define BUILT_IN "built-in"

/* The linker gives the bounds of the section that TP_PLUGIN fills; weak, for programs without
 * plugins. */
extern const struct tp_plugin_entry *const __start_tp_plugins[] __attribute__((weak));
extern const struct tp_plugin_entry *const __stop_tp_plugins[] __attribute__((weak));

static struct registry {
    bool begun, loaded;
    size_t count, refused_count, api_count;
    struct {
        const struct tp_plugin *plugin;
        char origin[TP_PLUGIN_NAME_MAX];
    } list[TP_PLUGINS_MAX];
    struct tp_plugin_refusal refused[REFUSED_MAX];
} registry;

static const char *const kind_names[] = {
    [TP_PLUGIN_TLS] = "tls",     [TP_PLUGIN_PROVIDER] = "provider", [TP_PLUGIN_ENGINE] = "engine",
    [TP_PLUGIN_AGENT] = "agent", [TP_PLUGIN_OUTPUT] = "output",
};

const char *tp_plugin_kind_name(uint32_t kind)
{
    return kind >= TP_PLUGIN_TLS && kind <= TP_PLUGIN_OUTPUT ? kind_names[kind] : "unknown";
}

/* File names are anyone's: what a terminal would obey is left out. */
static void copy_line(char *to, size_t size, const char *from)
{
    size_t n = 0;
    for (; from[n] && n + 1 < size; n++)
        to[n] = (unsigned char)from[n] < ' ' || from[n] == 0x7f ? '?' : from[n];
    to[n] = '\0';
}

static bool refuse(const char *name, const char *reason)
{
    if (registry.refused_count < REFUSED_MAX) {
        struct tp_plugin_refusal *r = &registry.refused[registry.refused_count++];
        copy_line(r->name, sizeof(r->name), name);
        copy_line(r->reason, sizeof(r->reason), reason);
    }
    return false;
}

static const char *origin_of_name(const char *name)
{
    for (size_t i = 0; i < registry.count; i++)
        if (strcmp(registry.list[i].plugin->name, name) == 0)
            return registry.list[i].origin;
    return NULL;
}

static size_t count_apis(const struct tp_plugin *p)
{
    size_t n = 0;
    while (p->kind == TP_PLUGIN_PROVIDER && p->ops.provider->apis[n])
        n++;
    return n;
}

static bool accept_entry(const struct tp_plugin_entry *entry, const char *origin)
{
    char reason[sizeof(registry.refused[0].reason)];
    if (!tp_plugin_sound(entry, reason, sizeof(reason)))
        return refuse(origin, reason);
    const struct tp_plugin *p = entry->plugin;
    const char *holder = origin_of_name(p->name);
    if (holder) {
        snprintf(reason, sizeof(reason), "another plugin is called %s already (%s)", p->name,
                 holder);
        return refuse(origin, reason);
    }
    if (registry.count == TP_PLUGINS_MAX ||
        registry.api_count + count_apis(p) > TP_PROVIDER_APIS_MAX)
        return refuse(origin, "too many plugins, or too many APIs in all of them");
    registry.api_count += count_apis(p);
    registry.list[registry.count].plugin = p;
    copy_line(registry.list[registry.count].origin, sizeof(registry.list[0].origin), origin);
    registry.count++;
    return true;
}

static bool found_file(void *cx, const char *name, const struct tp_plugin_entry *entry,
                       const char *reason)
{
    (void)cx;
    return entry ? accept_entry(entry, name) : refuse(name, reason);
}

static void begin(void)
{
    if (registry.begun)
        return;
    registry.begun = true;
    for (const struct tp_plugin_entry *const *e = __start_tp_plugins; e < __stop_tp_plugins; e++)
        accept_entry(*e, BUILT_IN);
}

void tp_plugins_load(void)
{
    if (registry.loaded)
        return;
    begin();
    registry.loaded = true;
    tp_plugin_files(getenv(TP_PLUGIN_PATH_VARIABLE), found_file, NULL);
}

const struct tp_plugin *tp_plugin_at(size_t i)
{
    begin();
    return i < registry.count ? registry.list[i].plugin : NULL;
}

const char *tp_plugin_origin(size_t i)
{
    begin();
    return i < registry.count ? registry.list[i].origin : NULL;
}

const struct tp_plugin_refusal *tp_plugin_refused_at(size_t i)
{
    begin();
    return i < registry.refused_count ? &registry.refused[i] : NULL;
}
