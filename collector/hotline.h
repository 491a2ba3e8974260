/* SPDX-License-Identifier: MIT
 * The parser's end of the channel to the attacher: takes what is told, and asks. One thread.
 */
#ifndef TP_HOTLINE_H
#define TP_HOTLINE_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/messages.h"
#include "collector/session.h"

struct tp_hotline {
    int fd;
    uint32_t ticket; /* of the last question */
    /* Receives what is told, while an answer is awaited too. */
    void (*told)(void *cx, const struct tp_message *message);
    void *cx;
    bool gone;           /* nobody is there any more: questions get empty answers */
    uint64_t unanswered; /* questions */
};

/* Takes all that waits. */
void tp_hotline_take(struct tp_hotline *line);
/* The first message, which brings `fd_count` descriptors along. 0; -EPIPE: nobody is there; or
 * negative errno. */
int tp_hotline_take_start(struct tp_hotline *line, struct tp_message *ret_message, int *ret_fds,
                          size_t fd_count);
/* A message of this kind without more. */
void tp_hotline_tell(struct tp_hotline *line, enum tp_message_kind kind);

/* As struct tp_session_asks wants them, with the line as cx. */
void tp_hotline_program(void *cx, const struct tp_process_record *record,
                        char ret_name[TP_PROGRAM_BYTES]);
void tp_hotline_take_streams(void *cx, uint32_t pid, uint64_t before_ns, tp_stream_fn *each,
                             void *each_cx);

/* The ledger. 0 or negative errno. */
int tp_hotline_counters(struct tp_hotline *line, struct tp_counters *ret_sum);

#endif
