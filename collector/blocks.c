/* SPDX-License-Identifier: MIT */
#include "collector/blocks.h"

#include <stdlib.h>
#include <string.h>

struct tp_block {
    struct tp_text text;
    struct tp_buf kept; /* content, if asked for; what comes before is not cleared */
    struct tp_blocks *owner;
    struct tp_block *next;
    uint32_t index;
    bool has_text;
    struct tp_value *captured, *members;
    struct tp_json_text *json;
};

static const char *const kind_names[] = {
    [TP_BLOCK_SYSTEM] = "system",
    [TP_BLOCK_TOOL_SCHEMA] = "tool_schema",
    [TP_BLOCK_USER] = "user",
    [TP_BLOCK_ASSISTANT] = "assistant",
    [TP_BLOCK_REASONING] = "reasoning",
    [TP_BLOCK_TOOL_CALL] = "tool_call",
    [TP_BLOCK_TOOL_RESULT] = "tool_result",
    [TP_BLOCK_IMAGE] = "image",
    [TP_BLOCK_DOCUMENT] = "document",
    [TP_BLOCK_AUDIO] = "audio",
    [TP_BLOCK_VIDEO] = "video",
    [TP_BLOCK_OTHER] = "other",
    [TP_BLOCK_TEXT] = "other",
};

const char *tp_block_kind_name(uint8_t kind)
{
    return kind <= TP_BLOCK_TEXT ? kind_names[kind] : "other";
}

/* Length of the UTF-8 sequence at s (RFC 3629), or 0 where there is none. */
static size_t sequence(const unsigned char *s, size_t n)
{
    size_t len = s[0] < 0x80   ? 1
                 : s[0] < 0xc2 ? 0
                 : s[0] < 0xe0 ? 2
                 : s[0] < 0xf0 ? 3
                 : s[0] < 0xf5 ? 4
                               : 0;
    if (len == 0 || len > n)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return len;
}

size_t tp_utf8_copy(char *out, size_t size, const char *s, size_t n)
{
    size_t len = 0;
    for (size_t i = 0; i < n;) {
        size_t step = sequence((const unsigned char *)s + i, n - i);
        const char *from = step ? s + i : "\xef\xbf\xbd";
        size_t put = step ? step : 3;
        if (len + put >= size)
            break;
        memcpy(out + len, from, put);
        len += put;
        i += step ? step : 1;
    }
    out[len] = '\0';
    return len;
}

void tp_blocks_init(struct tp_blocks *blocks, const struct tp_blocks_options *options)
{
    memset(blocks, 0, sizeof(*blocks));
    blocks->options = options;
    tp_buf_init(&blocks->names, TP_BLOCKS_NAMES_MAX);
    tp_buf_init(&blocks->texts, TP_BLOCKS_TEXT_MAX);
}

/* A block that is closed in mid-value must not be written to any more. */
static void capture_stop(struct tp_block *block)
{
    struct tp_rules_walk *walk = block->owner->capturing;
    if (walk && walk->capturing &&
        (walk->capture.cx == block->captured || walk->capture.cx == block->members))
        walk->capturing = false;
}

static void block_empty(struct tp_block *block)
{
    capture_stop(block);
    if (block->has_text)
        tp_text_drop(&block->text);
    tp_value_free(block->captured);
    tp_value_free(block->members);
    tp_json_text_free(block->json);
    tp_buf_done(&block->kept);
    block->has_text = false;
    block->captured = block->members = NULL;
    block->json = NULL;
}

static void list_free(struct tp_block *block)
{
    while (block) {
        struct tp_block *next = block->next;
        block_empty(block);
        free(block);
        block = next;
    }
}

void tp_blocks_done(struct tp_blocks *blocks)
{
    blocks->capturing = NULL; /* walks end before blocks do */
    list_free(blocks->open);
    list_free(blocks->spare);
    free(blocks->records);
    tp_buf_done(&blocks->names);
    tp_buf_done(&blocks->texts);
}

/* ---- opening and filling ---- */

static struct tp_block_record *record_add(struct tp_blocks *blocks)
{
    if (blocks->count >= TP_BLOCKS_MAX)
        return NULL;
    if (blocks->count == blocks->cap) {
        uint32_t cap = blocks->cap ? 2 * blocks->cap : 32;
        struct tp_block_record *records = realloc(blocks->records, cap * sizeof(*records));
        if (!records)
            return NULL;
        blocks->records = records;
        blocks->cap = cap;
    }
    struct tp_block_record *r = &blocks->records[blocks->count++];
    memset(r, 0, sizeof(*r));
    return r;
}

