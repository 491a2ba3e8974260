/* SPDX-License-Identifier: MIT OR GPL-2.0-only
 *
 * Plaintext at the cipher underneath TLS, record by record. A cipher context belongs to one
 * direction of one connection, from one change of keys to the next. Which connection that is shows
 * where its ciphertext passes a socket: what was sealed is what a system call sends, and what is
 * opened lies where one received it.
 */
#ifndef TP_CIPHER_BPF_H
#define TP_CIPHER_BPF_H

#include "bpf/frames.bpf.h"
#include "bpf/moved.bpf.h"
#include "bpf/task.bpf.h"
#include "bpf/values.bpf.h"

#define TP_CIPHERS_MAX 16384
#define TP_SEALED_MAX 4096
#define TP_CIPHERING_MAX 8192

/* RFC 8446, 5.1 and 5.2; RFC 5246, 6.2. */
#define TP_TLS_HEADER_BYTES 5
#define TP_TLS12_AD_BYTES 13
#define TP_TLS_TAG_BYTES 16
#define TP_TLS_CONTENT_FIRST 20
#define TP_TLS_CONTENT_LAST 24
#define TP_TLS_APPLICATION_DATA 23
/* Zeros that may stand behind the type of a TLS 1.3 record and are still looked through. */
#define TP_TLS_PADDING_MAX 16
/* What one send may begin with before the record that is looked for. */
#define TP_SENT_SEGMENTS_MAX 4
#define TP_SENT_RECORDS_MAX 3

struct tp_cipher_key {
    tp_u64 context;
    tp_u32 pid;
    tp_u32 pad;
};

/* The nonce is a secret of the key combined with the record's number, which changes its last bytes
 * alone (RFC 8446, 5.3): the first 8 tell keys apart. */
struct tp_cipher {
    tp_u64 identity;
    tp_u64 conn; /* the socket's; 0: not known yet */
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, TP_CIPHERS_MAX);
    __type(key, struct tp_cipher_key);
    __type(value, struct tp_cipher);
} ciphers SEC(".maps");

/* The first bytes of a sealed record. */
struct tp_ciphertext {
    tp_u64 word[2];
};

/* Sealed with a context whose socket is not known; waiting to be sent. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, TP_SEALED_MAX);
    __type(key, struct tp_ciphertext);
    __type(value, struct tp_cipher_key);
} sealed SEC(".maps");

struct tp_received {
    tp_u64 inode;
    tp_u64 address, n;
};

/* What each thread received last. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, TP_PENDING_MAX);
    __type(key, tp_u64);
    __type(value, struct tp_received);
} received SEC(".maps");

/* Processes in which records were seen: only their sockets are looked at for ciphertext. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, TP_CIPHERING_MAX);
    __type(key, tp_u32);
    __type(value, tp_u32);
} ciphering SEC(".maps");

static __always_inline int is_ciphering(tp_u64 own_ids)
{
    tp_u32 pid = own_ids >> 32;
    return bpf_map_lookup_elem(&ciphering, &pid) != 0;
}

static __always_inline void ciphering_begins(tp_u64 own_ids)
{
    tp_u32 pid = own_ids >> 32;
    if (!bpf_map_lookup_elem(&ciphering, &pid))
        bpf_map_update_elem(&ciphering, &pid, &pid, BPF_ANY);
}

/* ---- from a context to its socket ---- */

static __always_inline int put_link(tp_u64 own_ids, const struct tp_cipher_key *from,
                                    const struct tp_stream_state *s, tp_u64 conn,
                                    const struct tp_stream_state *to, tp_u8 direction)
{
    struct tp_link_record *r = bpf_ringbuf_reserve(&data_ring, sizeof(*r), 0);
    if (!r) {
        count_lost(TP_LOSS_RING_FULL, 0, 1);
        return 0;
    }
    fill_head(&r->head, TP_RECORD_LINK, sizeof(*r), own_ids);
    r->from = from->context;
    r->from_generation = s->generation;
    r->conn = conn;
    r->generation = to->generation;
    r->offset = to->offset[direction & 1];
    r->peer_offset = to->offset[(direction & 1) ^ 1];
    r->direction = direction;
    r->pad = 0;
    bpf_ringbuf_submit(r, wake_flags(sizeof(*r)));
    return 1;
}

