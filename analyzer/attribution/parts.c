/* SPDX-License-Identifier: MIT */
#include "analyzer/attribution/parts.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/attribution/split.h"

/* Tokens of a call's input that no block has. */
struct leftover {
    int64_t framing, unseen;
    enum tp_source source;
};

/* What was an exact count in the answer is only derived once it stands in a request. */
static void worsen(struct tp_block_info *blocks, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (blocks[i].source == TP_SOURCE_EXACT)
            blocks[i].source = TP_SOURCE_DERIVED;
}

#define ANY_KIND UINT32_MAX
#define REASONING_KIND (1u << TP_PART_REASONING)

/* Splits `total` over those of n blocks that are of the kinds asked for and have no tokens yet. */
static bool fill_open(struct tp_block_info *blocks, uint32_t n, uint32_t kinds, uint64_t total,
                      enum tp_source source)
{
    uint64_t *work = calloc(2 * (size_t)n + 1, sizeof(*work));
    size_t open = 0;
    if (!work)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (blocks[i].tokens < 0 && (kinds & 1u << blocks[i].kind))
            work[open++] = blocks[i].estimate;
    bool ok = open == 0 || tp_split(total, work, open, work + n);
    for (uint32_t i = 0, at = 0; ok && open > 0 && i < n; i++)
        if (blocks[i].tokens < 0 && (kinds & 1u << blocks[i].kind)) {
            blocks[i].tokens = (int64_t)work[n + at++];
            blocks[i].source = (uint8_t)source;
        }
    free(work);
    return ok;
}

/* An answer's block that comes back in the request in other company (after stripped reasoning, say)
 * still is the provider's own count. */
static void take_echoes(struct tp_context *c, const struct tp_attribution *a)
{
    const struct tp_context *parent = a->parent;
    uint32_t shared = a->shared, n = c->request_count - shared;
    struct tp_block_info *fresh = c->blocks + shared;
    uint32_t first = parent->request_count > shared ? parent->request_count : shared;
    for (uint32_t o = first, i = 0; o < parent->count && i < n; o++)
        for (uint32_t j = i; j < n; j++)
            if (tp_hash_equal(&fresh[j].hash, &parent->blocks[o].hash)) {
                fresh[j].tokens = parent->blocks[o].tokens;
                fresh[j].source = parent->blocks[o].source;
                fresh[j].first_call = parent->blocks[o].first_call;
                i = j + 1;
                break;
            }
}

/* What the blocks of a request have already, and what those without tokens would take by their
 * estimates. A recording is hostile input: its counts may add up past 64 bits. */
struct tally {
    uint64_t fixed, open_estimate;
    uint32_t open;
    bool overflow;
};

static struct tally tally(const struct tp_block_info *blocks, uint32_t n)
{
    struct tally t = {0};
    for (uint32_t i = 0; i < n; i++)
        if (blocks[i].tokens >= 0) {
            t.overflow |= __builtin_add_overflow(t.fixed, (uint64_t)blocks[i].tokens, &t.fixed);
        } else {
            t.open_estimate += blocks[i].estimate;
            t.open++;
        }
    return t;
}

/* An edit of the history by the provider, or another tokenizer: no earlier share can be trusted. */
static void forget(struct tp_block_info *blocks, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        blocks[i].tokens = -1;
}

/* The provider counts a whole request in one number. Blocks that an earlier call sent keep what
 * they got there; the remainder belongs to what is new. With one new block and nothing hidden
 * that is a difference of two exact numbers (derived); with several, their estimates say how to
 * share it. What remains with no new block is what the provider puts around messages (framing),
 * and what goes beyond the estimates where bytes are missing is content that nobody saw
 * (unseen). */
