/* SPDX-License-Identifier: MIT
 * Tool calls of chat completions: whole ones of messages, and pieces of streamed ones.
 *
 * An entry's members come in any order, and which call a piece belongs to may stand last. So a
 * piece is held until its end (or until it is long), and then goes to the call that its index or id
 * names:
 *   OpenAI and most      an index in each piece; id and name in the first
 *   Gemini's compatible  whole calls, all with index 0: told apart by their ids
 *   older vLLM           another id in each piece of the same call: only a name begins a call
 *   some gateways        no index: an id begins a call, anything else goes on with the last
 */
#ifndef PROVIDER_OPENAI_TOOLCALLS_H
#define PROVIDER_OPENAI_TOOLCALLS_H

#include "openai.h"

#define TOOL_CALLS_MAX 128 /* open at once in a stream; past it the oldest is closed */

struct tool_calls_open {
    struct tp_block *block;
    unsigned choice;
    int64_t index; /* NO_INDEX: none told */
    uint64_t id;   /* hash; 0: none told */
    bool named;
};

/* One entry of "tool_calls" while it is read. */
struct tool_calls_entry {
    bool open, committed, whole;
    unsigned choice;
    int64_t index;
    char id[128], name[128], args[2048];
    size_t id_len, name_len, args_len;
    struct tool_calls_open *call; /* once committed */
};

struct tool_calls {
    struct tool_calls_open calls[TOOL_CALLS_MAX];
    unsigned count; /* ever opened; the last one is (count - 1) % TOOL_CALLS_MAX */
    struct tool_calls_entry entry;
};

/* `whole`: it is no piece of a stream. */
void tool_calls_begin(struct tool_calls *t, unsigned choice, bool whole);
void tool_calls_index(struct tool_calls *t, int64_t index);
void tool_calls_id(struct tp_call_cx *cx, struct tool_calls *t, const char *s, size_t n);
void tool_calls_name(struct tp_call_cx *cx, struct tool_calls *t, const char *s, size_t n);
/* As JSON text, or (some servers) as the value itself, which begins with this event. */
void tool_calls_args(struct tp_call_cx *cx, struct tool_calls *t, enum tp_section section,
                     const struct tp_json_event *e);
void tool_calls_end(struct tp_call_cx *cx, struct tool_calls *t, enum tp_section section);

/* All that are open, or what they hold, forgotten. */
void tool_calls_close(struct tp_call_cx *cx, struct tool_calls *t);
void tool_calls_discard(struct tp_call_cx *cx, struct tool_calls *t);

#endif
