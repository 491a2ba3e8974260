/* SPDX-License-Identifier: MIT
 * Incremental, validating JSON scanner (RFC 8259): takes a document in any pieces and hands out
 * events. Holds no string: its memory is a key's ceiling and one bit per level of depth. Bytes
 * inside strings are not checked to be UTF-8: they pass as they came; escapes come decoded, lone
 * surrogates as U+FFFD.
 */
#ifndef TP_JSON_H
#define TP_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tokprof/plugin.h>

/* A longer key is handed out as its first bytes and 16 hex digits of a hash of it all, so that two
 * long keys stay different without being held. */
#define TP_JSON_KEY_MAX 512
/* A longer number is validated, but handed out cut, with `last` false. */
#define TP_JSON_NUMBER_MAX 128
#define TP_JSON_DEPTH_MAX (1u << 20)

/* What is wrong with a text; `offset` of the scanner says where. */
enum tp_json_problem {
    TP_JSON_FINE,
    TP_JSON_BAD_VALUE,  /* a byte that begins no value, or stands where none may */
    TP_JSON_BAD_STRING, /* control character or unknown escape */
    TP_JSON_BAD_NUMBER,
    TP_JSON_BAD_LITERAL, /* nearly true, false or null */
    TP_JSON_BAD_END,     /* bracket of the other kind, or more text after the value */
    TP_JSON_TOO_DEEP,
    TP_JSON_CUT, /* ended in mid-value */
    TP_JSON_NO_MEMORY,
};

/* Receives a document, in order. A string comes as one or more STRING events. */
struct tp_json_handler {
    void (*value)(void *cx, const struct tp_json_event *event);
    void (*key)(void *cx, const char *key, size_t n);
    void (*end)(void *cx); /* a top-level value has ended; may be NULL */
};

/* All members are the scanner's own; callers use the functions. */
struct tp_json {
    const struct tp_json_handler *handler;
    void *cx;
    uint64_t offset; /* bytes taken so far; at a problem, where it is */
    size_t depth;
    uint8_t *levels; /* one bit a level: 1 object, 0 array */
    size_t levels_bytes;
    uint64_t key_hash;
    size_t key_len;  /* as on the wire, decoded; may exceed what is kept */
    size_t text_len; /* bytes in text */
    char *gather;    /* a string's decoded bytes not handed out yet: room of the feed at hand */
    size_t gathered;
    uint32_t code; /* of the \u escape being read */
    uint32_t high; /* first half of a surrogate pair, 0 if none */
    uint8_t state, number_state, hex_left, literal_at;
    uint8_t problem;
    bool many, in_key, string_begun, number_cut;
    const char *literal;
    char text[TP_JSON_KEY_MAX]; /* key or number */
};

/* `many`: values may follow one another at the top (NDJSON, concatenated documents). */
void tp_json_init(struct tp_json *json, const struct tp_json_handler *handler, void *cx, bool many);
/* Frees what it holds; init again before use. NULL is fine. */
void tp_json_done(struct tp_json *json);
/* Forgets what was read; ready for another document. */
void tp_json_reset(struct tp_json *json);

/* Takes n bytes. 0, or -EBADMSG once the text is no JSON (then and ever after, until reset). */
int tp_json_feed(struct tp_json *json, const char *data, size_t n);
/* No more bytes. 0 if a whole document (or, with `many`, none) was read, else -EBADMSG. */
int tp_json_end(struct tp_json *json);

/* Whether it stands between values at the top: nothing begun, or all ended. */
bool tp_json_at_rest(const struct tp_json *json);

#endif
