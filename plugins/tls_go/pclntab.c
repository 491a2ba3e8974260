/* SPDX-License-Identifier: MIT */
#include "pclntab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC_12 0xfffffffbu
#define MAGIC_116 0xfffffffau
#define MAGIC_118 0xfffffff0u
#define MAGIC_120 0xfffffff1u

#define WINDOW_BYTES 65536u
#define NAME_BYTES_MAX 128u
#define FUNCTIONS_MAX (4u * 1024u * 1024u)
/* Functions of the same name, and what only ends like one. */
#define PLACES_MAX 4u
#define TABLES_MAX 64u

/* The words after its first 8 bytes, by version. */
struct header {
    uint32_t magic;
    uint8_t zero[2], quantum, pointer_bytes;
    uint64_t word[8];
};

/* Reads forward through the table, in large pieces. All members but the address are offsets. */
struct table {
    const struct tp_elf_view *elf;
    uint64_t address, bytes;
    uint64_t functions;
    uint64_t names, names_end;
    uint64_t rows, descriptions;
    bool old; /* whole addresses in rows and descriptions, not differences from the text's start */
    uint8_t *window;
    uint64_t window_at, window_bytes;
};

/* Offsets among the names, of each function that is looked for. */
struct places {
    uint64_t offset[PCLNTAB_FUNCTIONS_MAX][PLACES_MAX];
    size_t count[PCLNTAB_FUNCTIONS_MAX];
};

struct row {
    uint64_t start, description, end;
};

/* The window, or what is wanted of it, if what lies behind the table ends sooner. */
static int fill(struct table *t, size_t wanted)
{
    const struct tp_elf_view *elf = t->elf;
    uint64_t at = t->address + t->window_at;

    if (elf->read(elf->host, at, t->window, (size_t)t->window_bytes) == 0)
        return 0;
    t->window_bytes = wanted;
    if (elf->read(elf->host, at, t->window, wanted) == 0)
        return 0;
    t->window_bytes = 0;
    return -EBADMSG;
}

static int peek(struct table *t, uint64_t offset, void *ret, size_t n)
{
    if (offset > t->bytes || n > t->bytes - offset)
        return -EBADMSG;
    if (offset < t->window_at || offset + n > t->window_at + t->window_bytes) {
        uint64_t left = t->bytes - offset;
        t->window_at = offset;
        t->window_bytes = left < WINDOW_BYTES ? left : WINDOW_BYTES;
        int err = fill(t, n);
        if (err)
            return err;
    }
    memcpy(ret, t->window + (offset - t->window_at), n);
    return 0;
}

/* ---- where the table is, and what is where in it ---- */

/* Sums of hostile numbers are checked where they are used: peek. */
static int understand(struct table *t, const struct header *h, struct pclntab *ret)
{
    const uint64_t *w = h->word;

    *ret = (struct pclntab){0};
    t->functions = w[0];
    t->old = h->magic == MAGIC_12 || h->magic == MAGIC_116;
    if (h->pointer_bytes != 8 || h->zero[0] || h->zero[1])
        return -EBADMSG;
    if (h->magic == MAGIC_12) {
        t->names = t->descriptions = 0; /* names stand among all else */
        t->names_end = t->bytes;
        t->rows = 16;
    } else if (h->magic == MAGIC_116) {
        t->names = w[2];
        t->names_end = w[3];
        t->rows = t->descriptions = w[6];
    } else if (h->magic == MAGIC_118 || h->magic == MAGIC_120) {
        *ret = (struct pclntab){.relative = true, .text = w[2]};
        t->names = w[3];
        t->names_end = w[4];
        t->rows = t->descriptions = w[7];
    } else {
        return -EBADMSG;
    }
    return t->functions == 0 || t->functions > FUNCTIONS_MAX || t->names >= t->names_end ||
                   t->names_end > t->bytes || t->rows > t->bytes
               ? -EBADMSG
               : 0;
}

static int open_at(struct table *t, struct pclntab *ret)
{
    struct header h;

    t->window_bytes = 0;
    return peek(t, 0, &h, sizeof(h)) ? -EBADMSG : understand(t, &h, ret);
}

/* Without sections the table's end is not known: as far as the segment goes. */
static bool take_if_sound(struct table *t, uint64_t address, struct pclntab *ret)
{
    uint8_t last;
    uint64_t low = 0, high = 1ull << 32;

    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        if (t->elf->read(t->elf->host, address + middle - 1, &last, 1) == 0)
            low = middle;
        else
            high = middle;
    }
    t->address = address;
    t->bytes = low;
    return open_at(t, ret) == 0;
}

/* By what follows the first byte of the magic: the rest of it, zeroes, instructions of any
 * length, pointers of 8 bytes. */
static int search_table(struct table *t, struct pclntab *ret)
{
    static const uint8_t mark[] = {0xff, 0xff, 0xff, 0, 0, 1, 8};
    uint64_t at[TABLES_MAX], found = 0, bytes = 0;
    int sound = 0;

    int count = t->elf->find(t->elf->host, mark, sizeof(mark), at, TABLES_MAX);
    for (int i = 0; i < count; i++) {
        if (!take_if_sound(t, at[i] - 1, ret))
            continue;
        found = t->address;
        bytes = t->bytes;
        sound++;
    }
    if (sound != 1)
        return sound ? -EBADMSG : -ENOENT;
    t->address = found;
    t->bytes = bytes;
    return open_at(t, ret);
}

