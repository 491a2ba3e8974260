/* SPDX-License-Identifier: MIT */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/command.h"
#include "common/log.h"

#define SUGGEST_DISTANCE_MAX 3

static const struct argp_option format_options[] = {
    {"format", 'f', "FORMAT", 0, "table (default), json or csv", 0}, {0}};

static const struct argp_option tree_options[] = {
    {"format", 'f', "FORMAT", 0, "table (default) or json", 0}, {0}};

static const struct argp_option report_options[] = {
    {"by", 'b', "WHAT", 0,
     "task, session, conversation, round, tool, part, model, provider, agent, process, day or "
     "label:KEY",
     0},
    {"format", 'f', "FORMAT", 0, "table (default), json or csv", 0},
    {0}};

const struct tp_command tp_commands[] = {
    {"record", "run a command and record its model calls", "[OPTION...] [--] CMD [ARG...]", NULL,
     NULL, .run = NULL},
    {"targets", "what can be probed here, how, and if not, why not", "[-p PID]...", NULL, NULL,
     .run = NULL},
    {"report", "totals, and where the tokens and the money went", "FILE...",
     "FILE is a recording, or - for standard input. Several are merged by time.", report_options,
     .files = true, .run = tp_report_run},
    {"calls", "one row for each call", "FILE...",
     "FILE is a recording, or - for standard input. JSON is one object a line.", format_options,
     .files = true, .run = tp_calls_run},
    {"tree", "task > conversation > round > call > part", "FILE...",
     "FILE is a recording, or - for standard input.", tree_options, .files = true, .no_csv = true,
     .run = tp_tree_run},
    {"plugins", "the plugins that are there, and those refused", "", NULL, format_options,
     .run = tp_plugins_run},
    {0},
};

/* No abbreviations: a script written today must not break when a command is added. */
static const struct tp_command *find_command(const char *name)
{
    for (const struct tp_command *c = tp_commands; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

/* Levenshtein distance of short words; long ones are far from everything. */
static size_t distance(const char *a, const char *b)
{
    size_t row[32], n = strlen(b);
    if (n + 1 > sizeof(row) / sizeof(row[0]))
        return SIZE_MAX;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            size_t least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            diagonal = row[j];
            row[j] = change < least ? change : least;
        }
    }
    return row[n];
}

static int unknown_command(const char *name)
{
    const struct tp_command *best = NULL;
    size_t least = SUGGEST_DISTANCE_MAX + 1;
    for (const struct tp_command *c = tp_commands; c->name; c++) {
        size_t d = distance(name, c->name);
        if (d < least) {
            least = d;
            best = c;
        }
    }
    if (best)
        tp_error("'%s' is no command; did you mean 'tokprof %s'?", name, best->name);
    else
        tp_error("'%s' is no command; see 'tokprof --help'", name);
    return TP_EXIT_BAD;
}

static void print_help(FILE *to)
{
    fputs("usage: tokprof COMMAND [ARG...]\n\n"
          "A profiler for tokens: where did the tokens, the money and the time of an agent's work "
          "go?\n\n",
          to);
    for (const struct tp_command *c = tp_commands; c->name; c++)
        fprintf(to, "  %-9s %s\n", c->name, c->summary);
    fputs("\n'tokprof help COMMAND' tells more.\n", to);
}

static const struct tp_command *current;

