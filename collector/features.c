/* SPDX-License-Identifier: MIT */
#include "collector/features.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "collector/multi.h"

#define COUNT(ARRAY) (sizeof(ARRAY) / sizeof((ARRAY)[0]))

#define ENVIRONMENT "TOKPROF_KERNEL"
#define UPROBE_EVENTS "/sys/bus/event_source/devices/uprobe/type"

static const struct bpf_insn return_zero[] = {
    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
    {.code = BPF_JMP | BPF_EXIT},
};

static const struct bpf_insn return_cookie[] = {
    {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_get_attach_cookie},
    {.code = BPF_JMP | BPF_EXIT},
};

static bool done(int fd)
{
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* libbpf looks in /sys/kernel/btf and then beside the kernel's image. */
static bool types_are_here(void)
{
    struct btf *types = btf__load_vmlinux_btf();

    if (libbpf_get_error(types))
        return false;
    btf__free(types);
    return true;
}

static bool ring_is_here(void)
{
    const uint32_t page = (uint32_t)sysconf(_SC_PAGESIZE);
    return done(bpf_map_create(BPF_MAP_TYPE_RINGBUF, NULL, 0, 0, page, NULL));
}

static bool attaches_to(const char *tracepoint)
{
    int program = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, NULL, "GPL", return_zero,
                                COUNT(return_zero), NULL);
    bool attached = program >= 0 && done(bpf_raw_tracepoint_open(tracepoint, program));

    done(program);
    return attached;
}

static bool tracepoints_are_here(void)
{
    return attaches_to("sched_process_fork");
}

static bool syscalls_are_here(void)
{
    return attaches_to("sys_enter");
}

static bool uprobes_are_here(void)
{
    return access(UPROBE_EVENTS, R_OK) == 0;
}

static bool cookies_are_here(void)
{
    return done(bpf_prog_load(BPF_PROG_TYPE_KPROBE, NULL, "GPL", return_cookie,
                              COUNT(return_cookie), NULL));
}

static const struct tp_feature_facts table[TP_FEATURES] = {
    [TP_FEATURE_TYPES] = {"BTF of the kernel", "5.4", "where the fields of its structures are",
                          NULL, "one built with CONFIG_DEBUG_INFO_BTF", false, types_are_here},
    [TP_FEATURE_RING] = {"BPF ring buffer", "5.8", "the way from the probes to the collector", NULL,
                         NULL, false, ring_is_here},
    [TP_FEATURE_TRACEPOINTS] = {"raw tracepoints", "4.17", "fork, exec and exit of processes", NULL,
                                "one built with CONFIG_BPF_EVENTS", false, tracepoints_are_here},
    [TP_FEATURE_UPROBES] = {"uprobes by perf_event_open", "4.17", "the functions of TLS stacks",
                            NULL, "one built with CONFIG_UPROBE_EVENTS", false, uprobes_are_here},
    [TP_FEATURE_COOKIES] = {"bpf_get_attach_cookie", "5.15", "one program for all places", NULL,
                            NULL, false, cookies_are_here},
    [TP_FEATURE_SYSCALLS] = {"tracepoints of system calls", "4.17", "plain HTTP",
                             "plain HTTP is not seen", "one built with CONFIG_FTRACE_SYSCALLS",
                             false, syscalls_are_here},
    [TP_FEATURE_MULTI] = {"uprobe_multi links", "6.6", "all places of a file in one go",
                          "each place on its own, slower to attach and to detach", NULL, true,
                          tp_multi_available},
};

const struct tp_feature_facts *tp_feature_facts(enum tp_feature feature)
{
    return &table[feature];
}

bool tp_feature_is_here(enum tp_feature feature, bool oldest)
{
    return !(oldest && table[feature].newer) && table[feature].test();
}

bool tp_features_explain(char *text, size_t bytes)
{
    struct utsname host = {.release = "?"};
    const struct tp_feature_facts *f = table, *end = table + COUNT(table);

    while (f < end && (f->otherwise || f->test()))
        f++;
    if (f == end)
        return false;
    uname(&host);
    snprintf(
        text, bytes,
        "kernel %s: no %s (for %s), there from %s on; use Linux " TP_KERNEL_FLOOR " or later%s%s",
        host.release, f->name, f->use, f->since, f->remedy ? ", " : "", f->remedy ? f->remedy : "");
    return true;
}

int tp_features_from_environment(bool *ret_oldest)
{
    const char *kernel = getenv(ENVIRONMENT);

    if (kernel && kernel[0] && strcmp(kernel, TP_KERNEL_FLOOR) != 0)
        return -EINVAL;
    *ret_oldest = kernel && kernel[0];
    return 0;
}
