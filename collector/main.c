/* SPDX-License-Identifier: MIT
 * tokprof-record: the part of tokprof that probes. `tokprof record ...` and `tokprof targets ...`
 * run it with the same words.
 */
#include <stdio.h>
#include <string.h>

#include "collector/listing.h"
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

/* Read by jemalloc, where that is linked. Loading the probes takes some 10 MB for a moment: what is
 * free goes back at once, and threads are too few for arenas of their own. */
extern const char *malloc_conf;
const char *malloc_conf = "narenas:2,dirty_decay_ms:0,muzzy_decay_ms:0";

static const struct {
    const char *name;
    char *full_name;
    int (*run)(int argc, char **argv);
} commands[] = {{"record", (char[]){"tokprof record"}, tp_record_main},
                {"targets", (char[]){"tokprof targets"}, tp_targets_main}};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        load_plugins();
        argv[1] = commands[i].full_name;
        return commands[i].run(argc - 1, argv + 1);
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("tokprof " TOKPROF_VERSION);
        return 0;
    }
    tp_error("usage: tokprof-record record|targets [OPTION...] [--] [COMMAND [ARG...]]");
    return 2;
}