/* What the context's stream has counted so far becomes the socket's. Without room for the record
 * the context stays as it is, for another try. */
static __always_inline void cipher_link(tp_u64 own_ids, const struct tp_cipher_key *key,
                                        struct tp_cipher *c, tp_u64 inode, tp_u8 direction)
{
    tp_u64 conn = TP_CONN_SOCKET | TP_CONN_CIPHER | inode;
    struct tp_stream_key from = {.conn = key->context, .pid = key->pid};
    struct tp_stream_key to = {.conn = conn, .pid = key->pid};
    struct tp_stream_state *old = bpf_map_lookup_elem(&streams, &from);

    if (old) {
        struct tp_stream_state *s = stream_of(&to);
        if (!s || !put_link(own_ids, key, old, conn, s, direction))
            return;
        s->offset[direction & 1] += old->offset[direction & 1];
        s->lost_bytes += old->lost_bytes;
        s->lost_records += old->lost_records;
        bpf_map_delete_elem(&streams, &from);
    }
    c->conn = conn;
}

/* The context of this frame; a new one where its key is another. */
static __always_inline struct tp_cipher *cipher_of(tp_u64 own_ids, const struct tp_cipher_key *key,
                                                   const struct tp_frame *f)
{
    struct tp_cipher fresh = {.identity = f->identity};
    struct tp_cipher *c = bpf_map_lookup_elem(&ciphers, key);

    if (c && c->identity == f->identity)
        return c;
    if (c && !c->conn) {
        struct tp_stream_key old = {.conn = key->context, .pid = key->pid};
        struct tp_stream_state *s = bpf_map_lookup_elem(&streams, &old);
        if (s && put_close(own_ids, key->context, s))
            bpf_map_delete_elem(&streams, &old);
    }
    bpf_map_update_elem(&ciphers, key, &fresh, BPF_ANY);
    return bpf_map_lookup_elem(&ciphers, key);
}

/* An opened record lies, as far as it is not decrypted in another place, where this thread received
 * it. */
static __always_inline void link_received(const struct tp_ids *ids, const struct tp_cipher_key *key,
                                          struct tp_cipher *c, const struct tp_frame *f)
{
    tp_u64 thread = ids->global;
    struct tp_received *r = bpf_map_lookup_elem(&received, &thread);

    if (r && f->wire < r->address + r->n && r->address < f->wire + f->length)
        cipher_link(ids->own, key, c, r->inode, TP_DIR_READ);
}

/* ---- records ---- */

static __always_inline void tally(tp_u64 cookie, int passed)
{
    tp_u32 target = TP_COOKIE_TARGET(cookie);
    struct tp_tally *t = bpf_map_lookup_elem(&tallies, &target);

    if (t)
        __sync_fetch_and_add(passed ? &t->passed : &t->failed, 1);
}

/* Is the additional data the header of a TLS record with so many bytes inside? ret_content: its
 * type; 0 where that stands inside (TLS 1.3). */
