/* SPDX-License-Identifier: MIT
 * Lengths of x86-64 instructions, and what a few of them do (Intel SDM volume 2, chapter 2 and
 * appendix A). Enough to walk through a function; pure.
 */
#ifndef TP_X86_H
#define TP_X86_H

#include <stddef.h>
#include <stdint.h>
#include <tokprof/plugin.h>

#define TP_X86_BYTES_MAX 15

/* The instruction at data, which has n bytes and stands at `address`. 0; -EILSEQ: not one;
 * -ENODATA: n is too short. */
int tp_x86_decode(const uint8_t *data, size_t n, uint64_t address,
                  struct tp_elf_instruction *ret_insn);

#endif
