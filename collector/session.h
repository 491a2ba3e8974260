/* SPDX-License-Identifier: MIT
 * One recording session on the kernel's side: probes, targets, processes and both rings, read in an
 * order in which a process is known before its first byte and ends after its last. One thread.
 */
#ifndef TP_SESSION_H
#define TP_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/shared/record.h"
#include "collector/process.h"
#include "collector/targets.h"

struct tp_session;

/* What a session tells; times are CLOCK_MONOTONIC ns. All must be set. */
struct tp_session_ops {
    /* As tp_conns_data() and tp_conns_close() want them. */
    void (*data)(void *cx, const struct tp_data_record *record, const uint8_t *payload,
                 const char *tls);
    void (*close)(void *cx, const struct tp_close_record *record);
    /* The final state of a stream that was never closed; then, of its process: gone. */
    void (*stream)(void *cx, const struct tp_stream_key *key, const struct tp_stream_state *state);
    void (*gone)(void *cx, uint32_t pid, uint64_t time_ns);
    /* A process runs a program (TP_RECORD_EXEC) or ended (TP_RECORD_EXIT). */
    void (*process)(void *cx, const struct tp_process_record *record,
                    const struct tp_process *process);
    void (*target)(void *cx, const struct tp_target *target);
    /* Something outside the ledger of bytes went missing: `count` of `what`. */
    void (*missing)(void *cx, const char *what, const char *why, uint64_t count);
};

struct tp_session_options {
    size_t ring_bytes;
    const char *tree; /* 16 hex digits */
    bool plain;       /* plain HTTP on sockets, too */
    bool oldest;      /* as in struct tp_probes_options */
};

/* Loads and attaches. 0 or negative errno; -EPERM: privilege is missing. */
int tp_session_new(struct tp_session **ret_session, const struct tp_session_options *options,
                   const struct tp_session_ops *ops, void *cx);
/* Detaches and frees. NULL is fine. */
void tp_session_free(struct tp_session *session);

struct tp_targets *tp_session_targets(struct tp_session *session);
struct tp_process_source tp_session_processes(struct tp_session *session);

/* pid and all that it forks from now on. */
int tp_session_watch(struct tp_session *session, uint32_t pid);

/* A process that runs already, with what it has mapped, and all its descendants. 0; -ESRCH: there
 * is none; -EACCES: what it has mapped is not for us to read. */
int tp_session_join(struct tp_session *session, uint32_t pid);
/* All processes but this one and the kernel's; those of other users only with others_too. Returns
 * how many were left out for that. */
size_t tp_session_join_all(struct tp_session *session, bool others_too);

/* Readable when something waits (payload only past a threshold: poll it by timer as well). */
int tp_session_fd(const struct tp_session *session);

/* Handles what is there now. Returns the number of records. */
size_t tp_session_poll(struct tp_session *session);

/* After the last poll of interest: reads on until both rings are empty, hands out the final state
 * of all streams. */
void tp_session_drain(struct tp_session *session);

int tp_session_counters(const struct tp_session *session, struct tp_counters *ret_counters);
size_t tp_session_watched_count(const struct tp_session *session);
size_t tp_session_ring_bytes(const struct tp_session *session);
/* As tp_probes_features(). */
uint32_t tp_session_features(const struct tp_session *session);
/* How plain sockets are seen (`error`: why not), or NULL if that was not asked for. */
const struct tp_target *tp_session_plain(const struct tp_session *session);
/* False: late mappings are found by looking at /proc/PID/maps (perf events were refused). */
bool tp_session_sees_mappings(const struct tp_session *session);

#endif