static __always_inline int is_record(struct pt_regs *ctx, const struct tp_site_row *row, tp_u64 n,
                                     tp_u8 *ret_content)
{
    void *ad = (void *)value_of(ctx, row, TP_VALUE_AD);
    tp_u64 ad_bytes = value_of(ctx, row, TP_VALUE_AD_LENGTH);
    tp_u8 b[16];

    *ret_content = 0;
    if (ad_bytes == TP_TLS_HEADER_BYTES) {
        if (bpf_probe_read_user(b, TP_TLS_HEADER_BYTES, ad))
            return 0;
        return b[0] == TP_TLS_APPLICATION_DATA && b[1] == 3 &&
               ((tp_u64)b[3] << 8 | b[4]) == n + TP_TLS_TAG_BYTES;
    }
    if (ad_bytes != TP_TLS12_AD_BYTES || bpf_probe_read_user(b, TP_TLS12_AD_BYTES, ad))
        return 0;
    *ret_content = b[8];
    return b[8] >= TP_TLS_CONTENT_FIRST && b[8] <= TP_TLS_CONTENT_LAST && b[9] == 3 &&
           ((tp_u64)b[11] << 8 | b[12]) == n;
}

/* TLS 1.3: the type stands behind the text, and zeros may follow. */
static __always_inline tp_u8 inner_content(const struct tp_frame *f, tp_u64 *n)
{
    tp_u8 last = 0;

#pragma unroll
    for (int i = 0; i < TP_TLS_PADDING_MAX; i++) {
        if (!*n || bpf_probe_read_user(&last, 1, (void *)(f->buf + *n - 1)))
            return 0;
        --*n;
        if (last)
            break;
    }
    return last;
}

static __always_inline void record_moved(const struct tp_ids *ids, const struct tp_frame *f,
                                         const struct tp_site_row *row, tp_u64 cookie)
{
    struct tp_cipher_key key = {.context = f->conn, .pid = ids->own >> 32};
    tp_u64 n = f->length;
    tp_u8 content = f->content ? f->content : inner_content(f, &n);

    if (content != TP_TLS_APPLICATION_DATA || !n)
        return;
    struct tp_cipher *c = cipher_of(ids->own, &key, f);
    if (!c) {
        count_seen(n);
        count_lost(TP_LOSS_MAP_FULL, n, 1);
        return;
    }
    if (!c->conn && f->direction == TP_DIR_READ)
        link_received(ids, &key, c, f);
    struct tp_moved m = {.own_ids = ids->own,
                         .conn = c->conn ? c->conn : f->conn,
                         .address = f->buf,
                         .n = n,
                         .entry_ns = f->entry_ns,
                         .target = TP_COOKIE_TARGET(cookie),
                         .stack = row->stack,
                         .direction = f->direction,
                         .unlinked = !c->conn,
                         .checked = 1};
    bytes_moved(&m);
}

static __always_inline tp_u64 plain_bytes(struct pt_regs *ctx, const struct tp_site_row *row)
{
    tp_u64 n = value_of(ctx, row, TP_VALUE_LENGTH);

    if (row->kind == TP_SITE_SEAL)
        return n + value_of(ctx, row, TP_VALUE_EXTRA_LENGTH);
    return has_value(row, TP_VALUE_TAG) ? n : n - TP_TLS_TAG_BYTES;
}

/* Text is there before it is sealed in place, and after it was opened. */
static __always_inline int record_enter(struct pt_regs *ctx, const struct tp_site_row *row,
                                        tp_u64 cookie, tp_u8 direction)
{
    struct tp_ids ids;
    ids_of_current(&ids);
    if (!is_watched(ids.own))
        return 0;
    struct tp_frame f = {
        .sp = PT_REGS_SP(ctx),
        .conn = value_of(ctx, row, TP_VALUE_CONN),
        .buf = value_of(ctx, row, TP_VALUE_DATA),
        .length = plain_bytes(ctx, row),
        .entry_ns = bpf_ktime_get_ns(),
        .wire = value_of(ctx, row, TP_VALUE_WIRE),
        .direction = direction,
    };
    int passed = is_record(ctx, row, f.length, &f.content);
    tally(cookie, passed);
    if (!passed)
        return 0;
    ciphering_begins(ids.own);
    bpf_probe_read_user(&f.identity, sizeof(f.identity),
                        (void *)value_of(ctx, row, TP_VALUE_NONCE));
    if (row->kind == TP_SITE_SEAL && !f.content && value_of(ctx, row, TP_VALUE_EXTRA_LENGTH) == 1) {
        bpf_probe_read_user(&f.content, 1, (void *)value_of(ctx, row, TP_VALUE_EXTRA));
        f.length--;
    }
    frame_push(ids.global, &f);
    if (row->kind == TP_SITE_SEAL && !f.shadowed)
        record_moved(&ids, &f, row, cookie);
    return 0;
}

