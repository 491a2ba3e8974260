/* SPDX-License-Identifier: MIT
 * A look into one file: whose TLS stack is in it, and where its functions are. The file's bytes are
 * anyone's, so that the programs do this in a process that can do nothing else (locator.h); tests
 * and that process call tp_locate() itself.
 */
#ifndef TP_LOCATE_H
#define TP_LOCATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tokprof/plugin.h>

#include "collector/elf.h"

#define TP_WHY_BYTES_MAX 120
/* Stacks of one file. */
#define TP_STACKS_MAX 6

/* A stack in a file, or what seems to be one. */
struct tp_found {
    int32_t stack; /* attach cookie of the plugin that found it */
    uint32_t pad;
    struct tp_tls_location at; /* count 0: refused, with the reason */
};

/* Of fixed size, for it crosses between processes. */
struct tp_location {
    uint32_t found_count; /* 0: the file has no stack that a plugin knows */
    char build_id[TP_BUILD_ID_HEX_MAX];
    char why[TP_WHY_BYTES_MAX]; /* nobody could look: how that came, for people; else "" */
    struct tp_found found[TP_STACKS_MAX];
};

/* How a look is had. `name` is for messages. 0; -ENOEXEC: no ELF of this machine; -ECANCELED: the
 * process that looked did not survive it, which ret_location->why says; -ESHUTDOWN: nobody is left
 * to look; or negative errno. */
typedef int tp_locate_fn(void *cx, int fd, const char *name, struct tp_location *ret_location);

/* In this very process; cx is not used. */
tp_locate_fn tp_locate;

/* Whether an answer could be true of a file of so many bytes: it may come from a process that
 * hostile bytes have taken over. */
bool tp_location_sound(const struct tp_location *location, uint64_t file_bytes);

/* Name of the TLS stack behind an attach cookie; static. "unknown" for none. */
const char *tp_stack_name(uint16_t cookie);

/* Text that stays in an executable which has a stack inside, though none of its functions has a
 * name: its number, or -1. */
int tp_trace_search(int fd);
/* The stack that such a number stands for; static. NULL for none. */
const char *tp_trace_stack(int number);

#endif
