/* SPDX-License-Identifier: MIT */
#include "pclntab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Since 1.18; since 1.20 the magic is another, the layout is the same. */
#define MAGIC_118 0xfffffff0u
#define MAGIC_120 0xfffffff1u
#define MAGIC_116 0xfffffffau
#define MAGIC_12 0xfffffffbu

#define WINDOW_BYTES 65536u
#define NAME_BYTES_MAX 200u
#define NAMES_MAX 8u
#define FUNCTIONS_MAX (4u * 1024u * 1024u)

struct header {
    uint32_t magic;
    uint8_t zero[2], quantum, pointer_bytes;
    uint64_t functions, files, text_start;
    uint64_t names, units, file_table, pc_table, function_table; /* offsets */
};

/* Reads forward through the table, in large pieces. */
struct table {
    const struct tp_elf_view *elf;
    uint64_t address, bytes;
    struct header header;
    uint64_t text;
    uint8_t *window;
    uint64_t window_at, window_bytes; /* offsets in the table */
};

static int peek(struct table *t, uint64_t offset, void *ret, size_t n)
{
    if (offset > t->bytes || n > t->bytes - offset)
        return -EBADMSG;
    if (offset < t->window_at || offset + n > t->window_at + t->window_bytes) {
        uint64_t left = t->bytes - offset;
        t->window_at = offset;
        t->window_bytes = left < WINDOW_BYTES ? left : WINDOW_BYTES;
        if (t->elf->read(t->elf->host, t->address + offset, t->window, (size_t)t->window_bytes)) {
            t->window_bytes = 0;
            return -EBADMSG;
        }
    }
    memcpy(ret, t->window + (offset - t->window_at), n);
    return 0;
}

static int open_table(struct table *t)
{
    static const char *const sections[] = {".gopclntab", ".data.rel.ro.gopclntab"};
    uint64_t text_bytes;
    const struct tp_elf_view *elf = t->elf;

    for (size_t i = 0; i < 2 && !t->bytes; i++)
        if (elf->section(elf->host, sections[i], &t->address, &t->bytes))
            t->bytes = 0;
    if (!t->bytes)
        return -ENOENT;
    int err = peek(t, 0, &t->header, sizeof(t->header));
    if (err)
        return err;
    if (t->header.magic == MAGIC_116 || t->header.magic == MAGIC_12)
        return -ENOTSUP;
    if ((t->header.magic != MAGIC_118 && t->header.magic != MAGIC_120) ||
        t->header.pointer_bytes != 8 || t->header.functions > FUNCTIONS_MAX ||
        t->header.names >= t->header.units || t->header.units > t->bytes)
        return -EBADMSG;
    t->text = t->header.text_start; /* in a position independent one it may be filled in later */
    if (!t->text && elf->section(elf->host, ".text", &t->text, &text_bytes))
        return -EBADMSG;
    return 0;
}

/* Offsets of the names among the names; each name is there once, with a NUL on both sides. */
static int find_names(struct table *t, const struct pclntab_function *functions, size_t count,
                      uint64_t ret_offset[NAMES_MAX])
{
    uint64_t end = t->header.units;
    uint8_t piece[4096 + NAME_BYTES_MAX + 2];

    for (uint64_t at = t->header.names; at < end; at += 4096) {
        uint64_t left = end - at;
        size_t n = left < sizeof(piece) ? (size_t)left : sizeof(piece);
        int err = peek(t, at, piece, n);
        if (err)
            return err;
        for (size_t i = 0; i < count; i++) {
            size_t bytes = strlen(functions[i].name) + 1;
            const uint8_t *found = memmem(piece, n, functions[i].name, bytes);
            if (found && (found == piece ? at == t->header.names : found[-1] == 0))
                ret_offset[i] = at + (uint64_t)(found - piece) - t->header.names;
        }
    }
    return 0;
}

/* A row: where the function begins (from the text's start), and where its description is; the
 * description repeats the first and goes on with the name's offset. */
static int take_row(struct table *t, struct pclntab_function *functions, size_t count,
                    const uint64_t *offset, const uint32_t rows[4])
{
    uint32_t description[2];
    int err = peek(t, t->header.function_table + rows[1], description, sizeof(description));

    if (err || description[0] != rows[0])
        return -EBADMSG;
    for (size_t k = 0; k < count; k++) {
        if (offset[k] == UINT64_MAX || description[1] != offset[k])
            continue;
        if (functions[k].start || rows[2] <= rows[0])
            return -EBADMSG;
        functions[k].start = t->text + rows[0];
        functions[k].end = t->text + rows[2];
    }
    return 0;
}

/* The rows come first, then the descriptions in the same order: each has its own reader, so that
 * both go forward. */
static int find_functions(struct table *t, struct pclntab_function *functions, size_t count,
                          const uint64_t *offset)
{
    struct table rows = *t;
    int err = 0;

    rows.window = malloc(WINDOW_BYTES);
    rows.window_bytes = 0;
    for (uint64_t i = 0; rows.window && i < t->header.functions && !err; i++) {
        uint32_t row[4] = {0};
        /* The last one is followed by the end alone. */
        size_t n = i + 1 < t->header.functions ? 16 : 12;
        err = peek(&rows, t->header.function_table + 8 * i, row, n);
        if (!err)
            err = take_row(t, functions, count, offset, row);
    }
    if (!rows.window)
        err = -ENOMEM;
    free(rows.window);
    return err;
}

int pclntab_find(const struct tp_elf_view *elf, struct pclntab_function *functions, size_t count)
{
    struct table t = {.elf = elf, .window = malloc(WINDOW_BYTES)};
    uint64_t offset[NAMES_MAX];

    if (!t.window || count > NAMES_MAX) {
        free(t.window);
        return -ENOMEM;
    }
    memset(offset, 0xff, sizeof(offset));
    int err = open_table(&t);
    if (!err)
        err = find_names(&t, functions, count, offset);
    if (!err)
        err = find_functions(&t, functions, count, offset);
    free(t.window);
    return err;
}
