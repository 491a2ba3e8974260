/* SPDX-License-Identifier: MIT
 * The blocks of one call: opened, filled and closed by a provider plugin through struct
 * tp_call_host, kept as records (identity, size, name), put into the provider's order at the end.
 * Text is hashed and measured as it passes; it is kept only where content was asked for.
 */
#ifndef TP_BLOCKS_H
#define TP_BLOCKS_H

#include "collector/text.h"
#include "collector/value.h"
#include "common/jsonrules.h"

#define TP_BLOCKS_MAX 200000            /* blocks of one call */
#define TP_BLOCKS_OPEN_MAX 256          /* open at once */
#define TP_BLOCKS_NAMES_MAX (16u << 20) /* bytes of all names and call ids of one call */
#define TP_BLOCK_TEXT_MAX (16u << 20)   /* content kept of one block */
#define TP_BLOCKS_TEXT_MAX (64u << 20)  /* content kept of one call */
#define TP_BLOCK_NAME_MAX 256

struct tp_block_record {
    struct tp_hash hash; /* content's until tp_blocks_finish(), then the identity */
    struct tp_hash args; /* of a tool call */
    uint64_t bytes, tokens;
    uint32_t name, call_id;  /* offsets in `names`, of NUL-terminated strings; 0: none */
    uint32_t text, text_len; /* in `texts` */
    uint8_t kind, section;
    bool failed, json, has_args, dropped, open;
};

struct tp_blocks {
    const struct tp_blocks_options *options;
    struct tp_block_record *records;
    uint32_t count, cap;
    struct tp_block *open, *spare; /* lists */
    uint32_t open_count;
    struct tp_buf names, texts;
    struct tp_rules_walk *capturing; /* that a capture was last begun in */
    uint64_t lost;                   /* blocks past a ceiling or without memory */
};

/* The options must outlive it. */
void tp_blocks_init(struct tp_blocks *blocks, const struct tp_blocks_options *options);
void tp_blocks_done(struct tp_blocks *blocks);

/* See struct tp_call_host for these. */
struct tp_block *tp_block_open(struct tp_blocks *blocks, enum tp_section section,
                               enum tp_block_kind kind);
void tp_block_text(struct tp_block *block, const char *s, size_t n);
void tp_block_json_text(struct tp_block *block, const char *s, size_t n);
void tp_block_json_capture(struct tp_block *block, struct tp_rules_walk *walk,
                           const char *const *without);
void tp_block_json_member(struct tp_block *block, struct tp_rules_walk *walk);
void tp_block_set_kind(struct tp_block *block, enum tp_block_kind kind);
void tp_block_set_name(struct tp_block *block, const char *s, size_t n);
void tp_block_set_call_id(struct tp_block *block, const char *s, size_t n);
void tp_block_set_failed(struct tp_block *block);
void tp_block_close(struct tp_block *block);
void tp_block_discard(struct tp_block *block);
struct tp_blocks *tp_block_owner(struct tp_block *block);

uint32_t tp_blocks_group_begin(struct tp_blocks *blocks);
/* `section` is that of a block that the group has to become and has none for. */
void tp_blocks_group_end(struct tp_blocks *blocks, uint32_t group, enum tp_section section,
                         const struct tp_group_end *end);

/* Closes what is open, drops what is empty, sorts by section and computes the identities. */
void tp_blocks_finish(struct tp_blocks *blocks);

/* Offset's string, "" for none. */
const char *tp_blocks_name(const struct tp_blocks *blocks, uint32_t offset);

/* "system", "tool_schema" ... as in events. */
const char *tp_block_kind_name(uint8_t kind);

/* Copies n bytes, putting U+FFFD for each byte that is no UTF-8, to at most `size` - 1 and a NUL.
 * Returns the length. */
size_t tp_utf8_copy(char *out, size_t size, const char *s, size_t n);

#endif
