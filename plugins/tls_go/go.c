/* SPDX-License-Identifier: MIT
 * Go's crypto/tls. Functions take and give values in registers since Go 1.17 (cmd/compile/abi-
 * internal.md): the receiver in rax, a slice in rbx, rcx and rdi, the result in rax; r14 is the
 * goroutine. A goroutine's stack is moved as it grows, so that a return address on it must not be
 * replaced: the instructions that return are probed instead.
 */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pclntab.h"

enum { RAX = 0, RCX = 2, RBX = 3, R14 = 14 }; /* DWARF numbers */

/* struct g begins with the bounds of its stack: lo, hi. */
#define GOROUTINE                                                                                  \
    .thread = TP_IN_REGISTER(R14),                                                                 \
    .stack_top = {.base = TP_BASE_REGISTER + R14, .loads = 1, .offset = {8, 0}}

static const struct tp_tls_site write_site = {.name = "crypto/tls.(*Conn).Write",
                                              .kind = TP_TLS_WRITE,
                                              .result = TP_TLS_LONG,
                                              .conn = TP_IN_REGISTER(RAX),
                                              .data = TP_IN_REGISTER(RBX),
                                              .length = TP_IN_REGISTER(RCX),
                                              GOROUTINE};
static const struct tp_tls_site read_site = {.name = "crypto/tls.(*Conn).Read",
                                             .kind = TP_TLS_READ,
                                             .result = TP_TLS_LONG,
                                             .conn = TP_IN_REGISTER(RAX),
                                             .data = TP_IN_REGISTER(RBX),
                                             .length = TP_IN_REGISTER(RCX),
                                             GOROUTINE};
static const struct tp_tls_site close_site = {
    .name = "crypto/tls.(*Conn).Close", .kind = TP_TLS_FREE, .conn = TP_IN_REGISTER(RAX)};
static const struct tp_tls_site leave_site = {
    .kind = TP_TLS_LEAVE, .result = TP_TLS_LONG, GOROUTINE};

struct leaving {
    const struct tp_elf_view *elf;
    struct tp_tls_location *ret;
    int err;
};

static bool add_return(void *cx, const struct tp_elf_instruction *insn)
{
    struct leaving *l = cx;
    struct tp_tls_site *site = &l->ret->sites[l->ret->count];

    if (insn->kind != TP_INSN_RETURN)
        return true;
    if (l->ret->count == TP_TLS_SITES_MAX) {
        l->err = -E2BIG;
        return false;
    }
    *site = leave_site;
    l->err = l->elf->code(l->elf->host, insn->address, &site->file_offset);
    l->ret->count++;
    return !l->err;
}

static int add_function(const struct tp_elf_view *elf, const struct pclntab_function *f,
                        const struct tp_tls_site *as, struct tp_tls_location *ret)
{
    struct leaving l = {.elf = elf, .ret = ret};

    if (ret->count == TP_TLS_SITES_MAX)
        return -E2BIG;
    struct tp_tls_site *site = &ret->sites[ret->count++];
    *site = *as;
    int err = elf->code(elf->host, f->start, &site->file_offset);
    if (err || as->kind == TP_TLS_FREE)
        return err;
    uint32_t before = ret->count;
    err = elf->walk(elf->host, f->start, f->end, add_return, &l);
    if (err || l.err)
        return err ? err : l.err;
    return ret->count > before ? 0 : -ENOENT;
}

static int refuse(struct tp_tls_location *ret, const char *why)
{
    ret->count = 0;
    snprintf(ret->reason, sizeof(ret->reason), "%s", why);
    return -ENOENT;
}

static int locate(const struct tp_elf_view *elf, struct tp_tls_location *ret)
{
    struct pclntab_function functions[] = {
        {.name = write_site.name}, {.name = read_site.name}, {.name = close_site.name}};
    int err = elf->machine == EM_X86_64 ? pclntab_find(elf, functions, 3) : -ENOENT;

    if (err == -ENOENT)
        return 0;
    if (err == -ENOTSUP)
        return refuse(ret, "built with a Go older than 1.18");
    if (err)
        return refuse(ret, "its table of functions cannot be read");
    if (!functions[0].start || !functions[1].start)
        return 0; /* a program that does no TLS */
    if (add_function(elf, &functions[0], &write_site, ret) ||
        add_function(elf, &functions[1], &read_site, ret))
        return refuse(ret, "the instructions of its read and write functions cannot be followed");
    if (functions[2].start && add_function(elf, &functions[2], &close_site, ret))
        ret->count--;
    ret->confidence = 95;
    return 1;
}

/* Some builds let BoringSSL do the ciphers. */
static const char *const over[] = {"boringssl", NULL};

static const struct tp_tls_ops ops = {
    .stack = "go",
    .library = "go",
    .layer = TP_TLS_STREAM,
    .over = over,
    .locate = locate,
};

static const struct tp_plugin plugin = {
    .magic = TP_PLUGIN_MAGIC,
    .abi = TP_PLUGIN_ABI,
    .size = sizeof(struct tp_plugin),
    .kind = TP_PLUGIN_TLS,
    .name = "tls_go",
    .version = "1",
    .summary = "Go's crypto/tls, stripped too, since Go 1.18",
    .ops.tls = &ops,
};

TP_PLUGIN(plugin);
