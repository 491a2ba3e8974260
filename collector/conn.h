/* SPDX-License-Identifier: MIT
 * Connections: puts the two byte streams of each together from data records, finds holes by their
 * offsets, frames HTTP and hands exchanges on. Pure: no clock, no I/O. One thread.
 */
#ifndef TP_CONN_H
#define TP_CONN_H

#include "bpf/shared/record.h"
#include "collector/exchange.h"

struct tp_conns;

struct tp_conn_limits {
    size_t head_bytes_max; /* one message's head; default 256 KiB */
    size_t held_bytes_max; /* bytes held back on one connection (answers before requests ...); 256
                              KiB */
    size_t decoded_ratio_max; /* content decoding: output over input; 0: none. default 2000 */
    size_t decoded_bytes_max; /* content decoding: output of one body; default 1 GiB */
};

struct tp_conn_stats {
    uint64_t open;          /* connections held now */
    uint64_t bytes[2];      /* payload bytes taken, by enum tp_direction */
    uint64_t hole_bytes[2]; /* bytes missing, by enum tp_direction */
    uint64_t opaque_bytes;  /* bytes of streams that are not HTTP (counted, not parsed) */
    uint64_t exchanges;
};

/* `limits` may be NULL for the defaults. `ops` and `cx` outlive the object. NULL without memory. */
struct tp_conns *tp_conns_new(const struct tp_exchange_ops *ops, void *cx,
                              const struct tp_conn_limits *limits);
/* Ends every open exchange as TP_END_SHUTDOWN at time_ns first. NULL is fine. */
void tp_conns_free(struct tp_conns *conns, uint64_t time_ns);

/* One data record; `payload` has record->length bytes, or is NULL where record->failed. `tls` is a
 * static string. 0 or -ENOMEM (the bytes then count as a hole). Records may be missing, never
 * reordered per stream. */
int tp_conns_data(struct tp_conns *conns, const struct tp_data_record *record,
                  const uint8_t *payload, const char *tls);

/* The connection object is gone; its final offsets tell of a hole at the end. Unknown ones are
 * ignored. */
void tp_conns_close(struct tp_conns *conns, const struct tp_close_record *record);

/* The process is gone: every connection of it ends. */
void tp_conns_process_exit(struct tp_conns *conns, uint32_t pid, uint64_t time_ns);

/* Tells the final offsets of one stream (from the kernel's table, before process_exit or free), so
 * that bytes lost at the very end are counted. */
void tp_conns_reconcile(struct tp_conns *conns, const struct tp_stream_key *key,
                        const struct tp_stream_state *state);

void tp_conns_stats(const struct tp_conns *conns, struct tp_conn_stats *ret_stats);

#endif
