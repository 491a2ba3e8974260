/* SPDX-License-Identifier: MIT
 * Chat completions and their kin, and DashScope's native API, which has the same messages: what
 * the files of this API share.
 */
#ifndef PROVIDER_OPENAI_CHAT_H
#define PROVIDER_OPENAI_CHAT_H

#include "servertools.h"
#include "toolcalls.h"
#include "usage.h"

enum action {
    MODEL,
    STREAM,
    PIECES, /* an answer's events say only what is new */
    WHOLE_TEXT,
    TIER,
    TOOL,
    TOOL_NAME,
    MESSAGE,
    DELTA, /* a piece of a streamed one */
    ROLE,
    TEXT,
    REASONING,
    REASONING_TOO,
    REASONING_DETAIL,
    REASONING_SECRET,
    PART,
    PART_TYPE,
    PART_TEXT,
    PART_MEDIA,
    PART_OTHER,
    REFUSAL,
    CALL_ID, /* of the call that a tool message answers */
    TOOL_CALL,
    TOOL_CALL_INDEX,
    TOOL_CALL_ID,
    TOOL_CALL_NAME,
    TOOL_CALL_ARGS,
    FUNCTION,
    RESPONSE_ID,
    OBJECT,
    CHOICE,
    CHOICE_INDEX,
    FINISH,
    ERROR_OBJECT,
    ERROR_CODE,
};

#define CHOICES_MAX 16 /* answers to one request whose text is told apart */

struct chat_choice {
    struct tp_block *text, *reasoning;
};

struct chat {
    bool in_answer, failed;
    bool messages_seen, choices_seen, object_seen;
    bool in_pieces, finish_seen; /* of the answer: deltas, a finish_reason */
    bool usage_here;             /* in this document */
    bool dashscope;              /* its native API */
    bool repeats;                /* each event of a stream says again all that was said */
    struct openai_usage usage;
    struct server_tools tools;
    struct tp_block *tool;
    uint32_t group, answer;
    bool answer_begun;
    char role[16], call_id[128], type[32];
    size_t role_len, call_id_len, type_len;
    struct tp_block *part, *other;
    struct chat_choice choices[CHOICES_MAX], request;
    unsigned choice;
    struct tool_calls calls;
    bool in_delta;
    bool piecewise;     /* messages of this answer are pieces */
    bool pieces_seen;   /* deltas that said something */
    bool message_here;  /* in this document, before any delta */
    bool ignored;       /* the message at hand repeats what deltas say */
    int reasoning_from; /* of this message: the action that spoke first, or 0 */
};

/* ---- message.c: one message, in requests, whole answers and pieces of streamed ones ---- */

void chat_message_json(struct tp_call_cx *cx, int action, const struct tp_json_event *e);
/* What the request left open stays closed. */
void chat_request_done(struct tp_call_cx *cx);
void chat_answer_done(struct tp_call_cx *cx);

#endif
