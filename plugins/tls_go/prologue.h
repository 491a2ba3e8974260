/* SPDX-License-Identifier: MIT
 * How a Go function begins on x86-64: it compares the stack pointer with the goroutine's stack
 * guard. Where it finds the goroutine tells which calling convention it was compiled for
 * (cmd/internal/obj/x86/obj6.go, stacksplit; abi-internal.md).
 */
#ifndef TP_TLS_GO_PROLOGUE_H
#define TP_TLS_GO_PROLOGUE_H

#include <tokprof/plugin.h>

enum prologue_convention { PROLOGUE_REGISTERS, PROLOGUE_STACK };

struct prologue {
    enum prologue_convention convention;
    int16_t goroutine; /* PROLOGUE_STACK: where it stands, from the thread's pointer */
};

/* 0; -ENOENT: nothing of the kind is at the address. */
int prologue_read(const struct tp_elf_view *elf, uint64_t address, struct prologue *ret);

/* A function whose stack was too small for it begins anew: the last thing it holds is the jump to
 * its start. True if that stands before `end`, with nothing but filling after it. */
bool prologue_is_repeated(const struct tp_elf_view *elf, uint64_t start, uint64_t end);

#endif