static struct tp_block *block_take(struct tp_blocks *blocks)
{
    struct tp_block *block = blocks->spare;
    size_t align = _Alignof(struct tp_block);
    if (block)
        blocks->spare = block->next;
    else
        block = aligned_alloc(align, (sizeof(*block) + align - 1) / align * align);
    if (block)
        memset((char *)block + offsetof(struct tp_block, kept), 0,
               sizeof(*block) - offsetof(struct tp_block, kept));
    return block;
}

struct tp_block *tp_block_open(struct tp_blocks *blocks, enum tp_section section,
                               enum tp_block_kind kind)
{
    struct tp_block *block = blocks->open_count < TP_BLOCKS_OPEN_MAX ? block_take(blocks) : NULL;
    struct tp_block_record *r = block ? record_add(blocks) : NULL;
    if (!r) {
        blocks->lost++;
        free(block);
        return NULL;
    }
    r->kind = (uint8_t)kind;
    r->section = (uint8_t)section;
    r->open = true;
    block->owner = blocks;
    block->index = blocks->count - 1;
    tp_buf_init(&block->kept, TP_BLOCK_TEXT_MAX);
    block->next = blocks->open;
    blocks->open = block;
    blocks->open_count++;
    return block;
}

static struct tp_block_record *record(struct tp_block *block)
{
    return &block->owner->records[block->index];
}

struct tp_blocks *tp_block_owner(struct tp_block *block)
{
    return block->owner;
}

static bool is_media(uint8_t kind)
{
    return kind == TP_BLOCK_IMAGE || kind == TP_BLOCK_AUDIO || kind == TP_BLOCK_VIDEO ||
           kind == TP_BLOCK_DOCUMENT;
}

void tp_block_text(struct tp_block *block, const char *s, size_t n)
{
    if (!block)
        return;
    if (!block->has_text) {
        const struct tp_blocks_options *options = block->owner->options;
        bool estimate = !is_media(record(block)->kind);
        tp_text_begin(&block->text, options->key, options->memo, estimate);
        block->has_text = true;
    }
    tp_text_add(&block->text, s, n);
    if (block->owner->options->content && block->text.estimate)
        (void)tp_buf_add(&block->kept, s, n);
}

void tp_block_json_text(struct tp_block *block, const char *s, size_t n)
{
    if (!block || n == 0)
        return;
    if (!block->json) {
        tp_buf_clear(&block->kept);
        block->json = tp_json_text_new(block->owner->options, &block->kept);
    }
    if (block->json)
        tp_json_text_add(block->json, s, n);
}

void tp_block_json_capture(struct tp_block *block, struct tp_rules_walk *walk,
                           const char *const *without)
{
    if (!block || block->captured || walk->capturing)
        return;
    block->captured = tp_value_new(block->owner->options, without, false, &block->kept);
    if (!block->captured)
        return;
    struct tp_rules_capture capture = {
        .value = tp_value_event, .key = tp_value_key, .cx = block->captured};
    block->owner->capturing = walk;
    if (tp_rules_capture(walk, &capture)) {
        tp_value_free(block->captured);
        block->captured = NULL;
    }
}

void tp_block_json_member(struct tp_block *block, struct tp_rules_walk *walk)
{
    if (!block || walk->capturing)
        return;
    if (!block->members)
        block->members = tp_value_new(block->owner->options, NULL, true, NULL);
    if (!block->members)
        return;
    struct tp_rules_capture capture = {
        .value = tp_value_event, .key = tp_value_key, .cx = block->members};
    block->owner->capturing = walk;
    if (tp_rules_capture(walk, &capture) == 0)
        tp_value_key(block->members, walk->key, walk->key_len);
}

/* ---- describing and closing ---- */

static uint32_t keep_name(struct tp_blocks *blocks, const char *s, size_t n)
{
    char clean[TP_BLOCK_NAME_MAX];
    size_t len = tp_utf8_copy(clean, sizeof(clean), s, n);
    if (len == 0)
        return 0;
    if (blocks->names.len == 0 && tp_buf_add(&blocks->names, "", 1))
        return 0;
    uint32_t at = (uint32_t)blocks->names.len;
    return tp_buf_add(&blocks->names, clean, len + 1) ? 0 : at;
}

const char *tp_blocks_name(const struct tp_blocks *blocks, uint32_t offset)
{
    return offset ? (const char *)blocks->names.data + offset : "";
}

