/* SPDX-License-Identifier: MIT
 * The table by which Go's runtime finds names of functions for its tracebacks: it is there in
 * stripped executables too. Layout: runtime/symtab.go and cmd/link/internal/ld/pcln.go (pcHeader,
 * functab, _func), which changed with Go 1.16 and 1.18; 1.20 changed the magic alone.
 */
#ifndef TP_TLS_GO_PCLNTAB_H
#define TP_TLS_GO_PCLNTAB_H

#include <tokprof/plugin.h>

/* Names begin with this. */
#define PCLNTAB_PREFIX "crypto/tls.(*Conn)."
#define PCLNTAB_FUNCTIONS_MAX 8u

struct pclntab_function {
    const char *name;    /* set by who asks: what follows the prefix */
    uint64_t start, end; /* end 0: there is none */
};

struct pclntab {
    bool relative; /* functions are told from where the text starts */
    uint64_t text; /* where that is, if the table says so; a linker may leave it to the loader */
};

/* Finds functions by their names. 0; -ENOENT: no Go; -EBADMSG: the table contradicts itself. */
int pclntab_find(const struct tp_elf_view *elf, struct pclntab_function *functions, size_t count,
                 struct pclntab *ret_table);

#endif
