/* SPDX-License-Identifier: MIT
 * An ELF file as locators see it (elf(5); gABI chapters 4 and 5). The file is whatever a watched
 * process mapped: hostile. It is read, not mapped, so that one truncated under our eyes cannot
 * raise SIGBUS.
 */
#ifndef TP_ELF_H
#define TP_ELF_H

#include <stddef.h>
#include <stdint.h>
#include <tokprof/plugin.h>

struct tp_elf;

#define TP_BUILD_ID_HEX_MAX 65 /* 32 bytes in hex, and a NUL */

/* Reads from fd, which stays the caller's and must stay open. `name` is for messages; not copied.
 * 0; -ENOEXEC: no ELF of this machine's class and byte order; or negative errno. */
int tp_elf_open(struct tp_elf **ret_elf, int fd, const char *name);
/* NULL is fine. */
void tp_elf_close(struct tp_elf *elf);

/* For plugins; valid until closed. */
const struct tp_elf_view *tp_elf_view(struct tp_elf *elf);

/* What locators will look for, before the first of them asks; ends with a NULL text. -E2BIG past a
 * ceiling. */
int tp_elf_add_marks(struct tp_elf *elf, const struct tp_elf_mark *marks);

/* The build id in hex, or "" where there is none. */
void tp_elf_build_id(struct tp_elf *elf, char ret_hex[TP_BUILD_ID_HEX_MAX]);

/* Names of DT_NEEDED libraries and directories of DT_RUNPATH or DT_RPATH, one call for each string,
 * valid during the call. `origin` entries come as written ($ORIGIN not expanded). */
enum tp_elf_dynamic { TP_ELF_NEEDED, TP_ELF_RUNPATH };
void tp_elf_dynamic(struct tp_elf *elf,
                    void (*each)(void *cx, enum tp_elf_dynamic what, const char *text), void *cx);

#endif
