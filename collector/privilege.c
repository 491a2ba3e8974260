/* SPDX-License-Identifier: MIT */
#include "collector/privilege.h"

#include <cap-ng.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* Headers before Linux 5.8 have neither. */
#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#endif
#ifndef CAP_BPF
#define CAP_BPF 39
#endif

/* Short waits for a processor, no matter who else wants it. */
#define URGENT_NICE (-10)

static const struct {
    unsigned int number;
    const char *name;
} probing[] = {{CAP_BPF, "CAP_BPF"},
               {CAP_PERFMON, "CAP_PERFMON"},
               {CAP_SYS_PTRACE, "CAP_SYS_PTRACE"},
               {CAP_SYS_ADMIN, "CAP_SYS_ADMIN"}};

static bool has(unsigned int number)
{
    return capng_have_capability(CAPNG_EFFECTIVE, number);
}

/* CAP_SYS_ADMIN stands for both (capabilities(7)). */
const char *tp_privilege_missing(void)
{
    capng_get_caps_process();
    bool admin = has(CAP_SYS_ADMIN);
    bool bpf = admin || has(CAP_BPF);
    bool perfmon = admin || has(CAP_PERFMON);

    if (!bpf && !perfmon)
        return "CAP_BPF and CAP_PERFMON";
    if (!bpf)
        return "CAP_BPF";
    return perfmon ? NULL : "CAP_PERFMON";
}

bool tp_privilege_sees_others(void)
{
    capng_get_caps_process();
    return has(CAP_SYS_PTRACE);
}

/* What is kept of `probing`, a bit each. */
static unsigned int probing_set(void)
{
    unsigned int keep = 0;

    capng_get_caps_process();
    for (unsigned int i = 0; i < 3; i++)
        keep |= has(probing[i].number) ? 1u << i : 0;
    if ((keep & 3) != 3 && has(CAP_SYS_ADMIN))
        keep |= 1u << 3;
    return keep;
}

/* The bounding set is this process's own by now, but only CAP_SETPCAP may change it. */
static int drop_bounds(void)
{
    capng_get_caps_process();
    if (!has(CAP_SETPCAP))
        return 0;
    capng_clear(CAPNG_SELECT_BOUNDS);
    return capng_apply(CAPNG_SELECT_BOUNDS) ? -EPERM : 0;
}

static int keep_only(unsigned int keep)
{
    capng_clear(CAPNG_SELECT_CAPS);
    for (size_t i = 0; i < sizeof(probing) / sizeof(probing[0]); i++) {
        if (keep >> i & 1)
            capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, probing[i].number);
    }
    return capng_apply(CAPNG_SELECT_CAPS) ? -EPERM : 0;
}

/* A change of user would take all capabilities along, and makes the memory readable again. */
static int become_with(const struct tp_identity *identity, unsigned int keep)
{
    int err = drop_bounds();

    if (!err && prctl(PR_SET_KEEPCAPS, 1))
        err = -errno;
    if (!err)
        err = tp_identity_switch(identity);
    if (!err)
        err = keep_only(keep);
    prctl(PR_SET_KEEPCAPS, 0);
    if (!err && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        err = -errno;
    tp_privilege_protect_memory();
    return err;
}

int tp_privilege_keep_probing(const struct tp_identity *identity)
{
    return become_with(identity, probing_set());
}

int tp_privilege_drop_all(const struct tp_identity *identity)
{
    return become_with(identity, 0);
}

void tp_privilege_come_first(void)
{
    setpriority(PRIO_PROCESS, 0, URGENT_NICE);
}

void tp_privilege_protect_memory(void)
{
    const struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
}

static size_t count_held(void)
{
    size_t count = 0;

    for (unsigned int i = 0; i < 64; i++)
        count += capng_have_capability(CAPNG_PERMITTED, i) == 1;
    return count;
}

void tp_privilege_describe(char *ret_text, size_t size)
{
    char names[128] = "";
    size_t len = 0;

    capng_get_caps_process();
    size_t others = count_held();
    for (size_t i = 0; i < sizeof(probing) / sizeof(probing[0]) && len < sizeof(names); i++) {
        if (!has(probing[i].number))
            continue;
        len += (size_t)snprintf(names + len, sizeof(names) - len, " %s", probing[i].name);
        others--;
    }
    snprintf(ret_text, size, "uid %u, capabilities%s and %zu others, no_new_privs %d",
             (unsigned int)geteuid(), len ? names : " none", others,
             prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
}
