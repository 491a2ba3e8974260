/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/command.h"
#include "common/log.h"

/* A user's price file that cannot be used stops the command: silently wrong costs are worse than
 * none. */
static int load_prices(struct tp_prices **ret_prices)
{
    char path[PATH_MAX];
    int own = tp_prices_path(path, sizeof(path), getenv("HOME"));
    int r = own < 0 ? own : tp_prices_load(ret_prices, own ? path : NULL);
    if (r == -EBADMSG)
        tp_error(
            "%s: not a price table; write it as docs/event-format.md says, or unset TOKPROF_PRICES",
            path);
    else if (r < 0)
        tp_error("%s: prices cannot be read: %s; make it readable or unset TOKPROF_PRICES",
                 own > 0 ? path : "price table", strerror(-r));
    return r < 0 ? TP_EXIT_BAD : 0;
}

int tp_analysis_init(struct tp_analysis *analysis, const struct tp_model_ops *ops, void *cx)
{
    *analysis = (struct tp_analysis){0};
    int status = load_prices(&analysis->prices);
    if (status)
        return status;
    analysis->model = tp_model_new(ops, cx, analysis->prices, NULL);
    if (!analysis->model) {
        tp_error("out of memory; close something and try again");
        tp_analysis_done(analysis);
        return TP_EXIT_BAD;
    }
    analysis->names = tp_model_names(analysis->model);
    return 0;
}

void tp_analysis_done(struct tp_analysis *analysis)
{
    tp_model_free(analysis->model);
    tp_prices_free(analysis->prices);
    *analysis = (struct tp_analysis){0};
}

/* Output goes to pipes and full disks; stdio tells of a failed write only here. */
int tp_output_check(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    tp_error("output could not be written: %s; free some space or write elsewhere",
             strerror(errno));
    return TP_EXIT_BAD;
}

/* The folder of this program, without a trailing slash. */
static int own_folder(char *ret_path, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", ret_path, size - 1);
    if (n <= 0)
        return -errno;
    ret_path[n] = '\0';
    char *slash = strrchr(ret_path, '/');
    if (slash)
        *slash = '\0';
    return 0;
}

/* As git runs its parts: `record` becomes another program, with the same words, standard streams
 * and process id, so that signals and the exit status need no forwarding. */
int tp_exec_collector(char **argv)
{
    static const char *const places[] = {"tokprof-record", "../libexec/tokprof/tokprof-record"};
    char folder[PATH_MAX], path[PATH_MAX + 64];
    size_t argc = 0;
    while (argv[argc])
        argc++;
    if (argc == 0)
        return TP_EXIT_BAD;
    char **args = calloc(argc + 2, sizeof(char *));
    if (!args || own_folder(folder, sizeof(folder)) < 0) {
        free(args);
        tp_error("%s: cannot find where tokprof is installed; is /proc mounted?", argv[0]);
        return TP_EXIT_BAD;
    }
    args[0] = "tokprof-record";
    memcpy(args + 1, argv, argc * sizeof(char *));
    int e = ENOENT;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && e == ENOENT; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, places[i]);
        execv(path, args);
        e = errno;
    }
    free(args);
    tp_error(
        "%s: the collector program tokprof-record cannot be run: %s; install the collector beside "
        "tokprof, or record on a machine that has it",
        argv[0], strerror(e));
    return strcmp(argv[0], "record") == 0 ? 125 : TP_EXIT_BAD;
}
