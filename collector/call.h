/* SPDX-License-Identifier: MIT
 * One exchange read through one provider API: request and answer go in as they come, what the
 * plugin understood stands in struct tp_call. An exchange that no path tells apart is read by
 * several.
 */
#ifndef TP_CALL_H
#define TP_CALL_H

#include "collector/blocks.h"
#include "collector/eventstream.h"
#include "collector/sse.h"

#define TP_CALL_STRING_MAX 512

#define TP_SERVER_TOOLS_MAX 16

/* Uses of a tool that the provider runs itself. */
struct tp_server_tool {
    char name[64];
    uint64_t count;
};

/* A provider API with its rules compiled. */
struct tp_call_api {
    const struct tp_provider_api *api;
    struct tp_rules *request_rules, *response_rules;
};

/* How the answer's bytes are to be read. */
enum tp_answer_form {
    TP_ANSWER_UNKNOWN,
    TP_ANSWER_NONE, /* neither JSON nor events */
    TP_ANSWER_JSON, /* one document, several, or an array of them */
    TP_ANSWER_SSE,
    TP_ANSWER_FRAMES, /* an event stream in frames (collector/eventstream.h) */
};

/* Finds "usage": {...} and the like in JSON text whose beginning was lost. */
struct tp_anchor {
    struct tp_json json;
    struct tp_rules_walk walk;
    uint8_t state;
    bool long_key;
    size_t key_len;
    char key[40];
};

struct tp_call {
    const struct tp_call_api *compiled;
    struct tp_call_cx cx;
    struct tp_blocks blocks;
    char *strings[2]
                 [TP_CALL_STRINGS]; /* [0] said by the request, [1] by the answer; NULL: not said */
    int64_t usage[TP_USAGE_FIELDS]; /* -1: unknown */
    int64_t modality[2][TP_MODALITIES];  /* [1] output */
    struct tp_server_tool *server_tools; /* TP_SERVER_TOOLS_MAX of them, or NULL: none told */
    size_t server_tool_count;
    bool streamed, failed, finished, not_a_call;
    bool answered;  /* a document of the answer came whole */
    bool cut;       /* a document is being ended that did not end by itself */
    bool answering; /* strings and blocks now belong to the answer */
    uint64_t now_ns, first_output_ns, last_output_ns; /* 0: none */
    uint64_t json_errors, sse_errors;
    uint64_t damaged_events, damaged_bytes; /* frames whose checksum failed */

    bool request_hole, request_bad, request_ended;
    bool answer_hole;
    struct tp_json request_json, answer_json;
    struct tp_rules_walk request_walk, answer_walk;
    struct tp_rules_walk *beside; /* goes over the request as well; or NULL */
    struct tp_rules_walk *walk;   /* the one whose event is being handled */
    enum tp_answer_form form;
    struct tp_sse sse;
    const char *event; /* name of the server-sent event being read, or "" */
    char mark[8];      /* first bytes of its data */
    uint8_t mark_len;
    bool event_bad;
    struct tp_frames *frames;
    bool anchoring;
    struct tp_anchor *anchor;
};

/* NULL without memory. `head` may be NULL. */
struct tp_call *tp_call_new(const struct tp_call_api *api, const struct tp_http_view *head,
                            const struct tp_blocks_options *options);
void tp_call_free(struct tp_call *call);

/* Before the request's first byte: a walk that sees the same document. */
void tp_call_walk_beside(struct tp_call *call, struct tp_rules_walk *walk);
void tp_call_request(struct tp_call *call, const char *data, size_t n);
void tp_call_request_hole(struct tp_call *call);
void tp_call_request_end(struct tp_call *call);

/* The answer's head; what is set now is still the request's. */
void tp_call_answer_head(struct tp_call *call, const struct tp_http_view *head);
/* Once, before the answer's first byte. */
void tp_call_answer_begin(struct tp_call *call, enum tp_answer_form form);
void tp_call_answer(struct tp_call *call, const char *data, size_t n);
void tp_call_answer_hole(struct tp_call *call);
/* Nothing more comes: finishes blocks too. */
void tp_call_answer_end(struct tp_call *call);

/* Answer's, else request's; NULL if neither says. */
const char *tp_call_string(const struct tp_call *call, enum tp_call_string which);

/* The host functions that plugins get. */
extern const struct tp_call_host tp_call_host_functions;

/* Anchors: see struct tp_anchor. NULL without memory. */
struct tp_anchor *tp_anchor_new(struct tp_call *call);
void tp_anchor_free(struct tp_anchor *anchor);
void tp_anchor_feed(struct tp_call *call, const char *data, size_t n);

extern const struct tp_rules_sink tp_call_answer_sink;

/* Events of a stream, however framed, with the call as cx: each holds one document. */
extern const struct tp_sse_handler tp_call_events;

/* An answer in frames. An event whose payload is {"bytes": "BASE64"} has its document inside that.
 * NULL without memory. */
struct tp_frames *tp_frames_new(struct tp_call *call);
void tp_frames_free(struct tp_frames *frames);
void tp_frames_feed(struct tp_frames *frames, const char *data, size_t n);
void tp_frames_hole(struct tp_frames *frames);
void tp_frames_end(struct tp_frames *frames);

#endif
