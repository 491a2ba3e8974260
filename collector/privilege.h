/* SPDX-License-Identifier: MIT
 * Which capabilities a process has, and giving them up (capabilities(7)). docs/ARCHITECTURE.md says
 * which of tokprof's processes holds what, and why.
 */
#ifndef TP_PRIVILEGE_H
#define TP_PRIVILEGE_H

#include <stdbool.h>
#include <stddef.h>

#include "collector/identity.h"

/* Which capabilities that probing needs are missing: "CAP_BPF and CAP_PERFMON", or NULL if none.
 * Static. */
const char *tp_privilege_missing(void);
/* CAP_SYS_PTRACE is there: the mappings of other users' processes can be opened. */
bool tp_privilege_sees_others(void);

/* Becomes that user for good, and keeps what attaching later needs: CAP_BPF and CAP_PERFMON (or
 * CAP_SYS_ADMIN, where it stood for one of them), and CAP_SYS_PTRACE, as far as they are there.
 * They pass on to no program. 0 or negative errno. */
int tp_privilege_keep_probing(const struct tp_identity *identity);

/* Becomes that user for good, and keeps no capability. 0 or negative errno. */
int tp_privilege_drop_all(const struct tp_identity *identity);

/* Runs before others where it is allowed to (CAP_SYS_NICE): a library that a process has just
 * mapped is to be probed before it is used. What is forked from now on inherits it. */
void tp_privilege_come_first(void);

/* No core dump, and no other process of the user's may read the memory: it holds prompts. */
void tp_privilege_protect_memory(void);

/* What this process holds, for people. */
void tp_privilege_describe(char *ret_text, size_t size);

#endif
