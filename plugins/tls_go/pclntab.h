/* SPDX-License-Identifier: MIT
 * The table by which Go's runtime finds names of functions for its tracebacks: it is there in
 * stripped executables too. Layout: runtime/symtab.go (pcHeader, functab, _func), since Go 1.18.
 */
#ifndef TP_TLS_GO_PCLNTAB_H
#define TP_TLS_GO_PCLNTAB_H

#include <tokprof/plugin.h>

struct pclntab_function {
    const char *name;    /* set by who asks; at most 200 bytes */
    uint64_t start, end; /* 0: there is none */
};

/* Finds functions by their full names. 0; -ENOENT: no Go; -ENOTSUP: an older layout; -EBADMSG: the
 * table contradicts itself. */
int pclntab_find(const struct tp_elf_view *elf, struct pclntab_function *functions, size_t count);

#endif
