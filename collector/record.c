/* SPDX-License-Identifier: MIT */
#include "collector/record.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "collector/attacher.h"
#include "collector/parser.h"
#include "collector/prescan.h"
#include "collector/privilege.h"
#include "common/log.h"

/* The three processes of a recording: this one, which becomes the attacher, and its children. */
struct recording {
    struct tp_record_options options;
    struct tp_identity user;
    struct tp_launch launch;
    struct tp_locator *locator;
    struct tp_parser_options parsing;
    struct tp_child parser;
    struct tp_attacher attacher;
};

static int load_key(struct recording *r)
{
    char path[4352];

    int err = tp_hash_key_path(path, sizeof(path), r->user.home);
    if (!err) {
        tp_identity_files_begin(&r->user);
        err = tp_hash_key_load(&r->parsing.key, path);
        tp_identity_files_end(&r->user);
    }
    if (err == -EPERM)
        tp_error("%s: others may read this hash key; chmod 600 it", path);
    else if (err == -EBADMSG)
        tp_error("%s: this is no hash key; move it away and a new one is made", path);
    else if (err)
        tp_error("%s: cannot read or make the hash key: %s; set TOKPROF_KEY_FILE to a place that "
                 "can be written",
                 path, strerror(-err));
    return err;
}

/* The tree's name: the same for all of this recording, different from any other's. */
static void tree_name(const struct tp_hash_key *key, char name[17])
{
    struct {
        struct timespec time;
        pid_t pid;
        uint32_t pad;
    } root = {.pid = getpid()};
    char hex[2 * TP_HASH_BYTES + 1];

    clock_gettime(CLOCK_MONOTONIC, &root.time);
    struct tp_hash h = tp_hash_of(key, &root, sizeof(root));
    tp_hash_hex(&h, hex);
    memcpy(name, hex, 16);
    name[16] = 0;
}

/* Files and names are looked up by process id in /proc, which must be of our PID namespace. */
static bool proc_is_ours(void)
{
    char text[32];
    ssize_t n = readlink("/proc/self", text, sizeof(text) - 1);

    if (n <= 0)
        return false;
    text[n] = 0;
    return strtol(text, NULL, 10) == getpid();
}

static int check_privilege(void)
{
    const char *missing = tp_privilege_missing();

    if (missing) {
        tp_error("probing needs %s; run it with sudo, or once: setcap "
                 "cap_bpf,cap_perfmon,cap_sys_ptrace+ep "
                 "tokprof-record",
                 missing);
        return -EPERM;
    }
    if (!proc_is_ours()) {
        tp_error("/proc shows another PID namespace than this one; mount its own: "
                 "mount -t proc proc /proc");
        return -EPERM;
    }
    return 0;
}

/* Forked while this process is small, has read nothing hostile and holds no probe; before the
 * parser, so that the locator never sees the hash key. */
static int start_locator(struct recording *r)
{
    const struct tp_locator_options options = {.identity = &r->user, .debug = r->options.debug};

    int err = tp_locator_new(&r->locator, &options);
    if (err)
        tp_error("the locator cannot be started: %s", strerror(-err));
    return err;
}

/* The key is the parser's alone from here on. */
static int start_parser(struct recording *r)
{
    r->parsing.options = &r->options;
    r->parsing.user = &r->user;
    tree_name(&r->parsing.key, r->parsing.tree);
    int err = tp_child_start(&r->parser, tp_parser_run, &r->parsing);
    sodium_memzero(&r->parsing.key, sizeof(r->parsing.key));
    if (err)
        tp_error("the parser cannot be started: %s", strerror(-err));
    return err;
}

static int prepare(struct recording *r)
{
    int err = tp_identity_get(&r->user);
    if (err) {
        tp_error("SUDO_UID names no user");
        return err;
    }
    err = check_privilege();
    if (!err)
        err = tp_launch_init(&r->launch);
    if (!err)
        err = start_locator(r);
    if (!err)
        err = load_key(r);
    if (!err)
        err = start_parser(r);
    if (err)
        return err;
    r->attacher = (struct tp_attacher){.options = &r->options,
                                       .user = &r->user,
                                       .launch = &r->launch,
                                       .locator = r->locator,
                                       .parser = &r->parser,
                                       .epoll_fd = -1,
                                       .urgent_fd = -1};
    return tp_attacher_open(&r->attacher);
}

static int record(struct recording *r)
{
    if (prepare(r))
        return TP_EXIT_TOKPROF;
    int status = tp_attacher_start(&r->attacher);
    return status ? status : tp_attacher_run(&r->attacher);
}

static void recording_done(struct recording *r)
{
    tp_attacher_close(&r->attacher);
    tp_child_stop(&r->parser, false);
    tp_locator_free(r->locator);
    tp_launch_done(&r->launch);
}

int tp_record_main(int argc, char **argv)
{
    static struct recording r = {.parser = TP_CHILD_NONE("parser"),
                                 .attacher = {.epoll_fd = -1, .urgent_fd = -1},
                                 .launch = {.go_fd = -1, .error_fd = -1, .signal_fd = -1}};
    char path[TP_PRESCAN_PATH_MAX];

    int status = tp_record_options_parse(&r.options, argc, argv);
    if (status)
        return status;
    if (r.options.debug)
        tp_log_set_level(TP_LOG_DEBUG);
    int err = r.options.command ? tp_command_find(r.options.command[0], path) : 0;
    if (err) {
        tp_error("%s: %s", r.options.command[0],
                 err == -ENOENT ? "command not found" : "cannot be executed");
        return err == -ENOENT ? TP_EXIT_NOT_FOUND : TP_EXIT_NOT_EXECUTABLE;
    }
    tp_launch_remember_limits();
    tp_privilege_protect_memory();
    status = record(&r);
    recording_done(&r);
    return status;
}
