/* SPDX-License-Identifier: MIT
 * Who the recording is for: the user who called sudo, else oneself. And whether this process may
 * probe.
 */
#ifndef TP_IDENTITY_H
#define TP_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct tp_identity {
    bool switched; /* the command runs as somebody else than this process */
    uid_t uid;
    gid_t gid;
    char name[64];
    char home[4096];
    char shell[256];
};

/* From SUDO_UID and SUDO_GID where this process is root and they name a user, else oneself.
 * 0 or negative errno. */
int tp_identity_get(struct tp_identity *ret_identity);

/* Files are opened as that user, until tp_identity_files_end(). Does nothing where nothing is
 * switched. */
void tp_identity_files_begin(const struct tp_identity *identity);
void tp_identity_files_end(const struct tp_identity *identity);

/* In a child: becomes that user for good, groups and environment included. 0 or negative errno. */
int tp_identity_become(const struct tp_identity *identity);

/* Which capabilities that probing needs are missing: "CAP_BPF and CAP_PERFMON", or NULL if none.
 * Static. */
const char *tp_privilege_missing(void);
/* CAP_SYS_PTRACE is there: the mappings of other users' processes can be opened. */
bool tp_privilege_sees_others(void);

#endif
