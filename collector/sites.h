/* SPDX-License-Identifier: MIT
 * From what a plugin says of a place to what the BPF programs are told of it: registers become
 * offsets in this processor's struct pt_regs.
 */
#ifndef TP_SITES_H
#define TP_SITES_H

#include <tokprof/plugin.h>

#include "bpf/shared/record.h"

/* 0; -EINVAL: an unknown kind of value; -EOPNOTSUPP: a register that this processor does not have.
 */
int tp_site_row_make(struct tp_site_row *ret_row, const struct tp_tls_site *site, uint16_t stack);

#endif
