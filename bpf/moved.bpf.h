/* SPDX-License-Identifier: MIT OR GPL-2.0-only
 *
 * Bytes of a connection moved: its stream goes on, and they are copied.
 */
#ifndef TP_MOVED_BPF_H
#define TP_MOVED_BPF_H

#include "bpf/copy.bpf.h"
#include "bpf/looks.bpf.h"

struct tp_moved {
    tp_u64 own_ids;
    tp_u64 conn;
    tp_u64 address;
    tp_u64 n;
    tp_u64 entry_ns;
    tp_u32 target;
    tp_u16 stack;
    tp_u8 direction;
    tp_u8 unlinked;
    tp_u8 checked; /* as a record of TLS */
    tp_u8 pad[7];
};

/* Until something that looks like HTTP was seen at a target, each new stream that begins otherwise
 * speaks against it. User space removes the probes of those that many speak against. */
static __always_inline void tally_text(const struct tp_moved *m, int begins)
{
    tp_u32 target = m->target;
    struct tp_tally *t = bpf_map_lookup_elem(&tallies, &target);
    tp_u64 first = 0, n = m->n < sizeof(first) ? m->n : sizeof(first);

    if (!t || t->passed)
        return;
    asm volatile("" : "+r"(n));
    if (n > sizeof(first))
        n = sizeof(first);
    if (!bpf_probe_read_user(&first, n, (void *)m->address) &&
        (is_request(first, n) || is_answer(first, n) || is_settings(first)))
        __sync_fetch_and_add(&t->passed, 1);
    else if (begins)
        __sync_fetch_and_add(&t->failed, 1);
}

/* A global function: the verifier checks it once. */
__attribute__((noinline)) int bytes_moved(struct tp_moved *m)
{
    if (!m)
        return 0;
    struct tp_stream_key key = {.conn = m->conn, .pid = m->own_ids >> 32};
    tp_u8 direction = m->direction & 1;

    count_seen(m->n);
    struct tp_stream_state *s = stream_of(&key);
    if (!s) {
        count_lost(TP_LOSS_MAP_FULL, m->n, 1);
        return 0;
    }
    struct tp_copy copy = {
        .own_ids = m->own_ids,
        .conn = m->conn,
        .generation = s->generation,
        .entry_ns = m->entry_ns,
        .address = m->address,
        .left = m->n,
        .offset = s->offset[direction],
        .peer_offset = s->offset[direction ^ 1],
        .target = m->target,
        .stack = m->stack,
        .direction = direction,
        .unlinked = m->unlinked,
    };
    if (!m->checked)
        tally_text(m, !copy.offset);
    s->offset[direction] += m->n;
    copy_all(&copy);
    s->lost_bytes += copy.lost_bytes;
    s->lost_records += copy.lost_records;
    return 0;
}

#endif