void tp_block_set_kind(struct tp_block *block, enum tp_block_kind kind)
{
    if (block)
        record(block)->kind = (uint8_t)kind;
}

void tp_block_set_name(struct tp_block *block, const char *s, size_t n)
{
    if (block && !record(block)->name)
        record(block)->name = keep_name(block->owner, s, n);
}

void tp_block_set_call_id(struct tp_block *block, const char *s, size_t n)
{
    if (block && !record(block)->call_id)
        record(block)->call_id = keep_name(block->owner, s, n);
}

void tp_block_set_failed(struct tp_block *block)
{
    if (block)
        record(block)->failed = true;
}

static void unlink_open(struct tp_block *block)
{
    struct tp_blocks *blocks = block->owner;
    struct tp_block **at = &blocks->open;
    while (*at != block)
        at = &(*at)->next;
    *at = block->next;
    blocks->open_count--;
    block_empty(block);
    block->next = blocks->spare;
    blocks->spare = block;
}

void tp_block_discard(struct tp_block *block)
{
    if (!block)
        return;
    record(block)->dropped = true;
    record(block)->open = false;
    unlink_open(block);
}

/* Media as providers count it, by bytes of base64 alone: a picture by its area up to a ceiling (85
 * to 1600), pages, seconds. Right to an order of magnitude, and never nothing. */
static uint64_t media_tokens(uint8_t kind, uint64_t bytes)
{
    switch (kind) {
    case TP_BLOCK_IMAGE:
        return bytes < 85 * 200 ? 85 : bytes > 1600 * 200 ? 1600 : bytes / 200;
    case TP_BLOCK_DOCUMENT:
        return 1 + bytes / 30;
    case TP_BLOCK_AUDIO:
        return 1 + bytes / 600;
    default:
        return 1 + bytes / 1000;
    }
}

/* A tool call's content is its arguments; none at all are the empty object. */
static void close_args(struct tp_block *block, struct tp_block_record *r, bool found)
{
    if (!found) {
        r->hash = tp_canon_empty_object(block->owner->options->key);
        r->json = true;
        r->bytes = 2;
        r->tokens = 1;
    }
    r->args = r->hash;
    r->has_args = true;
}

/* False if the block has no content. */
static bool close_content(struct tp_block *block, struct tp_block_record *r)
{
    struct tp_memo_result result;
    if (block->json) {
        if (!tp_json_text_end(block->json, &result))
            return false;
    } else if (block->captured && tp_value_end(block->captured, &result)) {
    } else if (block->has_text && block->text.bytes) {
        result = tp_text_end(&block->text);
    } else if (!block->members || !tp_value_end(block->members, &result)) {
        return false;
    }
    r->hash = result.hash;
    r->json = result.json;
    r->bytes = result.bytes;
    r->tokens = is_media(r->kind) ? media_tokens(r->kind, result.bytes) : result.tokens;
    return true;
}

static void keep_text(struct tp_block *block, struct tp_block_record *r)
{
    if (!block->owner->options->content || !block->kept.len)
        return;
    r->text = (uint32_t)block->owner->texts.len;
    if (tp_buf_add(&block->owner->texts, block->kept.data, block->kept.len) == 0)
        r->text_len = (uint32_t)block->kept.len;
}

void tp_block_close(struct tp_block *block)
{
    if (!block)
        return;
    struct tp_block_record *r = record(block);
    bool found = close_content(block, r);
    if (r->kind == TP_BLOCK_TOOL_CALL)
        close_args(block, r, found);
    else if (!found)
        r->dropped = true;
    if (r->kind == TP_BLOCK_TOOL_CALL && !found && !r->name)
        r->dropped = true;
    r->open = false;
    keep_text(block, r);
    unlink_open(block);
}

/* ---- groups ---- */

uint32_t tp_blocks_group_begin(struct tp_blocks *blocks)
{
    return blocks->count;
}

static void group_member(struct tp_blocks *blocks, struct tp_block_record *r,
                         const struct tp_group_end *end, uint32_t name, uint32_t call_id)
{
    r->kind = (uint8_t)end->kind;
    r->failed = end->failed;
    if (name)
        r->name = name;
    if (call_id)
        r->call_id = call_id;
    (void)blocks;
}

