/* SPDX-License-Identifier: MIT */
#include "collector/identity.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
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

int tp_identity_switch(const struct tp_identity *identity)
{
    if (!identity->switched)
        return 0;
    if (initgroups(identity->name, identity->gid) ||
        setresgid(identity->gid, identity->gid, identity->gid) ||
        setresuid(identity->uid, identity->uid, identity->uid))
        return -errno;
    return 0;
}

int tp_identity_become(const struct tp_identity *identity)
{
    char mail[128];

    int err = tp_identity_switch(identity);
    if (err || !identity->switched)
        return err;
    snprintf(mail, sizeof(mail), "/var/mail/%s", identity->name);
    if (setenv("HOME", identity->home, 1) || setenv("USER", identity->name, 1) ||
        setenv("LOGNAME", identity->name, 1) || setenv("SHELL", identity->shell, 1) ||
        setenv("MAIL", mail, 1))
        return -errno;
    return 0;
}
