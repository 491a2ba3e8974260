/* SPDX-License-Identifier: MIT */
#include "collector/text.h"

#include <string.h>

/* In what is hashed, behind the length: what the key stands for. */
enum what { WHAT_CHUNK = 1u << 16, WHAT_END = 2u << 16, WHAT_ESTIMATED = 4u << 16 };

void tp_text_begin(struct tp_text *text, const struct tp_hash_key *key, struct tp_memo *memo,
                   bool estimate)
{
    text->key = key;
    text->memo = memo;
    text->borrowed = NULL;
    text->bytes = 0;
    text->estimate = estimate;
    text->worked = false;
    text->used = 0;
    text->chunk.before = (struct tp_memo_key){0};
}

static struct tp_memo_key key_of(struct tp_text *text, enum what what)
{
    text->chunk.what = text->used | what | (text->estimate ? WHAT_ESTIMATED : 0u);
    return tp_memo_key(text->memo, &text->chunk,
                       offsetof(struct tp_text, chunk.text) - offsetof(struct tp_text, chunk) +
                           text->used);
}

void tp_text_drop(struct tp_text *text)
{
    if (text->borrowed)
        tp_memo_give_back(text->memo, text->borrowed);
    text->borrowed = NULL;
}

/* From here on the text is worked out: from the known beginning, if there is one. */
static void work(struct tp_text *text)
{
    if (text->worked)
        return;
    text->worked = true;
    if (text->borrowed) {
        text->own = *text->borrowed;
        tp_text_drop(text);
    } else {
        tp_hasher_init(&text->own.hasher, text->key);
        memset(&text->own.estimator, 0, sizeof(text->own.estimator));
    }
}

static void work_chunk(struct tp_text *text)
{
    work(text);
    tp_hasher_add(&text->own.hasher, text->chunk.text, text->used);
    if (text->estimate)
        tp_estimator_add(&text->own.estimator, text->chunk.text, text->used);
}

/* Behind a chunk that is new, none can be known. */
static bool know_chunk(struct tp_text *text, const struct tp_memo_key *key)
{
    const struct tp_memo_state *state = text->worked ? NULL : tp_memo_borrow(text->memo, key);
    if (!state)
        return false;
    tp_text_drop(text);
    text->borrowed = state;
    return true;
}

static void chunk_full(struct tp_text *text)
{
    struct tp_memo_key key = {0};
    if (text->memo)
        key = key_of(text, WHAT_CHUNK);
    if (!text->memo || !know_chunk(text, &key)) {
        work_chunk(text);
        if (text->memo)
            tp_memo_keep_state(text->memo, &key, &text->own);
    }
    text->chunk.before = key;
    text->used = 0;
}

/* A full chunk waits for the next byte, so that a text of one chunk ends within it. */
void tp_text_add(struct tp_text *text, const char *s, size_t n)
{
    text->bytes += n;
    while (n) {
        if (text->used == TP_TEXT_CHUNK)
            chunk_full(text);
        size_t room = TP_TEXT_CHUNK - text->used, kept = n < room ? n : room;
        memcpy(text->chunk.text + text->used, s, kept);
        text->used += kept;
        s += kept;
        n -= kept;
    }
}

struct tp_memo_result tp_text_end(struct tp_text *text)
{
    struct tp_memo_result result;
    struct tp_memo_key key = {0};
    bool known = false;
    if (text->memo) {
        key = key_of(text, WHAT_END);
        known = tp_memo_find(text->memo, &key, &result);
    }
    if (!known) {
        work_chunk(text);
        result = (struct tp_memo_result){
            .hash = tp_hasher_end(&text->own.hasher),
            .bytes = text->bytes,
            .tokens = text->estimate ? tp_estimator_tokens(&text->own.estimator) : 0};
        if (text->memo)
            tp_memo_keep(text->memo, &key, &result);
    }
    tp_text_drop(text);
    return result;
}
