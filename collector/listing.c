/* SPDX-License-Identifier: MIT */
#include "collector/listing.h"

#include <argp.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "collector/features.h"
#include "collector/inspect.h"
#include "collector/options.h"
#include "collector/privilege.h"
#include "collector/running.h"
#include "common/log.h"

#define EXIT_BAD 2

struct listing {
    uint32_t pids[TP_PIDS_MAX];
    size_t pid_count;
    bool json;
    bool kernel;
    bool oldest;
    struct tp_inspector *inspector;
    const char *missing; /* capabilities that probing needs */
    char comm[16];
    size_t rows;
};

static const struct argp_option options[] = {
    {"pid", 'p', "PID", 0, "Look at this process only; may be repeated", 0},
    {"format", 'f', "FORMAT", 0, "table (default) or json", 0},
    {"kernel", 'k', NULL, 0, "Tell instead which features of this kernel tokprof can use", 0},
    {0},
};

static error_t on_option(int key, char *arg, struct argp_state *state)
{
    struct listing *l = state->input;

    switch (key) {
    case 'p':
        if (l->pid_count == TP_PIDS_MAX || tp_pid_parse(arg, &l->pids[l->pid_count]))
            argp_error(state, "-p wants a process id, not '%s'", arg);
        l->pid_count++;
        return 0;
    case 'f':
        l->json = strcmp(arg, "json") == 0;
        if (!l->json && strcmp(arg, "table") != 0)
            argp_error(state, "--format is table or json, not '%s'", arg);
        return 0;
    case 'k':
        l->kernel = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "'%s' is too much", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Names come from processes: whatever is no plain character is shown as '?'. */
static void print_plain(const char *text, int width)
{
    int n = 0;

    for (; text && text[n] && n < 200; n++)
        putchar(iscntrl((unsigned char)text[n]) ? '?' : text[n]);
    for (; n < width; n++)
        putchar(' ');
    putchar(' ');
}

static void print_json_text(const char *key, const char *text)
{
    printf(",\"%s\":", key);
    if (!text) {
        fputs("null", stdout);
        return;
    }
    putchar('"');
    for (const char *c = text; *c; c++) {
        unsigned char u = (unsigned char)*c;
        if (u == '"' || u == '\\')
            printf("\\%c", u);
        else
            putchar(u < 0x20 || u > 0x7e ? '?' : u);
    }
    putchar('"');
}

static void print_row(struct listing *l, const struct tp_finding *f)
{
    bool attachable = f->attachable && !l->missing;
    const char *reason = f->reason ? f->reason : attachable || !f->file ? NULL : l->missing;

    if (l->json) {
        printf("%s{\"pid\":%" PRIu32, l->rows ? ",\n" : "", f->pid);
        print_json_text("comm", l->comm);
        print_json_text("file", f->file);
        print_json_text("stack", f->stack);
        print_json_text("how", "maps");
        printf(",\"confidence\":%d,\"attachable\":%s", f->confidence,
               attachable ? "true" : "false");
        print_json_text("reason", reason);
        putchar('}');
    } else {
        if (l->rows == 0)
            printf("%7s %-15s %-24s %-10s %4s %s\n", "PID", "COMM", "FILE", "STACK", "SURE",
                   "ATTACHABLE");
        printf("%7" PRIu32 " ", f->pid);
        print_plain(l->comm, 15);
        print_plain(f->file ? f->file : "-", 24);
        print_plain(f->stack ? f->stack : "-", 10);
        printf("%4d %s%s%s\n", f->confidence, attachable ? "yes" : "no", reason ? ": " : "",
               reason ? reason : "");
    }
    l->rows++;
}

static void on_finding(void *cx, const struct tp_finding *finding)
{
    print_row(cx, finding);
}

static void list_process(void *cx, const struct tp_running *running)
{
    struct listing *l = cx;

    if (running->kernel || running->pid == (uint32_t)getpid() ||
        running->parent_pid == (uint32_t)getpid())
        return;
    memcpy(l->comm, running->comm, sizeof(l->comm));
    size_t found = tp_inspector_process(l->inspector, running->pid, on_finding, l);
    if (found == 0 && l->pid_count > 0) {
        const struct tp_finding none = {.pid = running->pid, .reason = "no TLS stack is mapped"};
        print_row(l, &none);
    }
}

static int list_named(struct listing *l)
{
    int status = 0;

    for (size_t i = 0; i < l->pid_count; i++) {
        struct tp_running running;
        if (tp_running_read(l->pids[i], &running) == 0) {
            list_process(l, &running);
            continue;
        }
        tp_error("process %" PRIu32 ": there is none; see ps(1)", l->pids[i]);
        status = EXIT_BAD;
    }
    return status;
}

static void print_feature(const struct listing *l, enum tp_feature feature, bool here)
{
    const struct tp_feature_facts *f = tp_feature_facts(feature);

    if (l->json) {
        printf("%s{\"feature\":\"%s\",\"since\":\"%s\",\"here\":%s,\"needed\":%s",
               feature ? ",\n" : "", f->name, f->since, here ? "true" : "false",
               f->otherwise ? "false" : "true");
        print_json_text("use", f->use);
        print_json_text("otherwise", f->otherwise);
        putchar('}');
    } else {
        if (feature == 0)
            printf("%-28s %-5s %-4s %s\n", "FEATURE", "SINCE", "HERE", "FOR");
        printf("%-28s %-5s %-4s %s%s%s\n", f->name, f->since, here ? "yes" : "no", f->use,
               here ? "" : "; without: ",
               here           ? ""
               : f->otherwise ? f->otherwise
                              : "nothing can be recorded");
    }
}

/* Fails where something that is needed is not here. */
static int list_kernel(const struct listing *l)
{
    int status = 0;

    if (l->json)
        putchar('[');
    for (int i = 0; i < TP_FEATURES; i++) {
        bool here = tp_feature_is_here((enum tp_feature)i, l->oldest);
        print_feature(l, (enum tp_feature)i, here);
        if (!here && !tp_feature_facts((enum tp_feature)i)->otherwise)
            status = EXIT_BAD;
    }
    if (l->json)
        puts("]");
    return status;
}

/* 0, or the exit status to leave with. */
static int list(struct listing *l)
{
    const struct tp_identity self = {.uid = getuid(), .gid = getgid()};
    const struct tp_locator_options looking = {.identity = &self};
    struct tp_locator *locator;
    int status = 0;

    int err = tp_locator_new(&locator, &looking);
    if (err) {
        tp_error("the locator cannot be started: %s", strerror(-err));
        return EXIT_BAD;
    }
    l->inspector = tp_inspector_new(locator);
    if (!l->inspector) {
        tp_error("out of memory; close something and try again");
        status = EXIT_BAD;
    } else {
        if (l->json)
            putchar('[');
        if (l->pid_count > 0)
            status = list_named(l);
        else
            tp_running_each(list_process, l);
        if (l->json)
            puts("]");
    }
    tp_inspector_free(l->inspector);
    tp_locator_free(locator);
    return status;
}

int tp_targets_main(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = on_option,
        .doc = "Tells for each process which TLS stacks it has mapped, and whether tokprof can "
               "attach to them or why not."};
    static struct listing l;

    argp_err_exit_status = EXIT_BAD;
    if (argp_parse(&argp, argc, argv, 0, NULL, &l))
        return EXIT_BAD;
    if (tp_features_from_environment(&l.oldest)) {
        tp_error("TOKPROF_KERNEL: only " TP_KERNEL_FLOOR " is understood; unset it");
        return EXIT_BAD;
    }
    l.missing = tp_privilege_missing();
    if (l.missing)
        tp_warn("probing needs %s; run it with sudo", l.missing);
    if (l.kernel)
        return list_kernel(&l);
    return list(&l);
}
