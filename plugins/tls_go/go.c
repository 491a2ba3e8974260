/* SPDX-License-Identifier: MIT
 * Go's crypto/tls. Functions take and give values in registers since Go 1.17 (cmd/compile/abi-
 * internal.md): the receiver in rax, a slice in rbx, rcx and rdi, the result in rax; r14 is the
 * goroutine. Before, all was on the stack, results after the arguments, and the goroutine in a
 * variable of the thread. A goroutine's stack is moved as it grows, so that a return address on it
 * must not be replaced: the instructions that return are probed instead.
 */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pclntab.h"
#include "prologue.h"

enum { RAX = 0, RCX = 2, RBX = 3, R14 = 14 }; /* DWARF numbers */

#define TEXT_ALIGN 32u
/* How far into a segment the text of Go may begin, behind what a C linker puts before it. */
#define TEXT_SEARCH_BYTES (4u * 1024u * 1024u)

/* Connections are objects of the heap: they stay where they are, but may go without a word. What
 * begins a handshake is a new one, unless it is about to renegotiate: that takes a reference, which
 * the handshake gives back. */
enum { WRITE, READ, CLOSE, CLIENT, SERVER, RENEGOTIATE, FUNCTIONS };

static const struct {
    const char *name;
    uint8_t kind;
} functions[FUNCTIONS] = {
    [WRITE] = {"Write", TP_TLS_WRITE},
    [READ] = {"Read", TP_TLS_READ},
    [CLOSE] = {"Close", TP_TLS_FREE},
    [CLIENT] = {"clientHandshake", TP_TLS_FREE},
    [SERVER] = {"serverHandshake", TP_TLS_FREE},
    [RENEGOTIATE] = {"handleRenegotiation", TP_TLS_UP_REF},
};

static bool moves_bytes(uint8_t kind)
{
    return kind == TP_TLS_WRITE || kind == TP_TLS_READ;
}

/* struct g begins with the bounds of its stack: lo, hi. */
static const struct tp_tls_site in_registers = {
    .result = TP_TLS_LONG,
    .conn = TP_IN_REGISTER(RAX),
    .data = TP_IN_REGISTER(RBX),
    .length = TP_IN_REGISTER(RCX),
    .thread = TP_IN_REGISTER(R14),
    .stack_top = {.base = TP_BASE_REGISTER + R14, .loads = 1, .offset = {8, 0}},
};
static const struct tp_tls_site on_stack = {
    .result = TP_TLS_LONG,
    .conn = TP_ON_STACK(8),
    .data = TP_ON_STACK(16),
    .length = TP_ON_STACK(24),
    .thread = {.base = TP_BASE_THREAD, .loads = 1},
    .stack_top = {.base = TP_BASE_THREAD, .loads = 2, .offset = {0, 8}},
};
static const struct tp_tls_value result_on_stack = TP_ON_STACK(40);

struct program {
    const struct tp_elf_view *elf;
    struct tp_tls_location *ret;
    struct pclntab_function function[FUNCTIONS];
    struct pclntab table;
    struct prologue prologue; /* of what moves bytes */
    int err;
};

/* ---- sites ---- */

static struct tp_tls_site site_of(const struct program *p, size_t which)
{
    struct tp_tls_site site = p->prologue.convention == PROLOGUE_STACK ? on_stack : in_registers;

    snprintf(site.name, sizeof(site.name), "%s%s", PCLNTAB_PREFIX, functions[which].name);
    site.kind = functions[which].kind;
    site.thread.offset[0] = site.thread.loads ? p->prologue.goroutine : 0;
    if (site.stack_top.loads == 2)
        site.stack_top.offset[0] = p->prologue.goroutine;
    if (!moves_bytes(site.kind))
        return (struct tp_tls_site){.kind = site.kind, .conn = site.conn};
    return site;
}

static struct tp_tls_site leave_of(const struct program *p)
{
    const struct tp_tls_site write = site_of(p, WRITE);
    struct tp_tls_site site = {.kind = TP_TLS_LEAVE,
                               .result = TP_TLS_LONG,
                               .thread = write.thread,
                               .stack_top = write.stack_top};

    if (p->prologue.convention == PROLOGUE_STACK)
        site.length = result_on_stack;
    return site;
}

