/* SPDX-License-Identifier: MIT
 * The plugin registry. Built-in plugins (a section of the program) and loaded ones (shared objects
 * of the plugin directories) are checked by the same code and stand in one list; what was refused
 * stands in another, by name and with the reason. docs/plugin-abi.md is its contract.
 *
 * The lists are made once, by the thread that asks first, and are never freed: plugins are code,
 * and pointers into them are everywhere. Ask from one thread.
 */
#ifndef TP_PLUGINS_H
#define TP_PLUGINS_H

#include <tokprof/plugin.h>

/* Colon-separated directories that are looked at before the default one. */
#define TP_PLUGIN_PATH_VARIABLE "TOKPROF_PLUGIN_PATH"

#define TP_PLUGINS_MAX 128
#define TP_PLUGIN_NAME_MAX 64
/* APIs of all provider plugins together. */
#define TP_PROVIDER_APIS_MAX 64

struct tp_plugin_refusal {
    char name[TP_PLUGIN_NAME_MAX]; /* the file's base name, the directory, or the built-in's name */
    char reason[192];              /* one line, without a full stop */
};

/* Whether a plugin may be used: magic, ABI, lengths, fields, and that all its pointers lead into
 * loaded objects. Where not, ret_reason gets one line. Names that are taken are not looked at. */
bool tp_plugin_sound(const struct tp_plugin_entry *entry, char *ret_reason, size_t size);

/* Loads the plugins of TOKPROF_PLUGIN_PATH, then those of <libdir>/tokprof/plugins, found relative
 * to the program. Once; later calls do nothing. Runs code of the files: they and their directories
 * must belong to who runs this or to root, and where this program has privilege, to root alone (see
 * common/trust.h). A plugin that cannot be used is refused, never fatal. */
void tp_plugins_load(void);

/* The accepted plugins, built-in ones first, in a stable order. i from 0; NULL past the end. */
const struct tp_plugin *tp_plugin_at(size_t i);

/* "built-in", or the base name of the file from which plugin i came. NULL past the end. */
const char *tp_plugin_origin(size_t i);

/* The refused ones. i from 0; NULL past the end. */
const struct tp_plugin_refusal *tp_plugin_refused_at(size_t i);

/* "tls", "provider" ... */
const char *tp_plugin_kind_name(uint32_t kind);

#endif
