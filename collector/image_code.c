/* SPDX-License-Identifier: MIT
 * Code without symbols: references to marks, functions, calls. The searches know the instructions
 * of x86-64 alone.
 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collector/image.h"
#include "collector/x86.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* How far a prologue is looked for before an address. */
#define FUNCTION_BYTES_MAX 65536u
#define WALK_BYTES_MAX (1024u * 1024u)
#define OPERAND_BYTES 4u
/* Bytes before and after an operand that searches look at. */
#define MARGIN_BYTES 16u
#define NEAR_BYTES (4u * 1024u * 1024u)

/* ---- references ---- */

struct references_search {
    struct tp_image *image;
    uint64_t lowest, highest;
    bool absolute; /* not position independent: addresses stand in the code */
};

static const struct tp_mark_hit *hit_at(const struct tp_image *image, uint64_t target)
{
    for (size_t i = 0; i < image->hit_count && image->hits[i].from <= target; i++)
        if (target <= image->hits[i].to)
            return &image->hits[i];
    return NULL;
}

static void consider(struct references_search *s, uint64_t at, uint64_t target)
{
    struct tp_image *image = s->image;

    if (target < s->lowest || target > s->highest)
        return;
    const struct tp_mark_hit *hit = hit_at(image, target);
    if (!hit || image->reference_count == TP_REFERENCES_MAX)
        return;
    if (image->reference_count > 0 && image->references[image->reference_count - 1].at >= at)
        return; /* seen in the piece before */
    image->references[image->reference_count++] =
        (struct tp_image_reference){.at = at, .target = target, .mark = hit->mark};
}

/* data[i] is an opcode: lea with a rip-relative operand, a move of an address into a register, or
 * an instruction with VEX or REX that reads memory relative to rip (tables). */
static void consider_opcode(struct references_search *s, uint64_t address, const uint8_t *data,
                            size_t i)
{
    int32_t relative;
    uint32_t absolute;

    if ((data[i + 1] & 0xc7) == 0x05) {
        memcpy(&relative, data + i + 2, sizeof(relative));
        consider(s, address + i + 2, address + i + 6 + (uint64_t)(int64_t)relative);
    }
    if (s->absolute && (data[i] & 0xf8) == 0xb8) {
        memcpy(&absolute, data + i + 1, sizeof(absolute));
        consider(s, address + i + 1, absolute);
    }
}

#if defined(__SSE2__)
/* Which of 16 bytes may be such an opcode: the next one says rip-relative; or it moves an address
 * whose highest byte is one of those looked for. */
static unsigned int opcodes_in(const struct references_search *s, const uint8_t *p)
{
    const __m128i here = _mm_loadu_si128((const __m128i *)(const void *)p);
    const __m128i after = _mm_loadu_si128((const __m128i *)(const void *)(p + 1));
    const __m128i rip =
        _mm_cmpeq_epi8(_mm_and_si128(after, _mm_set1_epi8((char)0xc7)), _mm_set1_epi8(0x05));
    unsigned int found = (unsigned int)_mm_movemask_epi8(rip);
    if (s->absolute) {
        const __m128i move = _mm_cmpeq_epi8(_mm_and_si128(here, _mm_set1_epi8((char)0xf8)),
                                            _mm_set1_epi8((char)0xb8));
        const __m128i top = _mm_loadu_si128((const __m128i *)(const void *)(p + 4));
        const __m128i low = _mm_cmpeq_epi8(top, _mm_set1_epi8((char)(s->lowest >> 24)));
        const __m128i high = _mm_cmpeq_epi8(top, _mm_set1_epi8((char)(s->highest >> 24)));
        found |= (unsigned int)_mm_movemask_epi8(_mm_and_si128(move, _mm_or_si128(low, high)));
    }
    return found;
}
#endif

static bool search_piece(void *cx, uint64_t address, const uint8_t *data, size_t n)
{
    struct references_search *s = cx;
    size_t i = 0;

#if defined(__SSE2__)
    for (; i + 16 + MARGIN_BYTES <= n; i += 16)
        for (unsigned int found = opcodes_in(s, data + i); found; found &= found - 1)
            consider_opcode(s, address, data, i + (size_t)__builtin_ctz(found));
#endif
    for (; i + 1 + OPERAND_BYTES < n; i++)
        consider_opcode(s, address, data, i);
    return s->image->reference_count < TP_REFERENCES_MAX;
}

