/* SPDX-License-Identifier: MIT OR GPL-2.0-only
 *
 * Open calls of a thread. Entry and return are paired by the stack pointer, so that nesting (TLS
 * through a TLS proxy) is exact and frames left behind by longjmp are known for dead.
 */
#ifndef TP_FRAMES_BPF_H
#define TP_FRAMES_BPF_H

#include "bpf/maps.bpf.h"

/* What the return address took from the stack between entry and return. */
#if defined(__TARGET_ARCH_x86)
#define TP_RETURN_ADDRESS_BYTES 8
#else
#define TP_RETURN_ADDRESS_BYTES 0
#endif

/* Too large for the stack. */
static const volatile struct tp_pending nothing_pending = {};

static __always_inline struct tp_pending *pending_of(tp_u64 pid_tgid)
{
    struct tp_pending *p = bpf_map_lookup_elem(&pending, &pid_tgid);
    if (p)
        return p;
    bpf_map_update_elem(&pending, &pid_tgid, (const void *)&nothing_pending, BPF_NOEXIST);
    return bpf_map_lookup_elem(&pending, &pid_tgid);
}

/* The stack grows down: a frame at or below the new one's pointer cannot be live. */
static __always_inline void frames_drop_stale(struct tp_pending *p, tp_u64 sp)
{
#pragma unroll
    for (int i = 0; i < TP_FRAMES_MAX; i++) {
        tp_u64 top = (p->depth - 1) & (TP_FRAMES_MAX - 1);
        if (p->depth > 0 && p->frame[top].sp <= sp)
            p->depth--;
    }
}

/* LibreSSL's _ex functions call the plain ones on the same connection. */
static __always_inline int frames_cover(const struct tp_pending *p, const struct tp_frame *f)
{
    int covered = 0;
#pragma unroll
    for (int i = 0; i < TP_FRAMES_MAX; i++) {
        const struct tp_frame *g = &p->frame[i];
        if (i < p->depth && g->conn == f->conn && g->direction == f->direction)
            covered = 1;
    }
    return covered;
}

static __always_inline void frame_push(tp_u64 pid_tgid, struct tp_frame *f)
{
    struct tp_pending *p = pending_of(pid_tgid);
    if (!p) {
        count_lost(TP_LOSS_MAP_FULL, 0, 1);
        return;
    }
    p->popped_sp = 0;
    frames_drop_stale(p, f->sp);
    f->shadowed = frames_cover(p, f);
    tp_u64 depth = p->depth;
    if (depth >= TP_FRAMES_MAX) {
        count_lost(TP_LOSS_MAP_FULL, 0, 1);
        return;
    }
    p->frame[depth & (TP_FRAMES_MAX - 1)] = *f;
    p->depth = depth + 1;
}

/* A function that ends in a jump to another one returns at the same place as that: both returns are
 * seen, and the frame is gone with the first. */
static __always_inline int frame_was_popped(tp_u64 pid_tgid, tp_u64 sp)
{
    struct tp_pending *p = bpf_map_lookup_elem(&pending, &pid_tgid);
    return p && p->popped_sp == sp;
}

/* A goroutine's end is not seen: what it has open is kept no longer than it is open. */
static __always_inline void frames_forget_empty(tp_u64 pid_tgid)
{
    struct tp_pending *p = bpf_map_lookup_elem(&pending, &pid_tgid);
    if (p && p->depth == 0)
        bpf_map_delete_elem(&pending, &pid_tgid);
}

/* Takes the frame whose stack pointer was sp, and all above it; 0 if there is none. */
static __always_inline int frame_pop(tp_u64 pid_tgid, tp_u64 sp, struct tp_frame *ret_frame)
{
    struct tp_pending *p = bpf_map_lookup_elem(&pending, &pid_tgid);
    if (!p)
        return 0;
#pragma unroll
    for (int i = 0; i < TP_FRAMES_MAX; i++) {
        tp_u64 top = (p->depth - 1) & (TP_FRAMES_MAX - 1);
        if (p->depth == 0 || p->frame[top].sp > sp)
            return 0;
        p->depth--;
        if (p->frame[top].sp == sp) {
            *ret_frame = p->frame[top];
            p->popped_sp = sp;
            return 1;
        }
    }
    return 0;
}

#endif
