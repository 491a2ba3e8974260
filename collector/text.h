/* SPDX-License-Identifier: MIT
 * Text that comes in pieces: its keyed hash, its size and its estimate. Worked out in chunks of
 * fixed places in the text, so that one that begins as an earlier one did costs a look-up a chunk
 * until it goes its own way.
 */
#ifndef TP_TEXT_H
#define TP_TEXT_H

#include "collector/memo.h"

#define TP_TEXT_CHUNK 4096

struct tp_text {
    const struct tp_hash_key *key;
    struct tp_memo *memo; /* NULL: everything is worked out */
    const struct tp_memo_state *borrowed;
    struct tp_memo_state own; /* valid if `worked` */
    uint64_t bytes;
    bool estimate; /* else tokens stay 0 */
    bool worked;   /* not a beginning that is known: `own` holds what came before `chunk` */
    size_t used;
    struct {
        struct tp_memo_key before; /* of all chunks before this one, and of how they are read */
        uint64_t what;
        char text[TP_TEXT_CHUNK];
    } chunk; /* hashed as it stands: no padding */
};

/* Everything given must outlive it. */
void tp_text_begin(struct tp_text *text, const struct tp_hash_key *key, struct tp_memo *memo,
                   bool estimate);
void tp_text_add(struct tp_text *text, const char *s, size_t n);
/* Once, and last; or drop. */
struct tp_memo_result tp_text_end(struct tp_text *text);
void tp_text_drop(struct tp_text *text);

#endif