static int references_find(struct tp_image *image)
{
    struct references_search s = {
        .image = image, .lowest = UINT64_MAX, .absolute = image->type == ET_EXEC};
    int err = tp_image_find_marks(image);

    if (err || image->references_done)
        return err;
    image->references = calloc(TP_REFERENCES_MAX, sizeof(*image->references));
    if (!image->references)
        return -ENOMEM;
    for (size_t i = 0; i < image->hit_count; i++) {
        s.lowest = image->hits[i].from < s.lowest ? image->hits[i].from : s.lowest;
        s.highest = image->hits[i].to > s.highest ? image->hits[i].to : s.highest;
    }
    for (size_t i = 0; i < image->segment_count && image->hit_count > 0 && !err; i++)
        if (image->segment[i].flags & PF_X)
            err = tp_image_pieces(image, &image->segment[i], 2 * MARGIN_BYTES, search_piece, &s);
    image->references_done = true;
    return err;
}

int tp_image_references(struct tp_image *image, const struct tp_elf_mark *mark,
                        struct tp_elf_reference *ret, size_t max)
{
    size_t count = 0;

    if (image->machine != EM_X86_64)
        return -EOPNOTSUPP;
    int err = references_find(image);
    if (err)
        return err;
    for (size_t i = 0; i < image->reference_count; i++) {
        const struct tp_image_reference *r = &image->references[i];
        if (image->mark[r->mark] != mark)
            continue;
        if (count < max)
            ret[count] = (struct tp_elf_reference){.at = r->at, .target = r->target};
        count++;
    }
    return (int)count;
}

/* ---- functions ---- */

/* Of the pairs (start of a function, its unwind entry), both relative to the header. */
static int unwind_pair(const struct tp_image *image, uint64_t i, uint64_t *ret_start,
                       uint64_t *ret_entry)
{
    int32_t pair[2];

    if (tp_image_read(image, image->unwind_table + 8 * i, pair, sizeof(pair)))
        return -ENOENT;
    *ret_start = image->unwind_header + (uint64_t)(int64_t)pair[0];
    *ret_entry = image->unwind_header + (uint64_t)(int64_t)pair[1];
    return 0;
}

/* The last pair that starts at or before the address. */
static int unwind_search(const struct tp_image *image, uint64_t address, uint64_t *ret_start,
                         uint64_t *ret_entry)
{
    uint64_t low = 0, high = image->unwind_count;

    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2, start, entry;
        if (unwind_pair(image, middle, &start, &entry))
            return -ENOENT;
        if (start <= address)
            low = middle;
        else
            high = middle;
    }
    return unwind_pair(image, low, ret_start, ret_entry);
}

/* An entry: length, distance to its common part, start (4 bytes, relative to themselves), bytes of
 * code. What it says of the start must agree with the table. */
static int unwind_function(const struct tp_image *image, uint64_t address,
                           struct tp_elf_function *ret)
{
    uint64_t start, entry;
    int32_t words[4];

    if (image->unwind_count == 0 || unwind_search(image, address, &start, &entry) ||
        tp_image_read(image, entry, words, sizeof(words)))
        return -ENOENT;
    uint64_t end = start + (uint32_t)words[3];
    if (entry + 8 + (uint64_t)(int64_t)words[2] != start || address < start || address >= end)
        return -ENOENT;
    *ret = (struct tp_elf_function){.start = start, .end = end, .unwind = true};
    return 0;
}

static bool is_padding(uint8_t b)
{
    return b == 0xcc || b == 0x90 || b == 0x00;
}

/* Do these bytes, which stand before an aligned place, end a function? A return, or filler. */
static bool ends_function(const uint8_t *end)
{
    return is_padding(end[-1]) || end[-1] == 0xc3 || end[-5] == 0xe9 || end[-2] == 0xeb ||
           end[-5] == 0xe8 || (end[-2] == 0x0f && end[-1] == 0x0b);
}

static bool begins_function(const uint8_t *p)
{
    static const uint8_t landing[] = {0xf3, 0x0f, 0x1e, 0xfa}; /* endbr64 */

    if (memcmp(p, landing, sizeof(landing)) == 0)
        return true;
    if (p[0] == 0x55) /* push rbp; then the frame, or another push */
        return (p[1] == 0x48 && p[2] == 0x89 && p[3] == 0xe5) ||
               (p[1] == 0x41 && p[2] >= 0x54 && p[2] <= 0x57) || p[1] == 0x53;
    return (p[0] == 0x41 && p[1] >= 0x54 && p[1] <= 0x57) || p[0] == 0x53 ||
           (p[0] == 0x48 && p[1] == 0x83 && p[2] == 0xec);
}

