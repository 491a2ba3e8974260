/* SPDX-License-Identifier: MIT
 * A recording as the reader of the rings sees it: which process, which bytes, in an order in which
 * a process is known before its first byte and ends after its last. Needs no privilege: what only
 * the kernel's tables or /proc can tell is asked of whoever may look there. One thread.
 */
#ifndef TP_SESSION_H
#define TP_SESSION_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/shared/record.h"
#include "collector/attach.h"
#include "collector/process.h"
#include "collector/program.h"
#include "collector/ring.h"

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
    /* Something outside the ledger of bytes went missing: `count` of `what`. */
    void (*missing)(void *cx, const char *what, const char *why, uint64_t count);
};

/* What a session asks. Answers are awaited, so that the order holds. */
struct tp_session_asks {
    void *cx;
    /* The name of the program that record->head.pid runs now. */
    void (*program)(void *cx, const struct tp_process_record *record,
                    char ret_name[TP_PROGRAM_BYTES]);
    /* As tp_probes_take_streams(). */
    void (*take_streams)(void *cx, uint32_t pid, uint64_t before_ns, tp_stream_fn *each,
                         void *each_cx);
};

struct tp_session_options {
    struct tp_ring *data, *process; /* stay the caller's */
    const char *tree;               /* 16 hex digits */
    struct tp_session_asks asks;
};

/* 0 or negative errno. */
int tp_session_new(struct tp_session **ret_session, const struct tp_session_options *options,
                   const struct tp_session_ops *ops, void *cx);
/* NULL is fine. */
void tp_session_free(struct tp_session *session);

struct tp_process_source tp_session_processes(struct tp_session *session);

/* A process that ran already is watched from now on: what its exec would have told. */
void tp_session_joined(struct tp_session *session, const struct tp_process_record *record,
                       const char *program);

/* Readable when something waits (payload only past a threshold: poll it by timer as well). */
int tp_session_fd(const struct tp_session *session);

/* Handles what is there now. Returns the number of records. */
size_t tp_session_poll(struct tp_session *session);

/* After the last poll of interest: reads on until both rings are empty, hands out the final state
 * of all streams. */
void tp_session_drain(struct tp_session *session);

#endif
