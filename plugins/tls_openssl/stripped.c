/* SPDX-License-Identifier: MIT
 * OpenSSL 3 linked into an executable without symbols. Its functions report errors under their own
 * names (ERR_raise, openssl/err.h), and SSL_read and SSL_write each go through one that does.
 */
#include <elf.h>
#include <errno.h>
#include <stdio.h>

#include "exported.h"

#define REFERENCES_MAX 64
#define R8 8

#define NAME(text)                                                                                 \
    {                                                                                              \
        text, sizeof(text) - 1, TP_MARK_STRING                                                     \
    }
static const struct tp_elf_mark marks[] = {
    NAME("ssl_read_internal"), NAME("ssl_write_internal"), {0}};

static const struct tp_tls_site read_site = {.name = "ssl_read_internal",
                                             .kind = TP_TLS_READ,
                                             .result = TP_TLS_COUNT_AT,
                                             .conn = TP_ARGUMENT(1),
                                             .data = TP_ARGUMENT(2),
                                             .length = TP_ARGUMENT(3),
                                             .count = TP_ARGUMENT(4)};
static const struct tp_tls_site write_site = {.name = "ssl_write_internal",
                                              .kind = TP_TLS_WRITE,
                                              .result = TP_TLS_COUNT_AT,
                                              .conn = TP_ARGUMENT(1),
                                              .data = TP_ARGUMENT(2),
                                              .length = TP_ARGUMENT(3),
                                              .count = TP_ARGUMENT(4)};

static int refuse(struct tp_tls_location *ret, const char *why)
{
    ret->count = 0;
    snprintf(ret->reason, sizeof(ret->reason), "%s", why);
    return -ENOENT;
}

/* The one function that refers to the mark. 1; 0: nothing does; -ENOTUNIQ: several do. */
static int only_function(const struct tp_elf_view *elf, const struct tp_elf_mark *mark,
                         struct tp_elf_function *ret)
{
    struct tp_elf_reference references[REFERENCES_MAX];
    int count = elf->references(elf->host, mark, references, REFERENCES_MAX), found = 0;

    if (count > REFERENCES_MAX)
        return -ENOTUNIQ;
    for (int i = 0; i < count; i++) {
        struct tp_elf_function f;
        if (elf->function(elf->host, references[i].at, &f))
            return -ENOTUNIQ;
        if (found && f.start != ret->start)
            return -ENOTUNIQ;
        *ret = f;
        found = 1;
    }
    return found;
}

struct fifth {
    const struct tp_elf_view *elf;
    bool saved;
};

/* mov anything, r8: REX.W with the high bit of the register, 89, ModRM with register 0. */
static bool look_for_fifth(void *cx, const struct tp_elf_instruction *insn)
{
    struct fifth *f = cx;
    uint8_t b[3];

    if (insn->kind == TP_INSN_CALL || (insn->kind == TP_INSN_CONSTANT && insn->reg == R8))
        return false;
    if (insn->length >= sizeof(b) && f->elf->read(f->elf->host, insn->address, b, sizeof(b)) == 0)
        f->saved = (b[0] & 0xfe) == 0x4c && b[1] == 0x89 && (b[2] >> 3 & 7) == 0;
    return !f->saved;
}

/* From 3.3 on, flags stand before the count, which is then the fifth argument: it must be put aside
 * before anything is called. */
static bool takes_flags(const struct tp_elf_view *elf, const struct tp_elf_function *write)
{
    struct fifth f = {.elf = elf};
    elf->walk(elf->host, write->start, write->end ? write->end : write->start + 512, look_for_fifth,
              &f);
    return f.saved;
}

/* Code that a compiler moved out of a function, because it is seldom run, is called by nobody. */
static int add_site(const struct tp_elf_view *elf, const struct tp_elf_function *f,
                    const struct tp_tls_site *site, struct tp_tls_location *ret)
{
    struct tp_tls_site *s = &ret->sites[ret->count];

    *s = *site;
    if (elf->called(elf->host, f->start) != 1 || elf->code(elf->host, f->start, &s->file_offset))
        return -ENOENT;
    ret->count++;
    return 0;
}

static int locate(const struct tp_elf_view *elf, struct tp_tls_location *ret)
{
    struct tp_elf_function read, write;
    struct tp_tls_site writing = write_site;

    if (elf->machine != EM_X86_64)
        return 0;
    int reads = only_function(elf, &marks[0], &read);
    int writes = reads ? only_function(elf, &marks[1], &write) : 0;
    if (reads == 0 || writes == 0)
        return 0;
    if (reads < 0 || writes < 0 || read.start == write.start)
        return refuse(ret, "several functions bear the names of its read and write functions");
    if (takes_flags(elf, &write))
        writing.count = (struct tp_tls_value)TP_ARGUMENT(5);
    if (add_site(elf, &read, &read_site, ret) || add_site(elf, &write, &writing, ret))
        return refuse(ret, "it is not certain where its functions begin");
    ret->confidence = 80;
    return 1;
}

static const struct tp_tls_ops ops = {
    .stack = "openssl",
    .library = "openssl",
    .layer = TP_TLS_STREAM,
    .marks = marks,
    .locate = locate,
};

static const struct tp_plugin plugin = {
    .magic = TP_PLUGIN_MAGIC,
    .abi = TP_PLUGIN_ABI,
    .size = sizeof(struct tp_plugin),
    .kind = TP_PLUGIN_TLS,
    .name = "tls_openssl_stripped",
    .version = "1",
    .summary = "OpenSSL 3 inside executables without symbols, by the names in its errors",
    .ops.tls = &ops,
};

TP_PLUGIN(plugin);
