/* SPDX-License-Identifier: MIT
 * What the attacher and the parser tell each other (channel.h): messages of one size. The attacher
 * trusts nothing that the parser says, for the parser reads hostile bytes; all it can ask is
 * answered from the tables of this recording.
 */
#ifndef TP_MESSAGES_H
#define TP_MESSAGES_H

#include <stdint.h>

#include "bpf/shared/record.h"
#include "collector/locate.h"
#include "collector/program.h"
#include "collector/targets.h"

enum tp_message_kind {
    /* The attacher tells. */
    TP_TELL_START = 1, /* with the descriptors of both rings and of the output, in that order */
    TP_TELL_JOINED,    /* process */
    TP_TELL_TARGET,
    TP_TELL_MISSING,
    TP_TELL_GO,   /* the rings may be read */
    TP_TELL_STOP, /* it is over: what is in the rings is the last */
    /* The parser asks; the answer is of the same kind and ticket. */
    TP_ASK_PROGRAM,
    TP_ASK_STREAMS, /* as many answers as it takes: the last one says so */
    TP_ASK_COUNTERS,
    /* The parser tells. */
    TP_TELL_READY,  /* after START: from here on it can be relied on */
    TP_TELL_ENOUGH, /* after STOP: it will ask no more */
};

#define TP_STREAMS_PER_MESSAGE 8

struct tp_stream_final {
    struct tp_stream_key key;
    struct tp_stream_state state;
};

struct tp_message {
    uint32_t kind;   /* enum tp_message_kind */
    uint32_t ticket; /* of a question, by which its answer is known; else 0 */
    union {
        struct {
            uint64_t data_ring_bytes, process_ring_bytes;
            uint32_t features; /* as tp_probes_features() */
            uint32_t sees_mappings;
        } start;
        struct {
            struct tp_process_record record;
            char program[TP_PROGRAM_BYTES];
        } process;
        struct {
            char file[256], build_id[TP_BUILD_ID_HEX_MAX], stack[32], how[16], error[192];
            int32_t confidence;
            uint32_t attached;
            uint64_t late_ns;
        } target;
        struct {
            char what[32], why[64];
            uint64_t count;
        } missing;
        struct {
            uint64_t running; /* watched processes that outlive the recording */
        } stop;
        struct {
            uint32_t pid;
            char comm[TP_COMM_BYTES];
        } ask_program;
        char program[TP_PROGRAM_BYTES];
        struct {
            uint32_t pid; /* 0: of all */
            uint64_t before_ns;
        } ask_streams;
        struct {
            uint32_t count, last;
            struct tp_stream_final stream[TP_STREAMS_PER_MESSAGE];
        } streams;
        struct {
            int32_t err;
            struct tp_counters sum;
        } counters;
    };
};

/* Text of a message: cut where it does not fit; of NULL "". */
void tp_message_text(char *to, size_t size, const char *from);

/* A target in a message and back; what comes back points into the message. */
void tp_message_put_target(struct tp_message *message, const struct tp_target *target);
struct tp_target tp_message_target(const struct tp_message *message);

#endif