/* Its ciphertext is there now: by it the context is known again when it is sent. */
static __always_inline void record_sealed(const struct tp_ids *ids, const struct tp_frame *f)
{
    struct tp_cipher_key key = {.context = f->conn, .pid = ids->own >> 32};
    struct tp_cipher *c = bpf_map_lookup_elem(&ciphers, &key);
    struct tp_ciphertext text;

    if (c && !c->conn && c->identity == f->identity && f->length >= sizeof(text) &&
        !bpf_probe_read_user(&text, sizeof(text), (void *)f->wire))
        bpf_map_update_elem(&sealed, &text, &key, BPF_ANY);
}

static __always_inline int record_return(struct pt_regs *ctx, const struct tp_site_row *row,
                                         tp_u64 cookie)
{
    struct tp_ids ids;
    ids_of_current(&ids);
    if (!is_watched(ids.own))
        return 0;
    struct tp_frame f;
    if (!frame_pop(ids.global, PT_REGS_SP(ctx) - TP_RETURN_ADDRESS_BYTES, &f) || f.shadowed ||
        (int)PT_REGS_RC(ctx) <= 0)
        return 0;
    if (row->kind == TP_SITE_SEAL)
        record_sealed(&ids, &f);
    else
        record_moved(&ids, &f, row, cookie);
    return 0;
}

/* ---- ciphertext at sockets ---- */

struct tp_sent {
    tp_u64 own_ids;
    tp_u64 inode;
    tp_u64 address, n;
};

/* Looks at the first records of one piece of what was sent. */
__attribute__((noinline)) int sent_piece(struct tp_sent *sent)
{
    if (!sent)
        return 0;
#pragma unroll
    for (int i = 0; i < TP_SENT_RECORDS_MAX; i++) {
        struct tp_ciphertext text;
        tp_u8 h[8];
        if (sent->n < TP_TLS_HEADER_BYTES + sizeof(text) ||
            bpf_probe_read_user(h, TP_TLS_HEADER_BYTES, (void *)sent->address) || h[1] != 3 ||
            bpf_probe_read_user(&text, sizeof(text), (void *)(sent->address + TP_TLS_HEADER_BYTES)))
            break;
        struct tp_cipher_key *found = bpf_map_lookup_elem(&sealed, &text);
        if (found && found->pid == sent->own_ids >> 32) {
            struct tp_cipher_key key = *found;
            struct tp_cipher *c = bpf_map_lookup_elem(&ciphers, &key);
            if (c && !c->conn)
                cipher_link(sent->own_ids, &key, c, sent->inode, TP_DIR_WRITE);
            bpf_map_delete_elem(&sealed, &text);
        }
        tp_u64 whole = TP_TLS_HEADER_BYTES + ((tp_u64)h[3] << 8 | h[4]);
        if (whole >= sent->n)
            break;
        sent->address += whole;
        sent->n -= whole;
    }
    return 0;
}

static __always_inline void cipher_received(tp_u64 inode, tp_u64 address, tp_u64 n)
{
    tp_u64 thread = bpf_get_current_pid_tgid();
    struct tp_received r = {.inode = inode, .address = address, .n = n};
    struct tp_received *known = bpf_map_lookup_elem(&received, &thread);

    if (known)
        *known = r;
    else
        bpf_map_update_elem(&received, &thread, &r, BPF_ANY);
}

#endif