/* Where there is no unwind entry: back to the nearest aligned place that looks like a start after
 * an end. */
static int function_by_looks(const struct tp_image *image, uint64_t address,
                             struct tp_elf_function *ret)
{
    uint64_t at = address & ~15ull;

    for (size_t i = 0; i < FUNCTION_BYTES_MAX / 16 && at >= 16; i++, at -= 16) {
        uint8_t around[24]; /* 16 before, 8 from there on */
        if (tp_image_read(image, at - 16, around, sizeof(around)))
            return -ENOENT;
        if (ends_function(around + 16) && begins_function(around + 16)) {
            *ret = (struct tp_elf_function){.start = at};
            return 0;
        }
    }
    return -ENOENT;
}

int tp_image_function(struct tp_image *image, uint64_t address, struct tp_elf_function *ret)
{
    uint64_t offset;

    if (tp_image_offset(image, address, PF_X, &offset))
        return -ENOENT;
    if (unwind_function(image, address, ret) == 0)
        return 0;
    return image->machine == EM_X86_64 ? function_by_looks(image, address, ret) : -ENOENT;
}

/* ---- calls ---- */

struct call_search {
    uint64_t target;
    bool found;
};

static bool search_calls(void *cx, uint64_t address, const uint8_t *data, size_t n)
{
    struct call_search *s = cx;
    const uint8_t *p = data, *end = data + n;

    while (end - p > 4 && (p = memchr(p, 0xe8, (size_t)(end - p) - 4))) {
        int32_t relative;
        memcpy(&relative, p + 1, sizeof(relative));
        uint64_t next = address + (uint64_t)(p - data) + 5;
        if (next + (uint64_t)(int64_t)relative == s->target) {
            s->found = true;
            return false;
        }
        p++;
    }
    return true;
}

/* Callers are mostly of the same library, which the linker puts in one place: there first. */
static int search_near(struct tp_image *image, struct call_search *s)
{
    for (size_t i = 0; i < image->segment_count; i++) {
        const struct tp_segment *all = &image->segment[i];
        uint64_t at = s->target - all->address;
        if (!(all->flags & PF_X) || s->target < all->address || at >= all->bytes)
            continue;
        uint64_t first = at > NEAR_BYTES ? at - NEAR_BYTES : 0;
        uint64_t left = all->bytes - first;
        const struct tp_segment near = {.address = all->address + first,
                                        .offset = all->offset + first,
                                        .bytes = left < 2 * NEAR_BYTES ? left : 2 * NEAR_BYTES,
                                        .flags = all->flags};
        return tp_image_pieces(image, &near, 2 * MARGIN_BYTES, search_calls, s);
    }
    return 0;
}

int tp_image_called(struct tp_image *image, uint64_t address)
{
    struct call_search s = {.target = address};

    if (image->machine != EM_X86_64)
        return -EOPNOTSUPP;
    int err = search_near(image, &s);
    for (size_t i = 0; i < image->segment_count && !s.found && !err; i++)
        if (image->segment[i].flags & PF_X)
            err = tp_image_pieces(image, &image->segment[i], 2 * MARGIN_BYTES, search_calls, &s);
    return err ? err : s.found;
}

/* ---- instructions ---- */

int tp_image_walk(struct tp_image *image, uint64_t from, uint64_t to, tp_elf_instruction_fn *each,
                  void *cx)
{
    uint8_t window[4096];
    uint64_t window_at = 0;
    size_t n = 0, at = 0;

    if (image->machine != EM_X86_64)
        return -EOPNOTSUPP;
    if (to < from || to - from > WALK_BYTES_MAX)
        return -E2BIG;
    while (from < to) {
        struct tp_elf_instruction insn;
        if (n - at < TP_X86_BYTES_MAX) {
            window_at = from;
            at = 0;
            n = tp_image_read_some(image, from, window, sizeof(window));
        }
        int err = n ? tp_x86_decode(window + at, n - at, from, &insn) : -ENODATA;
        if (err)
            return err;
        if (!each(cx, &insn))
            return 0;
        at += insn.length;
        from = window_at + at;
    }
    return 0;
}
