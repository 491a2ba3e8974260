/* SPDX-License-Identifier: MIT
 * tokprof-record: the part of tokprof that probes. `tokprof record ...` runs it with the same
 * words.
 */
#include <stdio.h>
#include <string.h>

#include "collector/record.h"
#include "common/log.h"
#include "common/plugins.h"

/* Before anything of the command's runs, and while the paths can still be looked at. */
static void load_plugins(void)
{
    const struct tp_plugin_refusal *refused;
    tp_plugins_load();
    for (size_t i = 0; (refused = tp_plugin_refused_at(i)); i++)
        tp_warn("plugin %s refused: %s", refused->name, refused->reason);
}

int main(int argc, char **argv)
{
    static char name[] = "tokprof record";

    if (argc < 2 || strcmp(argv[1], "record") != 0) {
        if (argc == 2 && strcmp(argv[1], "--version") == 0) {
            puts("tokprof " TOKPROF_VERSION);
            return 0;
        }
        tp_error("usage: tokprof-record record [OPTION...] [--] COMMAND [ARG...]");
        return 2;
    }
    load_plugins();
    argv[1] = name;
    return tp_record_main(argc - 1, argv + 1);
}
