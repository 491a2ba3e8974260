/* SPDX-License-Identifier: MIT OR GPL-2.0-only
 *
 * Arguments of probed functions, by the table of sites: whose calling convention they follow, and
 * what they mean, is data.
 */
#ifndef TP_VALUES_BPF_H
#define TP_VALUES_BPF_H

#include "bpf/task.bpf.h"

static __always_inline tp_u64 thread_pointer(void)
{
#if defined(__TARGET_ARCH_x86)
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    return BPF_CORE_READ(task, thread.fsbase);
#else
    return 0;
#endif
}

/* 0 where there is no such value, or none that can be read. */
static __always_inline tp_u64 value_of(struct pt_regs *ctx, const struct tp_site_row *row,
                                       enum tp_site_value which)
{
    const struct tp_value *v = &row->value[which];
    tp_u64 reg = v->reg, x = 0;

    if (reg == TP_THREAD_POINTER)
        x = thread_pointer();
    else if (reg <= sizeof(struct pt_regs) - sizeof(x))
        bpf_probe_read_kernel(&x, sizeof(x), (void *)ctx + reg);
    else
        return 0;
    if (v->loads > 0 && bpf_probe_read_user(&x, sizeof(x), (void *)(x + v->offset[0])))
        return 0;
    if (v->loads > 1 && bpf_probe_read_user(&x, sizeof(x), (void *)(x + v->offset[1])))
        return 0;
    return x;
}

static __always_inline int has_value(const struct tp_site_row *row, enum tp_site_value which)
{
    return row->value[which].reg != TP_NO_REGISTER;
}

static __always_inline struct tp_site_row *row_of(tp_u64 cookie)
{
    tp_u32 number = TP_COOKIE_ROW(cookie);
    return bpf_map_lookup_elem(&sites, &number);
}

#endif
