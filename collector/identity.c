/* SPDX-License-Identifier: MIT */
#include "collector/identity.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool parse_id(const char *text, unsigned int *ret_id)
{
    char *end;

    if (!text || text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    unsigned long n = strtoul(text, &end, 10);
    if (errno || *end || n >= UINT32_MAX)
        return false;
    *ret_id = (unsigned int)n;
    return true;
}

static void fill_from(struct tp_identity *id, const struct passwd *pw)
{
    if (!pw)
        return;
    snprintf(id->name, sizeof(id->name), "%s", pw->pw_name);
    snprintf(id->home, sizeof(id->home), "%s", pw->pw_dir);
    snprintf(id->shell, sizeof(id->shell), "%s", pw->pw_shell);
}

int tp_identity_get(struct tp_identity *ret_identity)
{
    struct tp_identity id = {.uid = getuid(), .gid = getgid()};
    unsigned int uid, gid;

    if (geteuid() == 0 && parse_id(getenv("SUDO_UID"), &uid) &&
        parse_id(getenv("SUDO_GID"), &gid) && uid != 0) {
        const struct passwd *pw = getpwuid(uid);
        if (!pw)
            return -ENOENT;
        id.switched = true;
        id.uid = uid;
        id.gid = gid;
        fill_from(&id, pw);
    } else {
        const char *home = getenv("HOME");
        fill_from(&id, getpwuid(id.uid));
        if (home && home[0])
            snprintf(id.home, sizeof(id.home), "%s", home);
    }
    *ret_identity = id;
    return 0;
}

/* Only the file system's view changes: a process of that user cannot signal or trace us meanwhile.
 */
void tp_identity_files_begin(const struct tp_identity *identity)
{
    if (!identity->switched)
        return;
    setfsgid(identity->gid);
    setfsuid(identity->uid);
}

void tp_identity_files_end(const struct tp_identity *identity)
{
    if (!identity->switched)
        return;
    setfsuid(geteuid());
    setfsgid(getegid());
}

int tp_identity_become(const struct tp_identity *identity)
{
    char mail[128];

    if (!identity->switched)
        return 0;
    if (initgroups(identity->name, identity->gid) ||
        setresgid(identity->gid, identity->gid, identity->gid) ||
        setresuid(identity->uid, identity->uid, identity->uid))
        return -errno;
    snprintf(mail, sizeof(mail), "/var/mail/%s", identity->name);
    if (setenv("HOME", identity->home, 1) || setenv("USER", identity->name, 1) ||
        setenv("LOGNAME", identity->name, 1) || setenv("SHELL", identity->shell, 1) ||
        setenv("MAIL", mail, 1))
        return -errno;
    return 0;
}

static uint64_t effective_capabilities(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};

    if (syscall(SYS_capget, &head, data))
        return 0;
    return data[0].effective | (uint64_t)data[1].effective << 32;
}

static bool has_capability(uint64_t set, unsigned int number)
{
    return set >> number & 1;
}

/* CAP_SYS_ADMIN stands for both (capabilities(7)). */
const char *tp_privilege_missing(void)
{
    uint64_t set = effective_capabilities();
    bool admin = has_capability(set, CAP_SYS_ADMIN);
    bool bpf = admin || has_capability(set, CAP_BPF);
    bool perfmon = admin || has_capability(set, CAP_PERFMON);

    if (!bpf && !perfmon)
        return "CAP_BPF and CAP_PERFMON";
    if (!bpf)
        return "CAP_BPF";
    return perfmon ? NULL : "CAP_PERFMON";
}

bool tp_privilege_sees_others(void)
{
    return has_capability(effective_capabilities(), CAP_SYS_PTRACE);
}
