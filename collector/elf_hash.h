/* SPDX-License-Identifier: MIT
 * Looks a name up in an ELF file's GNU hash table, reading only the few places that the search
 * touches: an executable like node has megabytes of symbols. The file is hostile: every number in
 * it is checked against the sections' sizes, and the search has a ceiling.
 * Format: https://sourceware.org/legacy-ml/binutils/2006-10/msg00377.html and gABI chapter 5.
 */
#ifndef TP_ELF_HASH_H
#define TP_ELF_HASH_H

#include <elf.h>
#include <stdint.h>

/* A section's place in the file, bytes. */
struct tp_elf_place {
    uint64_t offset, size;
};

struct tp_elf_hash {
    int fd; /* the caller's */
    struct tp_elf_place table, symbols, strings;
};

/* The defined function of that name. 0; -ENOENT: there is none, for sure; other negative errno: the
 * table cannot be used, and the symbols must be searched. */
int tp_elf_hash_find(const struct tp_elf_hash *hash, const char *name, Elf64_Sym *ret_symbol);

#endif