/* What, why, and the way out, on one line. */
static int refuse(const char *what, const char *why)
{
    tp_error("%s %s: %s; see 'tokprof help %s'", current->name, what, why, current->name);
    return EINVAL;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct tp_arguments *a = state->input;
    switch (key) {
    case 'f':
        if (!tp_format_parse(arg, &a->format))
            return refuse(arg, "unknown format");
        if (a->format == TP_FORMAT_CSV && current->no_csv)
            return refuse("csv", "this command has table and json");
        return 0;
    case 'b':
        a->by = arg;
        return 0;
    case ARGP_KEY_ARG:
        if (!current->files)
            return refuse(arg, "unexpected argument");
        a->files[a->file_count++] = arg;
        return 0;
    case ARGP_KEY_NO_ARGS:
        return current->files ? refuse("FILE", "missing; name a recording, or - for standard input")
                              : 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void make_argp(const struct tp_command *c, struct argp *ret, char *doc, size_t size)
{
    char summary[128];
    snprintf(summary, sizeof(summary), "%s", c->summary);
    if (summary[0] >= 'a' && summary[0] <= 'z')
        summary[0] = (char)(summary[0] - 'a' + 'A');
    snprintf(doc, size, "%s.%s%s", summary, c->help ? "\v" : "", c->help ? c->help : "");
    *ret = (struct argp){
        .options = c->options, .parser = parse_option, .args_doc = c->arguments, .doc = doc};
}

/* Whether help is asked for among a command's options. */
static bool wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

/* Of one command, or (NULL) of all. */
static int help(const char *command)
{
    char doc[512], name[64];
    struct argp argp;
    if (!command) {
        print_help(stdout);
        return 0;
    }
    const struct tp_command *c = find_command(command);
    if (!c)
        return unknown_command(command);
    /* Commands of the collector explain themselves. */
    if (!c->run) {
        char *asked[] = {(char *)c->name, "--help", NULL};
        return tp_exec_collector(asked);
    }
    snprintf(name, sizeof(name), "tokprof %s", c->name);
    make_argp(c, &argp, doc, sizeof(doc));
    argp_help(&argp, stdout, ARGP_HELP_USAGE | ARGP_HELP_DOC | ARGP_HELP_LONG, name);
    return 0;
}

/* The option at which argp stopped is the one before its next argument. */
static int run_command(const struct tp_command *c, int argc, char **argv)
{
    char doc[512], name[64];
    struct argp argp;
    struct tp_arguments a = {.files = calloc((size_t)argc + 1, sizeof(char *))};
    if (!a.files) {
        tp_error("out of memory; close something and try again");
        return TP_EXIT_BAD;
    }
    current = c;
    snprintf(name, sizeof(name), "tokprof %s", c->name);
    argv[0] = name;
    make_argp(c, &argp, doc, sizeof(doc));
    int index = argc, status = TP_EXIT_BAD;
    error_t e = argp_parse(&argp, argc, argv, ARGP_NO_ERRS | ARGP_NO_HELP, &index, &a);
    if (e == 0)
        status = c->run(&a);
    free(a.files);
    return e == 0 ? tp_output_check(status) : TP_EXIT_BAD;
}

/* argp says nothing of a bad option where it may not print its two lines; so look for it first. */
static bool options_known(const struct tp_command *c, int argc, char **argv)
{
    current = c;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const char *word = argv[i];
        const struct argp_option *o = c->options;
        size_t n = strcspn(word, "=");
        if (word[0] != '-' || !word[1])
            continue;
        while (o && (o->name || o->key) &&
               !(word[1] == '-' ? n > 2 && o->name && strncmp(o->name, word + 2, n - 2) == 0
                                : o->key == word[1]))
            o++;
        if (!o || !(o->name || o->key)) {
            refuse(word, "no such option");
            return false;
        }
        bool joined = word[1] == '-' ? word[n] == '=' : word[2] != '\0';
        if (o->arg && !joined && ++i >= argc) {
            refuse(word, "its value is missing");
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        tp_error("no command given; see 'tokprof --help'");
        return TP_EXIT_BAD;
    }
    const char *word = argv[1];
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        printf("tokprof %s\n", TOKPROF_VERSION);
        return 0;
    }
    if (strcmp(word, "help") == 0)
        return tp_output_check(help(argc > 2 ? argv[2] : NULL));
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        print_help(stdout);
        return 0;
    }
    const struct tp_command *c = find_command(word);
    if (!c)
        return unknown_command(word);
    if (!c->run)
        return tp_exec_collector(argv + 1);
    if (wants_help(argc - 1, argv + 1))
        return tp_output_check(help(word));
    if (!options_known(c, argc - 1, argv + 1))
        return TP_EXIT_BAD;
    return run_command(c, argc - 1, argv + 1);
}