static bool attribute_input(struct tp_context *c, const struct tp_attribution *a, uint64_t input,
                            struct leftover *ret)
{
    uint32_t n = c->request_count;
    bool seen_all = !a->history_unseen && !a->request_holes;
    worsen(c->blocks, n);
    struct tally t = tally(c->blocks, n);
    *ret = (struct leftover){.source = TP_SOURCE_ESTIMATED};
    if (t.overflow || t.fixed > input) {
        /* Less than what the earlier calls left: their shares no longer hold. */
        forget(c->blocks, n);
        t = tally(c->blocks, n);
    }
    uint64_t rest = input - t.fixed;
    if (!seen_all && rest > t.open_estimate) {
        ret->unseen = (int64_t)(rest - t.open_estimate);
        rest = t.open_estimate;
    } else if (t.open == 0) {
        bool hidden = a->parent && a->parent->hidden;
        *(n > 0 ? &ret->framing : &ret->unseen) = (int64_t)rest;
        ret->source = n > 0 && !hidden ? TP_SOURCE_DERIVED : TP_SOURCE_ESTIMATED;
    }
    /* n > 1: a call's only block takes the framing as well, so its count is no clean difference. */
    bool derived = t.open == 1 && a->parent && !a->parent->hidden && seen_all && n > 1;
    return fill_open(c->blocks, n, ANY_KIND, rest,
                     derived ? TP_SOURCE_DERIVED : TP_SOURCE_ESTIMATED);
}

/* The answer: reasoning is told apart by the usage, the rest goes by estimates. ret_hidden_tokens
 * takes reasoning that has no block of its own. */
static bool attribute_output(struct tp_context *c, int64_t output, int64_t reasoning,
                             int64_t *ret_hidden_tokens)
{
    struct tp_block_info *blocks = c->blocks + c->request_count;
    uint32_t n = c->count - c->request_count, thoughts = 0;
    for (uint32_t i = 0; i < n; i++)
        thoughts += blocks[i].kind == TP_PART_REASONING;
    if (reasoning > output)
        reasoning = output;
    if (reasoning > 0)
        output -= reasoning;
    if (reasoning > 0 && thoughts == 0)
        *ret_hidden_tokens = reasoning;
    else if (reasoning >= 0 && !fill_open(blocks, n, REASONING_KIND, (uint64_t)reasoning,
                                          thoughts == 1 ? TP_SOURCE_EXACT : TP_SOURCE_ESTIMATED))
        return false;
    /* An answer of one block is the provider's own number. Where it does not tell reasoning
     * apart, the thoughts compete with the text by their estimates. */
    uint32_t open = reasoning >= 0 ? n - thoughts : n;
    return fill_open(blocks, n, ANY_KIND, (uint64_t)output,
                     open == 1 ? TP_SOURCE_EXACT : TP_SOURCE_ESTIMATED);
}

/* ---- From blocks to parts ---- */

/* As much of `most` as is left; unknown stays unknown, whatever is asked of it. */
static int64_t take(int64_t *left, int64_t most)
{
    int64_t n = *left < most ? *left : most;
    if (*left < 0)
        return -1;
    *left -= n;
    return n;
}

/* What the cache counts still have to cover, in the blocks' order: a provider's cache covers a
 * prefix, and longer times to live come first. */
struct cache_left {
    int64_t read, write, write_1h, write_5m;
};

/* A part takes its share of the cache in the order of the blocks: first what was read, then what
 * was written, of which the writes for an hour come before those for five minutes (Anthropic
 * demands that order of its cache marks). */
static void cover(struct tp_part *p, struct cache_left *left)
{
    if (p->tokens < 0) {
        p->cached_tokens = p->written_tokens = -1;
        p->written_1h_tokens = p->written_5m_tokens = -1;
        return;
    }
    p->cached_tokens = take(&left->read, p->tokens);
    p->written_tokens =
        take(&left->write, p->tokens - (p->cached_tokens > 0 ? p->cached_tokens : 0));
    int64_t written = p->written_tokens > 0 ? p->written_tokens : 0;
    p->written_1h_tokens = take(&left->write_1h, written);
    p->written_5m_tokens =
        take(&left->write_5m, written - (p->written_1h_tokens > 0 ? p->written_1h_tokens : 0));
}

