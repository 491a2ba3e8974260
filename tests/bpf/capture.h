/* SPDX-License-Identifier: MIT
 * Runs a command under a session and checks every captured byte against the known pattern.
 */
#ifndef TP_TEST_CAPTURE_H
#define TP_TEST_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/shared/record.h"

struct capture {
    uint64_t payload_bytes[2]; /* handed out, by enum tp_direction */
    uint64_t final_bytes[2];   /* sum of all streams' final offsets */
    uint64_t stream_lost_bytes;
    uint64_t gap_bytes; /* by offsets */
    uint64_t wrong_bytes;
    uint64_t backwards; /* records whose offset lies before their predecessor's end */
    size_t records, streams, execs, exits, targets, late_targets, failed_targets;
    size_t largest_record;
    uint32_t pids[16];
    size_t pid_count;
    struct tp_counters counters;
    int exit_status;
};

/* NULL, or why nothing can be captured here. */
const char *capture_problem(void);

/* Path of a fresh certificate and key; static. NULL where openssl(1) is missing. */
const char *capture_certificate(void);

/* argv through PATH. 0 or negative errno of the session. With prescan false nothing is probed
 * ahead. */
int capture_run(struct capture *ret_capture, char *const *argv, size_t ring_bytes, bool prescan);

#endif