/* A single part keeps its hash, so that a string and an array of one text are the same. */
static void group_join(struct tp_blocks *blocks, uint32_t group, struct tp_block_record *into)
{
    struct tp_hasher h;
    unsigned parts = 0;
    tp_hasher_init(&h, blocks->options->key);
    for (uint32_t i = group; i < blocks->count; i++) {
        struct tp_block_record *r = &blocks->records[i];
        if (r->dropped || r->kind != TP_BLOCK_TEXT)
            continue;
        tp_hasher_add(&h, r->hash.b, sizeof(r->hash.b));
        parts++;
        if (r == into)
            continue;
        into->bytes += r->bytes;
        into->tokens += r->tokens;
        if (into->text_len && into->text + into->text_len == r->text)
            into->text_len += r->text_len;
        r->dropped = true;
    }
    if (parts > 1)
        into->hash = tp_hasher_end(&h);
}

static struct tp_block_record *group_first(struct tp_blocks *blocks, uint32_t group)
{
    for (uint32_t i = group; i < blocks->count; i++)
        if (!blocks->records[i].dropped && blocks->records[i].kind == TP_BLOCK_TEXT)
            return &blocks->records[i];
    return NULL;
}

/* A tool result without content is one all the same. */
static struct tp_block_record *group_empty(struct tp_blocks *blocks, enum tp_section section)
{
    struct tp_block_record *r = record_add(blocks);
    if (!r) {
        blocks->lost++;
        return NULL;
    }
    r->section = (uint8_t)section;
    r->hash = tp_hash_of(blocks->options->key, "", 0);
    return r;
}

void tp_blocks_group_end(struct tp_blocks *blocks, uint32_t group, enum tp_section section,
                         const struct tp_group_end *end)
{
    uint32_t name = end->name ? keep_name(blocks, end->name, end->name_len) : 0;
    uint32_t call_id = end->call_id ? keep_name(blocks, end->call_id, end->call_id_len) : 0;
    if (!end->join) {
        for (uint32_t i = group; i < blocks->count; i++)
            if (blocks->records[i].kind == TP_BLOCK_TEXT)
                group_member(blocks, &blocks->records[i], end, name, call_id);
        return;
    }
    struct tp_block_record *into = group_first(blocks, group);
    if (into)
        group_join(blocks, group, into);
    else
        into = group_empty(blocks, section);
    if (into)
        group_member(blocks, into, end, name, call_id);
}

/* ---- the end ---- */

/* Of all but the first byte, which says for the look-up what this is; looked up first. */
static struct tp_hash hash_of(const struct tp_blocks_options *options, const char *data, size_t n)
{
    struct tp_memo_result result = {0};
    struct tp_memo_key key = {0};
    if (options->memo) {
        key = tp_memo_key(options->memo, data, n);
        if (tp_memo_find(options->memo, &key, &result))
            return result.hash;
    }
    result.hash = tp_hash_of(options->key, data + 1, n - 1);
    if (options->memo)
        tp_memo_keep(options->memo, &key, &result);
    return result.hash;
}

/* What makes a block the same as another: kind, name, form and content. */
static void identify(const struct tp_blocks *blocks, struct tp_block_record *r)
{
    const char *kind = tp_block_kind_name(r->kind), *name = tp_blocks_name(blocks, r->name);
    size_t kind_len = strlen(kind) + 1, name_len = strlen(name) + 1, n = 1;
    char all[64 + TP_BLOCK_NAME_MAX] = "i";
    memcpy(all + n, kind, kind_len);
    n += kind_len;
    memcpy(all + n, name, name_len);
    n += name_len;
    all[n++] = r->json ? 'j' : 't';
    memcpy(all + n, r->hash.b, sizeof(r->hash.b));
    n += sizeof(r->hash.b);
    r->hash = hash_of(blocks->options, all, n);
}

void tp_blocks_finish(struct tp_blocks *blocks)
{
    while (blocks->open)
        tp_block_close(blocks->open);
    struct tp_block_record *sorted = malloc((blocks->count + 1) * sizeof(*sorted));
    uint32_t n = 0;
    if (!sorted) {
        blocks->lost += blocks->count;
        blocks->count = 0;
        return;
    }
    for (int section = TP_SECTION_TOOLS; section <= TP_SECTION_OUTPUT; section++)
        for (uint32_t i = 0; i < blocks->count; i++)
            if (blocks->records[i].section == section && !blocks->records[i].dropped)
                sorted[n++] = blocks->records[i];
    free(blocks->records);
    blocks->records = sorted;
    blocks->cap = blocks->count + 1;
    blocks->count = n;
    for (uint32_t i = 0; i < n; i++)
        identify(blocks, &blocks->records[i]);
}
