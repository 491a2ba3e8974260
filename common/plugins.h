/* SPDX-License-Identifier: MIT
 * The plugin registry: built-in descriptors and, later, loaded ones, all checked the same way.
 */
#ifndef TP_PLUGINS_H
#define TP_PLUGINS_H

#include <tokprof/plugin.h>

/* Says what is wrong with a descriptor in one line, or NULL if it is acceptable. */
const char *tp_plugin_problem(const struct tp_plugin *plugin);

/* The accepted plugins, in a stable order. i from 0; NULL past the end. */
const struct tp_plugin *tp_plugin_at(size_t i);

/* "tls", "provider" ... */
const char *tp_plugin_kind_name(uint32_t kind);

#endif