/* Unknown is not zero: one unknown makes the sum unknown. */
static void add_known(int64_t *sum, int64_t more)
{
    *sum = *sum < 0 || more < 0 ? -1 : *sum + more;
}

/* Adds to the part of the same kind, name and first call; those stand close together. */
static void part_add(struct tp_part *parts, size_t *count, const struct tp_part *p)
{
    size_t i = *count;
    while (i > 0 && tp_hash_equal(&parts[i - 1].first_call, &p->first_call)) {
        struct tp_part *same = &parts[i - 1];
        if (same->kind == p->kind && same->name == p->name) {
            add_known(&same->tokens, p->tokens);
            add_known(&same->cached_tokens, p->cached_tokens);
            add_known(&same->written_tokens, p->written_tokens);
            add_known(&same->written_1h_tokens, p->written_1h_tokens);
            add_known(&same->written_5m_tokens, p->written_5m_tokens);
            if (same->source < p->source)
                same->source = p->source;
            return;
        }
        i--;
    }
    parts[(*count)++] = *p;
}

static struct tp_part part_of(const struct tp_block_info *b, bool known)
{
    return (struct tp_part){.kind = (enum tp_part_kind)b->kind,
                            .source = (enum tp_source)b->source,
                            .name = b->name,
                            .first_call = b->first_call,
                            .tokens = known ? b->tokens : -1,
                            .cached_tokens = -1,
                            .written_tokens = -1,
                            .written_1h_tokens = -1,
                            .written_5m_tokens = -1};
}

/* Framing and unseen content are parts like others, so that a call's parts sum to its usage to
 * the token. */
static void leftover_add(struct tp_row *row, enum tp_part_kind kind, int64_t tokens,
                         enum tp_source source, struct cache_left *left)
{
    struct tp_part p = {.kind = kind, .source = source, .first_call = row->id, .tokens = tokens};
    if (tokens <= 0)
        return;
    cover(&p, left);
    part_add(row->parts, &row->part_count, &p);
}

/* Unseen history stands before the blocks, since the cache covers it first; unseen bytes of this
 * request stand after them, for nobody knows their place. */
static bool input_parts(struct tp_context *c, const struct tp_attribution *a,
                        const struct leftover *extra)
{
    struct tp_row *row = c->row;
    const int64_t *usage = row->usage.tokens;
    struct cache_left left = {usage[TP_USAGE_CACHE_READ], usage[TP_USAGE_CACHE_WRITE],
                              usage[TP_USAGE_CACHE_WRITE_1H], usage[TP_USAGE_CACHE_WRITE_5M]};
    row->parts = calloc((size_t)c->request_count + 2, sizeof(*row->parts));
    if (!row->parts)
        return false;
    if (a->history_unseen)
        leftover_add(row, TP_PART_UNSEEN, extra->unseen, extra->source, &left);
    for (uint32_t i = 0; i < c->request_count; i++) {
        struct tp_part p = part_of(&c->blocks[i], usage[TP_USAGE_INPUT] >= 0);
        cover(&p, &left);
        part_add(row->parts, &row->part_count, &p);
    }
    leftover_add(row, TP_PART_FRAMING, extra->framing, extra->source, &left);
    if (!a->history_unseen)
        leftover_add(row, TP_PART_UNSEEN, extra->unseen, extra->source, &left);
    return true;
}

/* What the provider counted and no block explains (a tool's arguments that were lost, say)
 * becomes `unseen`. */
