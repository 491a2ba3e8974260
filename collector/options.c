/* SPDX-License-Identifier: MIT */
#include "collector/options.h"

#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "collector/attach.h"
#include "collector/features.h"
#include "common/log.h"

#define RING_BYTES_MAX (1024u * 1024u * 1024u)

enum { KEY_TASK = 256, KEY_LABEL, KEY_CONTENT, KEY_RING_SIZE, KEY_NO_PLAIN, KEY_OLDEST, KEY_DEBUG };

static const struct argp_option options[] = {
    {"output", 'o', "FILE", 0,
     "Write the recording to FILE (default run.tokrec); - for bare events to standard output", 0},
    {"pid", 'p', "PID", 0,
     "Record the process PID, which runs already, and its descendants; may be repeated", 0},
    {"all", 'a', NULL, 0, "Record all processes, and those that come", 0},
    {"task", KEY_TASK, "NAME", 0, "Name the task that this run is", 0},
    {"label", KEY_LABEL, "KEY=VALUE", 0, "Add a label to every call; may be repeated", 0},
    {"content", KEY_CONTENT, NULL, 0, "Keep the text of prompts and answers in the recording", 0},
    {"ring-size", KEY_RING_SIZE, "BYTES", 0,
     "Size of the kernel buffer: a power of two, K and M understood (default 64M)", 0},
    {"no-plain", KEY_NO_PLAIN, NULL, 0,
     "Do not look at plain HTTP on sockets: spares every process on the machine some 0.2 us a "
     "system call",
     0},
    {"oldest-kernel", KEY_OLDEST, NULL, 0,
     "Use only what kernel " TP_KERNEL_FLOOR " has; so does TOKPROF_KERNEL=" TP_KERNEL_FLOOR
     " in the environment",
     0},
    {"debug", KEY_DEBUG, NULL, 0, "Tell more on standard error", 0},
    {0},
};

int tp_size_parse(const char *text, size_t *ret_bytes)
{
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return -EINVAL;
    errno = 0;
    unsigned long n = strtoul(text, &end, 10);
    unsigned long unit = 1;
    if (*end == 'K' || *end == 'k')
        unit = 1024;
    else if (*end == 'M' || *end == 'm')
        unit = 1024 * 1024;
    if (unit > 1)
        end++;
    if (errno || *end || n > RING_BYTES_MAX / unit)
        return -EINVAL;
    n *= unit;
    if (n < TP_RING_BYTES_MIN || !powerof2(n))
        return -EINVAL;
    *ret_bytes = n;
    return 0;
}

int tp_pid_parse(const char *text, uint32_t *ret_pid)
{
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return -EINVAL;
    errno = 0;
    unsigned long n = strtoul(text, &end, 10);
    if (errno || *end || n == 0 || n > INT_MAX)
        return -EINVAL;
    *ret_pid = (uint32_t)n;
    return 0;
}

static void add_pid(struct tp_record_options *o, const char *text, struct argp_state *state)
{
    if (o->pid_count == TP_PIDS_MAX)
        argp_error(state, "more than %d processes; -a records all", TP_PIDS_MAX);
    if (tp_pid_parse(text, &o->pids[o->pid_count]))
        argp_error(state, "-p wants a process id, not '%s'", text);
    o->pid_count++;
}

static void add_label(struct tp_record_options *o, char *text, struct argp_state *state)
{
    char *equals = strchr(text, '=');

    if (!equals || equals == text)
        argp_error(state, "--label wants KEY=VALUE, not '%s'", text);
    if (o->label_count == TP_LABELS_MAX)
        argp_error(state, "more than %d labels", TP_LABELS_MAX);
    *equals = 0;
    o->labels[o->label_count].key = text;
    o->labels[o->label_count++].value = equals + 1;
}

static error_t on_option(int key, char *arg, struct argp_state *state)
{
    struct tp_record_options *o = state->input;

    switch (key) {
    case 'o':
        if (!arg[0])
            argp_error(state, "-o wants a file name");
        o->output = arg;
        return 0;
    case 'p':
        add_pid(o, arg, state);
        return 0;
    case 'a':
        o->all = true;
        return 0;
    case KEY_TASK:
        o->task = arg;
        return 0;
    case KEY_LABEL:
        add_label(o, arg, state);
        return 0;
    case KEY_CONTENT:
        o->content = true;
        return 0;
    case KEY_RING_SIZE:
        if (tp_size_parse(arg, &o->ring_bytes))
            argp_error(state, "--ring-size wants a power of two from 4096 to 1024M, not '%s'", arg);
        return 0;
    case KEY_NO_PLAIN:
        o->no_plain = true;
        return 0;
    case KEY_OLDEST:
        o->oldest_kernel = true;
        return 0;
    case KEY_DEBUG:
        o->debug = true;
        return 0;
    case ARGP_KEY_ARG:
        o->command = &state->argv[state->next - 1];
        state->next = state->argc; /* the rest is the command's own */
        return 0;
    case ARGP_KEY_END:
        if (!o->command && o->pid_count == 0 && !o->all)
            argp_error(state, "which command shall be recorded? (or -p PID, or -a)");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int tp_record_options_parse(struct tp_record_options *ret_options, int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = on_option,
        .args_doc = "[--] COMMAND [ARG...]\n-p PID... [[--] COMMAND [ARG...]]\n-a [[--] COMMAND "
                    "[ARG...]]",
        .doc = "Runs COMMAND and records the model calls that it and its descendants make.\v"
               "With -p or -a, running processes are recorded too: until COMMAND ends, or without "
               "one until Ctrl-C, or until all of them have ended.\n\n"
               "The exit status is the command's own; 125 if tokprof failed, 126 if the command "
               "could not be "
               "run, 127 if it was not found, 128+N if signal N ended it.",
    };

    *ret_options =
        (struct tp_record_options){.output = "run.tokrec", .ring_bytes = TP_RING_BYTES_DEFAULT};
    argp_err_exit_status = 125;
    if (tp_features_from_environment(&ret_options->oldest_kernel)) {
        tp_error("TOKPROF_KERNEL: only " TP_KERNEL_FLOOR " is understood; unset it");
        return 125;
    }
    return argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, ret_options) ? 125 : 0;
}
