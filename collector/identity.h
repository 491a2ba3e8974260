/* SPDX-License-Identifier: MIT
 * Who the recording is for: the user who called sudo, else oneself.
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

/* Becomes that user for good, groups included; does nothing where nothing is switched. 0 or
 * negative errno. */
int tp_identity_switch(const struct tp_identity *identity);

/* In a child: the same, and its environment says so. 0 or negative errno. */
int tp_identity_become(const struct tp_identity *identity);

#endif
