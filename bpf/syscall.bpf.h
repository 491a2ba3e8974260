/* SPDX-License-Identifier: MIT OR GPL-2.0-only
 *
 * Number and arguments of a system call, in the terms of the processor. On return the registers
 * still hold the arguments (arm64: the first one is kept aside).
 */
#ifndef TP_SYSCALL_BPF_H
#define TP_SYSCALL_BPF_H

#include "bpf/task.bpf.h"

struct tp_syscall {
    tp_u64 number;
    tp_u64 argument[5];
};

#if defined(__TARGET_ARCH_x86)

/* Part of struct pt_regs (asm/ptrace.h, part of the ABI). */
struct tp_registers {
    tp_u64 r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax;
};

struct thread_info {
    tp_u32 status;
} __attribute__((preserve_access_index));

struct task_struct___info {
    struct thread_info thread_info;
} __attribute__((preserve_access_index));

#define TP_TS_COMPAT 2

/* Number and meaning of calls made by int 0x80 are others. */
static __always_inline int syscall_is_compat(void)
{
    struct task_struct___info *task = (void *)bpf_get_current_task();
    return BPF_CORE_READ(task, thread_info.status) & TP_TS_COMPAT;
}

/* socketcall, sendto, sendmsg, recvfrom, recvmsg. */
static __always_inline int syscall_is_compat_network(tp_u64 number)
{
    return number == 102 || (number >= 369 && number <= 372);
}

static __always_inline int syscall_read(const void *regs, struct tp_syscall *ret_call)
{
    struct tp_registers r;

    if (bpf_probe_read_kernel(&r, sizeof(r), regs + __builtin_offsetof(struct pt_regs, r10)))
        return -1;
    ret_call->number = r.orig_rax;
    ret_call->argument[0] = r.rdi;
    ret_call->argument[1] = r.rsi;
    ret_call->argument[2] = r.rdx;
    ret_call->argument[3] = r.r10;
    ret_call->argument[4] = r.r8;
    return 0;
}

#elif defined(__TARGET_ARCH_arm64)

/* The head of the kernel's struct pt_regs. */
struct tp_registers {
    tp_u64 x[31], sp, pc, pstate, orig_x0;
    tp_u32 number;
};

struct thread_info {
    tp_u64 flags;
} __attribute__((preserve_access_index));

struct task_struct___info {
    struct thread_info thread_info;
} __attribute__((preserve_access_index));

#define TP_TIF_32BIT 22

static __always_inline int syscall_is_compat(void)
{
    struct task_struct___info *task = (void *)bpf_get_current_task();
    return BPF_CORE_READ(task, thread_info.flags) >> TP_TIF_32BIT & 1;
}

/* send ... recvmsg. */
static __always_inline int syscall_is_compat_network(tp_u64 number)
{
    return number >= 289 && number <= 297;
}

static __always_inline int syscall_read(const void *regs, struct tp_syscall *ret_call)
{
    const struct tp_registers *r = regs;
    tp_u32 number = 0;

    if (bpf_probe_read_kernel(&number, sizeof(number), &r->number) ||
        bpf_probe_read_kernel(ret_call->argument, sizeof(ret_call->argument), r->x) ||
        bpf_probe_read_kernel(&ret_call->argument[0], sizeof(tp_u64), &r->orig_x0))
        return -1;
    ret_call->number = number;
    return 0;
}

#else
#error "which registers hold a system call's arguments on this processor?"
#endif

#endif
