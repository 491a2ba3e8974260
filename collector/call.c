/* SPDX-License-Identifier: MIT */
#include "collector/call.h"

#include <stdlib.h>
#include <string.h>

static void request_match(void *cx, int action, const struct tp_json_event *event)
{
    struct tp_call *call = cx;
    call->compiled->api->request_json(&call->cx, action, event);
}

static void answer_match(void *cx, int action, const struct tp_json_event *event)
{
    struct tp_call *call = cx;
    call->compiled->api->response_json(&call->cx, action, event);
}

/* A plugin sees each event of a stream as a document of its own. */
static void document_begin(void *cx)
{
    struct tp_call *call = cx;
    if (call->compiled->api->document_begin)
        call->compiled->api->document_begin(&call->cx, call->event);
}

static void document_end(void *cx)
{
    struct tp_call *call = cx;
    call->answered |= !call->cut;
    if (call->compiled->api->document_end)
        call->compiled->api->document_end(&call->cx);
}

static const struct tp_rules_sink request_sink = {.match = request_match};
const struct tp_rules_sink tp_call_answer_sink = {
    .match = answer_match, .begin = document_begin, .end = document_end};

/* Unknown is not zero: all counts begin as -1. */
static void call_init(struct tp_call *call, const struct tp_call_api *api,
                      const struct tp_blocks_options *options)
{
    call->compiled = api;
    call->cx.host = &tp_call_host_functions;
    call->cx.call = call;
    call->event = "";
    tp_blocks_init(&call->blocks, options);
    for (int i = 0; i < TP_USAGE_FIELDS; i++)
        call->usage[i] = -1;
    for (int i = 0; i < TP_MODALITIES; i++)
        call->modality[0][i] = call->modality[1][i] = -1;
    tp_rules_walk_init(&call->request_walk, api->request_rules, &request_sink, call, false);
    tp_rules_walk_init(&call->answer_walk, api->response_rules, &tp_call_answer_sink, call, true);
    tp_json_init(&call->request_json, &tp_rules_handler, &call->request_walk, false);
    tp_json_init(&call->answer_json, &tp_rules_handler, &call->answer_walk, true);
}

struct tp_call *tp_call_new(const struct tp_call_api *api, const struct tp_http_view *head,
                            const struct tp_blocks_options *options)
{
    struct tp_call *call = calloc(1, sizeof(*call));
    if (!call)
        return NULL;
    call_init(call, api, options);
    call->cx.state = calloc(1, api->api->state_size + 1);
    if (!call->cx.state) {
        tp_call_free(call);
        return NULL;
    }
    if (api->api->request_begin)
        api->api->request_begin(&call->cx, head);
    return call;
}

void tp_call_free(struct tp_call *call)
{
    if (!call)
        return;
    for (int i = 0; i < TP_CALL_STRINGS; i++) {
        free(call->strings[0][i]);
        free(call->strings[1][i]);
    }
    tp_json_done(&call->request_json);
    tp_json_done(&call->answer_json);
    tp_rules_walk_done(&call->request_walk);
    tp_rules_walk_done(&call->answer_walk);
    tp_blocks_done(&call->blocks);
    tp_anchor_free(call->anchor);
    tp_frames_free(call->frames);
    free(call->server_tools);
    free(call->cx.state);
    free(call);
}

const char *tp_call_string(const struct tp_call *call, enum tp_call_string which)
{
    return call->strings[1][which] ? call->strings[1][which] : call->strings[0][which];
}

/* ---- request ---- */

/* Most of a request is below places that the walk beside knows nothing of. */
static void request_value(void *cx, const struct tp_json_event *e)
{
    struct tp_call *call = cx;
    bool scalar = e->type >= TP_JSON_STRING;
    tp_rules_handler.value(&call->request_walk, e);
    if (!scalar || !call->beside->skipped)
        tp_rules_handler.value(call->beside, e);
}

static void request_key(void *cx, const char *key, size_t n)
{
    struct tp_call *call = cx;
    tp_rules_handler.key(&call->request_walk, key, n);
    if (!call->beside->skipped)
        tp_rules_handler.key(call->beside, key, n);
}

void tp_call_walk_beside(struct tp_call *call, struct tp_rules_walk *walk)
{
    static const struct tp_json_handler both = {.value = request_value, .key = request_key};
    call->beside = walk;
    tp_json_init(&call->request_json, &both, call, false);
}

/* Requests and answers may overlap (an answer that begins before the request has ended), so what
 * strings and blocks belong to is set for each piece. */
void tp_call_request(struct tp_call *call, const char *data, size_t n)
{
    bool answering = call->answering;
    if (call->request_hole || call->request_bad || call->request_ended)
        return;
    call->answering = false;
    call->walk = &call->request_walk;
    if (tp_json_feed(&call->request_json, data, n)) {
        call->request_bad = true;
        call->json_errors++;
    }
    call->walk = NULL;
    call->answering = answering;
}

void tp_call_request_hole(struct tp_call *call)
{
    call->request_hole = true;
}

void tp_call_request_end(struct tp_call *call)
{
    if (call->request_ended)
        return;
    call->request_ended = true;
    bool begun = call->request_json.offset > 0;
    if (begun && !call->request_hole && !call->request_bad && tp_json_end(&call->request_json)) {
        call->request_bad = true;
        call->json_errors++;
    }
    if (call->compiled->api->request_end)
        call->compiled->api->request_end(&call->cx);
}

