/* SPDX-License-Identifier: MIT
 * Looks for all marks at once, in read-only data: by the shift table of Wu and Manber ("A fast
 * algorithm for multi-pattern searching", 1994) over pairs of bytes, so that most bytes are never
 * looked at.
 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collector/image.h"

#define PATTERN_BYTES_MAX 256u
#define WINDOW_BYTES 8u /* the shortest mark */
#define STRING_BYTES_MAX 512u

struct marks_search {
    struct tp_image *image;
    uint8_t shift[65536];
    size_t longest;
    uint64_t segment_end;
};

static size_t pattern_bytes(const struct tp_elf_mark *mark)
{
    return mark->size + (mark->kind == TP_MARK_BYTES ? 0u : 1u);
}

static uint16_t pair_at(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static bool usable(const struct tp_elf_mark *mark)
{
    return pattern_bytes(mark) >= WINDOW_BYTES && pattern_bytes(mark) <= PATTERN_BYTES_MAX;
}

static void prepare(struct marks_search *s)
{
    memset(s->shift, WINDOW_BYTES - 1, sizeof(s->shift));
    for (size_t m = 0; m < s->image->mark_count; m++) {
        const struct tp_elf_mark *mark = s->image->mark[m];
        if (!usable(mark))
            continue;
        if (pattern_bytes(mark) > s->longest)
            s->longest = pattern_bytes(mark);
        for (size_t i = 0; i + 1 < WINDOW_BYTES; i++) {
            uint8_t left = (uint8_t)(WINDOW_BYTES - 2 - i);
            uint16_t pair = pair_at((const uint8_t *)mark->text + i);
            if (left < s->shift[pair])
                s->shift[pair] = left;
        }
    }
}

/* A path may be referred to anywhere before its ending, if it is itself the end of another one. */
static uint64_t string_start(const struct tp_image *image, uint64_t address)
{
    uint8_t before[STRING_BYTES_MAX];
    size_t n = tp_image_read_before(image, address, before, sizeof(before)), text = 0;

    while (text < n && before[n - 1 - text] >= ' ' && before[n - 1 - text] < 0x7f)
        text++;
    return address - text;
}

/* Pieces overlap: the same place may come twice. */
static void hit(struct marks_search *s, size_t m, uint64_t address)
{
    struct tp_image *image = s->image;
    const struct tp_elf_mark *mark = image->mark[m];
    struct tp_mark_hit h = {.from = address, .to = address, .mark = (uint16_t)m};

    if (image->hit_count == TP_MARK_HITS_MAX)
        return;
    for (size_t i = 0; i < image->hit_count; i++)
        if (image->hits[i].mark == m && image->hits[i].to == address)
            return;
    if (mark->kind == TP_MARK_ENDING)
        h.from = string_start(image, address);
    image->hits[image->hit_count++] = h;
}

static void compare_all(struct marks_search *s, uint64_t address, const uint8_t *data, size_t n)
{
    for (size_t m = 0; m < s->image->mark_count; m++) {
        const struct tp_elf_mark *mark = s->image->mark[m];
        size_t bytes = pattern_bytes(mark);
        if (usable(mark) && bytes <= n && memcmp(data, mark->text, bytes) == 0)
            hit(s, m, address);
    }
}

static bool search_piece(void *cx, uint64_t address, const uint8_t *data, size_t n)
{
    struct marks_search *s = cx;

    for (size_t at = 0; at + WINDOW_BYTES <= n;) {
        uint8_t shift = s->shift[pair_at(data + at + WINDOW_BYTES - 2)];
        if (shift == 0)
            compare_all(s, address + at, data + at, n - at);
        at += shift ? shift : 1;
    }
    return s->image->hit_count < TP_MARK_HITS_MAX;
}

static int by_address(const void *a, const void *b)
{
    const struct tp_mark_hit *x = a, *y = b;
    return x->from < y->from ? -1 : x->from > y->from;
}

/* Old linkers put constants beside the code: then the code is searched too. */
static bool has_constants(const struct tp_image *image)
{
    for (size_t i = 0; i < image->segment_count; i++)
        if (!(image->segment[i].flags & (PF_X | PF_W)) && image->segment[i].bytes > 65536)
            return true;
    return false;
}

int tp_image_find_marks(struct tp_image *image)
{
    int err = 0;

    if (image->marks_done)
        return 0;
    image->hits = calloc(TP_MARK_HITS_MAX, sizeof(*image->hits));
    struct marks_search *s = calloc(1, sizeof(*s));
    if (!image->hits || !s) {
        free(s);
        return -ENOMEM;
    }
    s->image = image;
    prepare(s);
    bool apart = has_constants(image);
    for (size_t i = 0; i < image->segment_count && s->longest > 0; i++) {
        uint32_t flags = image->segment[i].flags;
        if (!(flags & PF_W) && (!apart || !(flags & PF_X)))
            err = tp_image_pieces(image, &image->segment[i], s->longest, search_piece, s);
        if (err)
            break;
    }
    free(s);
    qsort(image->hits, image->hit_count, sizeof(*image->hits), by_address);
    image->marks_done = true;
    return err;
}
