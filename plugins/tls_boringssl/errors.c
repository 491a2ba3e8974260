/* SPDX-License-Identifier: MIT */
#include "errors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REFERENCES_MAX 1024
/* How far the body goes on after its last error, where its end is not known. */
#define REST_BYTES_MAX 2048u
#define NOT_KNOWN UINT64_MAX

/* Registers in the processor's encoding. The path is the third argument of four (library, reason,
 * file, line), or in older versions the fourth of five (library, 0, reason, file, line). */
enum { ECX = 1, EDX = 2, ESI = 6, REGISTERS = 16 };

/* One function being followed. */
struct reading {
    struct error_function *f;
    const struct tp_elf_reference *references;
    size_t reference_count, seen;
    uint64_t constant[REGISTERS]; /* since the last call or jump */
    uint64_t pushed;
    int path; /* the register that has the path, -1: none */
};

static void bit_set(uint64_t *bits, uint64_t n)
{
    if (n < ERROR_REASONS)
        bits[n / 64] |= 1ull << n % 64;
}

static bool bit_is_set(const uint64_t *bits, unsigned int n)
{
    return n < ERROR_REASONS && (bits[n / 64] >> n % 64 & 1);
}

static void forget(struct reading *r)
{
    for (size_t i = 0; i < REGISTERS; i++)
        r->constant[i] = NOT_KNOWN;
    r->path = -1;
}

static bool is_reference(struct reading *r, const struct tp_elf_instruction *insn)
{
    for (size_t i = 0; i < r->reference_count; i++) {
        uint64_t at = r->references[i].at;
        if (at >= insn->address && at < insn->address + insn->length)
            return true;
    }
    return false;
}

static void take_constant(struct reading *r, uint8_t reg, uint64_t value)
{
    if (reg >= REGISTERS)
        return;
    r->constant[reg] = value;
    if (reg == EDX || reg == ESI)
        bit_set(r->f->loaded, value);
}

/* The straight piece of code ends: if it named the path, the reason was in the register before. */
static void block_ends(struct reading *r)
{
    if (r->path == EDX)
        bit_set(r->f->reported, r->constant[ESI]);
    else if (r->path == ECX)
        bit_set(r->f->reported, r->constant[EDX]);
    forget(r);
}

static bool read_one(void *cx, const struct tp_elf_instruction *insn)
{
    struct reading *r = cx;
    struct error_function *f = r->f;

    if (is_reference(r, insn)) {
        r->seen++;
        r->path = insn->reg;
        return true;
    }
    switch (insn->kind) {
    case TP_INSN_CALL:
        if (insn->value && f->calls < ERROR_CALLS_MAX)
            f->call[f->calls++] = insn->value;
        block_ends(r);
        break;
    case TP_INSN_JUMP:
    case TP_INSN_RETURN:
        block_ends(r);
        break;
    case TP_INSN_CONSTANT:
        take_constant(r, insn->reg, insn->value);
        break;
    case TP_INSN_PUSH:
        r->pushed = insn->value;
        break;
    case TP_INSN_POP:
        take_constant(r, insn->reg, r->pushed);
        r->pushed = NOT_KNOWN;
        break;
    case TP_INSN_TRAP:
        return insn->address < f->last;
    default:
        break;
    }
    return true;
}

/* Where it is over at the latest: another one begins. */
static uint64_t limit_of(const struct error_functions *all, const struct error_function *f)
{
    uint64_t limit = f->end ? f->end : f->last + REST_BYTES_MAX;

    for (size_t i = 0; i < all->count; i++)
        if (all->function[i].start > f->start && all->function[i].start < limit)
            limit = all->function[i].start;
    return limit;
}

/* What cannot be followed to its last error does not begin where it was taken to begin. */
static void read_function(const struct tp_elf_view *elf, const struct error_functions *all,
                          struct error_function *f, const struct tp_elf_reference *references,
                          size_t count)
{
    struct reading r = {
        .f = f, .references = references, .reference_count = count, .pushed = NOT_KNOWN};

    forget(&r);
    elf->walk(elf->host, f->start, limit_of(all, f), read_one, &r);
    f->readable = r.seen >= f->references;
}

static struct error_function *function_at(struct error_functions *all,
                                          const struct tp_elf_function *place)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->function[i].start == place->start)
            return &all->function[i];
    if (all->count == ERROR_FUNCTIONS_MAX)
        return NULL;
    struct error_function *f = &all->function[all->count++];
    *f = (struct error_function){.start = place->start, .end = place->end, .unwind = place->unwind};
    return f;
}

static int group(const struct tp_elf_view *elf, const struct tp_elf_reference *references,
                 size_t count, struct error_functions *all)
{
    for (size_t i = 0; i < count; i++) {
        struct tp_elf_function place;
        if (elf->function(elf->host, references[i].at, &place))
            continue;
        struct error_function *f = function_at(all, &place);
        if (!f)
            return -E2BIG;
        f->references++;
        if (references[i].at > f->last)
            f->last = references[i].at;
    }
    for (size_t i = 0; i < all->count; i++)
        read_function(elf, all, &all->function[i], references, count);
    return 0;
}

int errors_collect(const struct tp_elf_view *elf, const struct tp_elf_mark *path,
                   struct error_functions **ret_functions)
{
    struct tp_elf_reference *references = calloc(REFERENCES_MAX, sizeof(*references));
    struct error_functions *all = calloc(1, sizeof(*all));
    int count = -ENOMEM;

    if (references && all)
        count = elf->references(elf->host, path, references, REFERENCES_MAX);
    int err = count < 0 ? count : count > REFERENCES_MAX ? -E2BIG : 0;
    if (!err)
        err = group(elf, references, (size_t)count, all);
    free(references);
    if (err) {
        free(all);
        return err;
    }
    *ret_functions = all;
    return 0;
}

bool error_reported(const struct error_function *f, unsigned int reason)
{
    return bit_is_set(f->reported, reason);
}

bool error_loaded(const struct error_function *f, unsigned int reason)
{
    return bit_is_set(f->loaded, reason);
}

unsigned int errors_reported(const struct error_function *f)
{
    unsigned int n = 0;
    for (size_t i = 0; i < ERROR_REASONS / 64; i++)
        n += (unsigned int)__builtin_popcountll(f->reported[i]);
    return n;
}

bool error_calls(const struct error_function *f, uint64_t address)
{
    for (uint32_t i = 0; i < f->calls; i++)
        if (f->call[i] == address)
            return true;
    return false;
}

bool error_function_certain(const struct tp_elf_view *elf, const struct error_function *f)
{
    return f->readable && (f->unwind || elf->called(elf->host, f->start) == 1);
}
