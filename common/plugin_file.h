/* SPDX-License-Identifier: MIT
 * Plugins as files: the directories where they are looked for, and how one is loaded.
 */
#ifndef TP_PLUGIN_FILE_H
#define TP_PLUGIN_FILE_H

#include <tokprof/plugin.h>

/* A file that was found, in order: directories as the search path has them, files by name. `entry`
 * is what it exports, not yet checked; NULL where it could not be loaded, with the reason. Returns
 * whether the plugin is kept; an object that is not kept is unloaded. */
typedef bool tp_plugin_found(void *cx, const char *name, const struct tp_plugin_entry *entry,
                             const char *reason);

/* Goes through `path` (colon-separated, may be NULL) and then the default directory, which need not
 * exist. */
void tp_plugin_files(const char *path, tp_plugin_found *found, void *cx);

#endif
