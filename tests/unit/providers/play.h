/* SPDX-License-Identifier: MIT
 * Plays written exchanges through tp_calls and says in text what events came out.
 */
#ifndef PLAY_H
#define PLAY_H

#include "collector/calls.h"

#define PLAY_EVENTS_MAX 64

/* How bodies are cut: 0 whole, 1 byte by byte, else a seed for random places. */
struct play {
    struct tp_calls *calls;
    uint64_t now_ns;
    unsigned cut;
    struct {
        void *data;
        size_t n;
    } events[PLAY_EVENTS_MAX];
    size_t count;
    bool content;
};

void play_begin(struct play *p, unsigned cut);
void play_begin_with_content(struct play *p, unsigned cut);
void play_end(struct play *p);

/* An exchange: `request` and `answer` are "line\nname: value\n...\n\nbody", the answer's line is
 * its status. NULL: never seen. */
void play_exchange(struct play *p, const char *request, const char *answer,
                   enum tp_exchange_end why);
/* The same with an answer's body that may have zero bytes; `hole` of them from `at` on are lost. */
void play_exchange_bytes(struct play *p, const char *request, const char *answer_head,
                         const void *data, size_t n, size_t at, size_t hole);
/* The same with `hole` bytes of the answer's body left out from offset `at` on. */
void play_exchange_hole(struct play *p, const char *request, const char *answer, size_t at,
                        size_t hole);
/* The same with bytes of the request's body left out. */
void play_exchange_request_hole(struct play *p, const char *request, const char *answer, size_t at,
                                size_t hole);

/* The same, closed by one side after `hole` more bytes that were lost. */
void play_exchange_lost_end(struct play *p, const char *request, const char *answer, size_t hole);

/* A file of tests/data/providers: request, a line "--- STATUS", answer. Ends "cancelled" in its
 * name: the connection closes early. Returns false if it cannot be read. */
bool play_file(struct play *p, const char *name);

/* Value of a key of event i as text: strings as they are, numbers, "true", hashes as hex, "" if
 * absent. A dot goes into maps; "blk" and "outb" give "kind[:name[:cid]]" of each block, joined by
 * spaces; "blk.h", "outb.h" their hashes. Valid until the next call but seven. */
const char *play_value(const struct play *p, size_t i, const char *key);

/* Whether the bytes of `needle` stand in any event. */
bool play_leaks(const struct play *p, const char *needle);

#endif