/* External linkers put the table among other data; some tools take all sections away. */
static bool may_be_hidden(const struct tp_elf_view *elf)
{
    uint64_t at, bytes;
    return elf->section(elf->host, ".go.buildinfo", &at, &bytes) == 0 ||
           elf->section(elf->host, ".note.go.buildid", &at, &bytes) == 0 ||
           elf->section(elf->host, ".text", &at, &bytes) != 0;
}

static int open_table(struct table *t, struct pclntab *ret)
{
    static const char *const sections[] = {".gopclntab", ".data.rel.ro.gopclntab"};
    const struct tp_elf_view *elf = t->elf;

    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
        if (elf->section(elf->host, sections[i], &t->address, &t->bytes) == 0)
            return open_at(t, ret);
    return may_be_hidden(elf) ? search_table(t, ret) : -ENOENT;
}

/* ---- names ---- */

static void take_name(const struct pclntab_function *functions, size_t count, const uint8_t *name,
                      size_t room, uint64_t offset, struct places *places)
{
    for (size_t i = 0; i < count; i++) {
        size_t bytes = strlen(functions[i].name) + 1;
        if (bytes <= room && memcmp(name, functions[i].name, bytes) == 0 &&
            places->count[i] < PLACES_MAX)
            places->offset[i][places->count[i]++] = offset;
    }
}

/* What is found may be the end of a longer name: then no description says that a name begins
 * there.
 */
static int find_names(struct table *t, const struct pclntab_function *functions, size_t count,
                      struct places *places)
{
    static const char prefix[] = PCLNTAB_PREFIX;
    const size_t prefix_bytes = sizeof(prefix) - 1, step = WINDOW_BYTES - NAME_BYTES_MAX;
    uint8_t *piece = malloc(WINDOW_BYTES), *hit;
    int err = piece ? 0 : -ENOMEM;

    for (uint64_t at = t->names; !err && at < t->names_end; at += step) {
        uint64_t left = t->names_end - at;
        size_t n = left < WINDOW_BYTES ? (size_t)left : WINDOW_BYTES;
        err = peek(t, at, piece, n);
        for (uint8_t *from = piece;
             !err && (size_t)(from - piece) < step &&
             (hit = memmem(from, n - (size_t)(from - piece), prefix, prefix_bytes));
             from = hit + 1) {
            size_t place = (size_t)(hit - piece);
            if (place < step)
                take_name(functions, count, hit + prefix_bytes, n - place - prefix_bytes,
                          at + place - t->names, places);
        }
    }
    free(piece);
    return err;
}

/* ---- functions ---- */

static int row_read(struct table *rows, uint64_t i, struct row *ret)
{
    uint32_t half[3];
    int err;

    if (rows->old)
        return peek(rows, rows->rows + 16 * i, ret, sizeof(*ret));
    err = peek(rows, rows->rows + 8 * i, half, sizeof(half));
    if (!err)
        *ret = (struct row){half[0], half[1], half[2]};
    return err;
}

/* The description repeats where the function begins, and goes on with the name's offset. */
static int description_read(struct table *t, const struct row *row, uint32_t *ret_name)
{
    uint8_t bytes[12] = {0};
    uint64_t start = 0;
    size_t n = t->old ? 8 : 4;
    int err = peek(t, t->descriptions + row->description, bytes, n + 4);

    if (err)
        return err;
    memcpy(&start, bytes, n);
    memcpy(ret_name, bytes + n, sizeof(*ret_name));
    return start == row->start ? 0 : -EBADMSG;
}

static bool is_named(const struct places *places, size_t k, uint32_t name)
{
    for (size_t i = 0; i < places->count[k]; i++)
        if (places->offset[k][i] == name)
            return true;
    return false;
}

static int take_row(struct table *t, struct pclntab_function *functions, size_t count,
                    const struct places *places, const struct row *row)
{
    uint32_t name;
    int err = description_read(t, row, &name);

    for (size_t k = 0; !err && k < count; k++) {
        if (!is_named(places, k, name))
            continue;
        if (functions[k].end || row->end <= row->start)
            return -EBADMSG;
        functions[k].start = row->start;
        functions[k].end = row->end;
    }
    return err;
}

/* The rows come first, then the descriptions in the same order: each has its own reader, so
 * that both go forward. */
static int find_functions(struct table *t, struct pclntab_function *functions, size_t count,
                          const struct places *places)
{
    struct table rows = *t;
    struct row row;

    rows.window = malloc(WINDOW_BYTES);
    rows.window_bytes = 0;
    int err = rows.window ? 0 : -ENOMEM;
    for (uint64_t i = 0; i < t->functions && !err; i++) {
        err = row_read(&rows, i, &row);
        if (!err)
            err = take_row(t, functions, count, places, &row);
    }
    free(rows.window);
    return err;
}

int pclntab_find(const struct tp_elf_view *elf, struct pclntab_function *functions, size_t count,
                 struct pclntab *ret_table)
{
    struct table t = {.elf = elf, .window = malloc(WINDOW_BYTES)};
    struct places places = {0};

    int err = !t.window || count > PCLNTAB_FUNCTIONS_MAX ? -ENOMEM : open_table(&t, ret_table);
    if (!err)
        err = find_names(&t, functions, count, &places);
    if (!err && places.count[0] > 0)
        err = find_functions(&t, functions, count, &places);
    free(t.window);
    return err;
}