/* ---- answer ---- */

static void answer_feed(struct tp_call *call, const char *data, size_t n)
{
    call->walk = &call->answer_walk;
    if (tp_json_feed(&call->answer_json, data, n) && !call->event_bad)
        call->event_bad = true;
    call->walk = NULL;
}

/* A document that is still open here was cut: its plugin gets its end, but may not take it for one.
 */
static void walk_reset(struct tp_call *call)
{
    call->cut = true;
    tp_rules_walk_reset(&call->answer_walk);
    call->cut = false;
}

static void document_reset(struct tp_call *call)
{
    walk_reset(call);
    tp_json_reset(&call->answer_json);
    call->event_bad = false;
}

static void on_event_begin(void *cx, const char *event)
{
    struct tp_call *call = cx;
    call->event = event;
    call->mark_len = 0;
    document_reset(call);
}

/* The first bytes are kept beside, since "[DONE]" is no JSON and would read as a broken event. */
static void on_event_data(void *cx, const char *data, size_t n)
{
    struct tp_call *call = cx;
    for (size_t i = 0; i < n && call->mark_len < sizeof(call->mark); i++)
        call->mark[call->mark_len++] = data[i];
    answer_feed(call, data, n);
}

/* "[DONE]" is what the chat completions API and its many kin end a stream with. */
static bool is_done_mark(const struct tp_call *call)
{
    return call->mark_len >= 6 && memcmp(call->mark, "[DONE]", 6) == 0;
}

static void on_event_end(void *cx)
{
    struct tp_call *call = cx;
    if (is_done_mark(call))
        call->finished = true;
    else if (call->mark_len && (call->event_bad || tp_json_end(&call->answer_json)))
        call->sse_errors++;
    document_reset(call);
    call->event = "";
}

/* What a cut event had said so far stays said: counts that came whole are true. */
static void on_event_abort(void *cx)
{
    struct tp_call *call = cx;
    document_reset(call);
    call->event = "";
}

const struct tp_sse_handler tp_call_events = {
    .begin = on_event_begin, .data = on_event_data, .end = on_event_end, .abort = on_event_abort};

void tp_call_answer_head(struct tp_call *call, const struct tp_http_view *head)
{
    if (call->compiled->api->response_begin)
        call->compiled->api->response_begin(&call->cx, head);
}

void tp_call_answer_begin(struct tp_call *call, enum tp_answer_form form)
{
    call->answering = true;
    call->form = form;
    tp_sse_init(&call->sse, &tp_call_events, call);
    if (form == TP_ANSWER_FRAMES)
        call->frames = tp_frames_new(call);
    if (form == TP_ANSWER_SSE || form == TP_ANSWER_FRAMES)
        call->streamed = true;
}

/* After a hole: in a JSON answer to its end, in a stream to the end of the line that was cut. */
static void anchors(struct tp_call *call, const char *data, size_t n)
{
    const char *line_end = NULL;
    if (call->form == TP_ANSWER_SSE)
        line_end = memchr(data, '\n', n);
    tp_anchor_feed(call, data, line_end ? (size_t)(line_end - data) : n);
    if (line_end)
        call->anchoring = false;
}

void tp_call_answer(struct tp_call *call, const char *data, size_t n)
{
    call->answering = true;
    if (call->anchoring)
        anchors(call, data, n);
    if (call->form == TP_ANSWER_SSE)
        tp_sse_feed(&call->sse, data, n);
    else if (call->form == TP_ANSWER_FRAMES)
        tp_frames_feed(call->frames, data, n);
    else if (call->form == TP_ANSWER_JSON && !call->answer_hole)
        answer_feed(call, data, n);
}

void tp_call_answer_hole(struct tp_call *call)
{
    call->answer_hole = true;
    if (call->form == TP_ANSWER_SSE)
        tp_sse_hole(&call->sse);
    else if (call->form == TP_ANSWER_FRAMES)
        tp_frames_hole(call->frames);
    else
        walk_reset(call);
    if (call->form == TP_ANSWER_FRAMES)
        return; /* the next frame is found by its checksum */
    tp_anchor_free(call->anchor);
    call->anchor = tp_anchor_new(call);
    call->anchoring = call->anchor != NULL;
}

/* What a document says of its end counts once the document itself has ended. */
static void check_finished(struct tp_call *call)
{
    bool in_event = call->form == TP_ANSWER_SSE && call->sse.in_event && !is_done_mark(call);
    bool in_frame = call->form == TP_ANSWER_FRAMES;
    if ((in_event || in_frame || call->form == TP_ANSWER_JSON) &&
        !tp_json_at_rest(&call->answer_json))
        call->finished = false;
    if (call->form == TP_ANSWER_JSON && call->answer_walk.wrapped)
        call->finished = false;
}

void tp_call_answer_end(struct tp_call *call)
{
    call->answering = true;
    check_finished(call);
    if (call->form == TP_ANSWER_SSE) {
        tp_sse_end(&call->sse);
    } else if (call->form == TP_ANSWER_FRAMES) {
        tp_frames_end(call->frames);
    } else if (call->form == TP_ANSWER_JSON && !call->answer_hole) {
        if (call->event_bad || tp_json_end(&call->answer_json))
            call->json_errors++;
        walk_reset(call);
    }
    if (call->compiled->api->response_end)
        call->compiled->api->response_end(&call->cx);
    tp_blocks_finish(&call->blocks);
}
