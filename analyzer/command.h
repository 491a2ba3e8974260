/* SPDX-License-Identifier: MIT
 * The command line's one table, and what its handlers share.
 */
#ifndef TP_COMMAND_H
#define TP_COMMAND_H

#include <argp.h>
#include <stddef.h>

#include "analyzer/format/table.h"
#include "analyzer/model/model.h"

/* Exit status of bad usage, input or environment. */
#define TP_EXIT_BAD 2

/* What the command line said after the subcommand's name. Strings are argv's own. */
struct tp_arguments {
    enum tp_format format;
    const char *by; /* report: NULL: the overview */
    char **files;
    size_t file_count;
};

/* One row of the table from which help, usage and the dispatch come. */
struct tp_command {
    const char *name;
    const char *summary;   /* one line */
    const char *arguments; /* as in the usage line */
    const char *help;      /* more about it, or NULL */
    const struct argp_option *options;
    bool files;  /* takes recordings, at least one */
    bool no_csv; /* --format csv is refused */
    /* Returns the exit status. NULL: a program beside tokprof does it. */
    int (*run)(const struct tp_arguments *arguments);
};

/* Ends with a NULL name. */
extern const struct tp_command tp_commands[];

/* The handlers: each reads its files, prints to standard output and returns the exit status.
 * Errors are told on standard error before they return. */
int tp_calls_run(const struct tp_arguments *arguments);
int tp_report_run(const struct tp_arguments *arguments);
int tp_tree_run(const struct tp_arguments *arguments);
int tp_plugins_run(const struct tp_arguments *arguments);

/* Runs tokprof-record with the subcommand's name and arguments; comes back only with an error: the
 * exit status. */
int tp_exec_collector(char **argv);

/* A model with prices, ready to take recordings; freed by tp_analysis_done(). 0, or the exit status
 * after an error was told. */
struct tp_analysis {
    struct tp_prices *prices;
    struct tp_model *model;
    struct tp_names *names;
};

/* `ops` and what it points to outlive the analysis; `cx` is handed to each of its functions. */
int tp_analysis_init(struct tp_analysis *analysis, const struct tp_model_ops *ops, void *cx);
/* Also for one whose init failed. Names and rows are gone after it. */
void tp_analysis_done(struct tp_analysis *analysis);

/* Whether all that was printed arrived; tells the error otherwise. The exit status. */
int tp_output_check(int status);

#endif