static bool output_parts(struct tp_context *c, int64_t hidden_tokens)
{
    struct tp_row *row = c->row;
    int64_t output = row->usage.tokens[TP_USAGE_OUTPUT], given = 0;
    row->output_parts =
        calloc((size_t)(c->count - c->request_count) + 2, sizeof(*row->output_parts));
    if (!row->output_parts)
        return false;
    if (hidden_tokens > 0) {
        struct tp_part p = {
            TP_PART_REASONING, TP_SOURCE_EXACT, 0, row->id, hidden_tokens, -1, -1, -1, -1};
        part_add(row->output_parts, &row->output_part_count, &p);
        given += hidden_tokens;
    }
    for (uint32_t i = c->request_count; i < c->count; i++) {
        struct tp_part p = part_of(&c->blocks[i], output >= 0);
        part_add(row->output_parts, &row->output_part_count, &p);
        given += p.tokens > 0 ? p.tokens : 0;
    }
    if (output > given) {
        struct tp_part p = {
            TP_PART_UNSEEN, TP_SOURCE_DERIVED, 0, row->id, output - given, -1, -1, -1, -1};
        part_add(row->output_parts, &row->output_part_count, &p);
    }
    return true;
}

/* ---- Costs of parts ---- */

/* Weights only say how to split: past 64 bits any huge value does, if sums of a few of them
 * still fit. */
static uint64_t times(uint64_t tokens, uint64_t rate)
{
    uint64_t product;
    return __builtin_mul_overflow(tokens, rate, &product) ? UINT64_MAX >> 20 : product;
}

/* A part weighs what it would cost by itself, each of its tokens at its own price class. */
static uint64_t weight(const struct tp_part *p, const uint64_t *rate, bool output)
{
    if (p->tokens <= 0)
        return 0;
    if (output)
        return times((uint64_t)p->tokens, rate[TP_PRICE_OUTPUT]);
    uint64_t cached = p->cached_tokens > 0 ? (uint64_t)p->cached_tokens : 0;
    uint64_t written = p->written_tokens > 0 ? (uint64_t)p->written_tokens : 0;
    uint64_t hour = p->written_1h_tokens > 0 ? (uint64_t)p->written_1h_tokens : 0;
    return times((uint64_t)p->tokens - cached - written, rate[TP_PRICE_INPUT]) +
           times(cached, rate[TP_PRICE_CACHE_READ]) +
           times(written - hour, rate[TP_PRICE_CACHE_WRITE_5M]) +
           times(hour, rate[TP_PRICE_CACHE_WRITE_1H]);
}

/* The call's cost is split, not the parts' costs added: roundings would drift from the total
 * otherwise. */
static bool cost_parts(struct tp_row *row)
{
    size_t n = row->part_count + row->output_part_count;
    if (!row->has_cost || n == 0)
        return true;
    uint64_t *work = calloc(2 * n, sizeof(*work));
    if (!work)
        return false;
    for (size_t i = 0; i < n; i++) {
        bool output = i >= row->part_count;
        const struct tp_part *p = output ? &row->output_parts[i - row->part_count] : &row->parts[i];
        work[i] = weight(p, row->cost.rate_pico, output);
    }
    bool ok = tp_split(row->cost.nano, work, n, work + n);
    for (size_t i = 0; ok && i < n; i++)
        (i >= row->part_count ? &row->output_parts[i - row->part_count] : &row->parts[i])
            ->cost_nano = work[n + i];
    free(work);
    return ok;
}

bool tp_attribute(struct tp_context *context, const struct tp_attribution *around)
{
    struct tp_row *row = context->row;
    const int64_t *usage = row->usage.tokens;
    struct leftover extra = {0};
    int64_t hidden_tokens = 0;
    if (around->parent)
        take_echoes(context, around);
    if (usage[TP_USAGE_INPUT] >= 0 &&
        !attribute_input(context, around, (uint64_t)usage[TP_USAGE_INPUT], &extra))
        return false;
    if (usage[TP_USAGE_OUTPUT] >= 0 && !attribute_output(context, usage[TP_USAGE_OUTPUT],
                                                         usage[TP_USAGE_REASONING], &hidden_tokens))
        return false;
    for (uint32_t i = 0; i < context->count; i++)
        context->hidden |= context->blocks[i].kind == TP_PART_REASONING;
    context->hidden |= usage[TP_USAGE_REASONING] > 0 || row->complete == 0;
    return input_parts(context, around, &extra) && output_parts(context, hidden_tokens) &&
           cost_parts(row);
}