static int add_site(struct program *p, const struct tp_tls_site *site, uint64_t address)
{
    struct tp_tls_location *ret = p->ret;

    if (ret->count == TP_TLS_SITES_MAX)
        return -E2BIG;
    ret->sites[ret->count] = *site;
    int err = p->elf->code(p->elf->host, address, &ret->sites[ret->count].file_offset);
    ret->count += !err;
    return err;
}

static bool add_return(void *cx, const struct tp_elf_instruction *insn)
{
    struct program *p = cx;
    const struct tp_tls_site site = leave_of(p);

    if (insn->kind == TP_INSN_RETURN)
        p->err = add_site(p, &site, insn->address);
    return !p->err;
}

static int add_function(struct program *p, size_t which)
{
    const struct pclntab_function *f = &p->function[which];
    const struct tp_tls_site site = site_of(p, which);
    int err = add_site(p, &site, f->start);

    if (err || !moves_bytes(site.kind))
        return err;
    uint32_t before = p->ret->count;
    err = p->elf->walk(p->elf->host, f->start, f->end, add_return, p);
    if (err || p->err)
        return err ? err : p->err;
    return p->ret->count > before ? 0 : -ENOENT;
}

/* ---- where the text starts ---- */

/* Both functions begin as Go's do, and alike. */
static bool begin_at(struct program *p, uint64_t text)
{
    struct prologue write, read;

    if (prologue_read(p->elf, text + p->function[WRITE].start, &write) ||
        prologue_read(p->elf, text + p->function[READ].start, &read) ||
        write.convention != read.convention || write.goroutine != read.goroutine)
        return false;
    p->prologue = write;
    return true;
}

/* A position independent program's table does not say it, and what a C compiler made may stand
 * before it. By chance two functions may begin at the right distance, but not end there, too. */
static bool find_text(struct program *p, uint64_t *ret_text)
{
    uint64_t section, bytes;

    if (p->elf->section(p->elf->host, ".text", &section, &bytes))
        return false;
    for (uint64_t at = 0; at < bytes && at < TEXT_SEARCH_BYTES; at += TEXT_ALIGN) {
        uint64_t text = section + at;
        if (!begin_at(p, text) ||
            !prologue_is_repeated(p->elf, text + p->function[WRITE].start,
                                  text + p->function[WRITE].end) ||
            !prologue_is_repeated(p->elf, text + p->function[READ].start,
                                  text + p->function[READ].end))
            continue;
        *ret_text = text;
        return true;
    }
    return false;
}

static int place_functions(struct program *p)
{
    uint64_t text = p->table.text;

    if (!begin_at(p, text) && (!p->table.relative || text || !find_text(p, &text)))
        return -ENOENT;
    for (size_t i = 0; i < FUNCTIONS && p->table.relative; i++) {
        if (!p->function[i].end)
            continue;
        p->function[i].start += text;
        p->function[i].end += text;
    }
    return 0;
}

/* ---- the plugin ---- */

static int refuse(struct tp_tls_location *ret, const char *why)
{
    ret->count = 0;
    snprintf(ret->reason, sizeof(ret->reason), "%s", why);
    return -ENOENT;
}

static int locate(const struct tp_elf_view *elf, struct tp_tls_location *ret)
{
    struct program p = {.elf = elf, .ret = ret};

    for (size_t i = 0; i < FUNCTIONS; i++)
        p.function[i].name = functions[i].name;
    int err =
        elf->machine == EM_X86_64 ? pclntab_find(elf, p.function, FUNCTIONS, &p.table) : -ENOENT;
    if (err == -ENOENT)
        return 0;
    if (err)
        return refuse(ret, "its table of functions cannot be read");
    if (!p.function[WRITE].end || !p.function[READ].end)
        return 0; /* a program that does no TLS */
    if (place_functions(&p))
        return refuse(ret, "its functions do not begin as those of a known Go do");
    for (size_t i = 0; i < FUNCTIONS; i++)
        if (p.function[i].end && add_function(&p, i))
            return refuse(ret, "the instructions of its TLS functions cannot be followed");
    ret->confidence = 100;
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
    .version = "2",
    .summary = "Go's crypto/tls, stripped too, on x86-64",
    .ops.tls = &ops,
};

TP_PLUGIN(plugin);
