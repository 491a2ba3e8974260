/* SPDX-License-Identifier: MIT */
#include "collector/x86.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* What follows an opcode: a letter for each of the 256. */
enum {
    NONE = '.',
    BAD = '!',
    MODRM = 'm',
    MODRM_IMM8 = 'b', /* ModRM and an immediate byte */
    MODRM_IMM = 'z',  /* ModRM and 2 or 4 bytes, by operand size */
    MODRM_TEST = 't', /* group 3: an immediate with the first two of its operations only */
    IMM8 = '1',
    IMM16 = '2',
    IMM16_8 = '3',
    IMM = '4',   /* 2 or 4 bytes */
    IMM64 = '8', /* 2, 4 or 8 bytes */
    FAR = 'a',   /* an address of 4 or 8 bytes */
    REL8 = 's',
    REL32 = 'l',
};

/* Prefixes and escapes are taken off before; they stand here as bad. */
static const char one_byte[257] = "mmmm14!!mmmm14!!" /* 00 */
                                  "mmmm14!!mmmm14!!" /* 10 */
                                  "mmmm14!!mmmm14!!" /* 20 */
                                  "mmmm14!!mmmm14!!" /* 30 */
                                  "!!!!!!!!!!!!!!!!" /* 40 */
                                  "................" /* 50 */
                                  "!!!m!!!!4z1b...." /* 60 */
                                  "ssssssssssssssss" /* 70 */
                                  "bz!bmmmmmmmmmmmm" /* 80 */
                                  "..........!....." /* 90 */
                                  "aaaa....14......" /* a0 */
                                  "1111111188888888" /* b0 */
                                  "bb2.!!bz3.2..1!." /* c0 */
                                  "mmmm!!!.mmmmmmmm" /* d0 */
                                  "ssss1111ll!s...." /* e0 */
                                  "!.!!..tt......mm" /* f0 */;

static const char two_byte[257] = "mmmm!....."
                                  "!.!m.b"           /* 00 */
                                  "mmmmmmmmmmmmmmmm" /* 10 */
                                  "mmmm!!!!mmmmmmmm" /* 20 */
                                  "......!.!!!!!!!!" /* 30 */
                                  "mmmmmmmmmmmmmmmm" /* 40 */
                                  "mmmmmmmmmmmmmmmm" /* 50 */
                                  "mmmmmmmmmmmmmmmm" /* 60 */
                                  "bbbbmmm.mm!!mmmm" /* 70 */
                                  "llllllllllllllll" /* 80 */
                                  "mmmmmmmmmmmmmmmm" /* 90 */
                                  "...mbm!!...mbmmm" /* a0 */
                                  "mmmmmmmmmmbmmmmm" /* b0 */
                                  "mmbmbbbm........" /* c0 */
                                  "mmmmmmmmmmmmmmmm" /* d0 */
                                  "mmmmmmmmmmmmmmmm" /* e0 */
                                  "mmmmmmmmmmmmmmmm" /* f0 */;

struct decoding {
    const uint8_t *data;
    size_t n, at;
    uint64_t address;
    bool short_operand, short_address; /* prefixes 66 and 67 */
    uint8_t rex;
    uint8_t map; /* 0: one byte, 1: 0f, 2: 0f 38, 3: 0f 3a */
    uint8_t opcode, modrm;
    bool vector; /* VEX or EVEX */
    bool rip_relative;
    int32_t displacement;
    int64_t immediate;
};

static bool is_prefix(uint8_t b)
{
    switch (b) {
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e:
    case 0x64:
    case 0x65:
    case 0x66:
    case 0x67:
    case 0xf0:
    case 0xf2:
    case 0xf3:
        return true;
    default:
        return false;
    }
}

/* -1 at the end of the data. */
static int next(struct decoding *d)
{
    return d->at < d->n ? d->data[d->at++] : -1;
}

static int prefixes(struct decoding *d)
{
    int b = next(d);

    for (; b >= 0 && is_prefix((uint8_t)b); b = next(d)) {
        d->short_operand |= b == 0x66;
        d->short_address |= b == 0x67;
    }
    if (b >= 0x40 && b <= 0x4f) {
        d->rex = (uint8_t)b;
        b = next(d);
    }
    return b;
}

/* VEX has the inverted bits of REX in its first byte; EVEX likewise. */
static int vector_prefix(struct decoding *d, int b)
{
    int payload = b == 0x62 ? 3 : b == 0xc4 ? 2 : 1;
    int first = next(d);

    d->vector = true;
    d->map = b == 0xc5 ? 1 : (uint8_t)(first & (b == 0x62 ? 7 : 0x1f));
    for (int i = 1; i < payload; i++)
        if (next(d) < 0)
            return -1;
    return first < 0 ? -1 : next(d);
}

static int opcode_take(struct decoding *d)
{
    int b = prefixes(d);

    if (b == 0xc4 || b == 0xc5 || b == 0x62) {
        b = vector_prefix(d, b);
    } else if (b == 0x0f) {
        d->map = 1;
        b = next(d);
        if (b == 0x38 || b == 0x3a) {
            d->map = b == 0x38 ? 2 : 3;
            b = next(d);
        }
    }
    if (b < 0)
        return -ENODATA;
    d->opcode = (uint8_t)b;
    return 0;
}

static char form_of(const struct decoding *d)
{
    switch (d->map) {
    case 0:
        return d->vector ? BAD : one_byte[d->opcode];
    case 1:
        if (!d->vector || strchr("mb", two_byte[d->opcode]) || d->opcode == 0x77)
            return two_byte[d->opcode];
        return d->opcode >= 0x90 && d->opcode <= 0x9f ? MODRM : BAD;
    case 2:
        return MODRM;
    case 3:
        return MODRM_IMM8;
    case 5:
        return d->opcode == 0xc2 ? MODRM_IMM8 : MODRM;
    case 6:
        return MODRM;
    default:
        return BAD;
    }
}

static int take_signed(struct decoding *d, size_t bytes, int64_t *ret_value)
{
    uint64_t value = 0;

    if (d->n - d->at < bytes)
        return -ENODATA;
    memcpy(&value, d->data + d->at, bytes);
    d->at += bytes;
    unsigned int unused = 64 - 8 * (unsigned int)bytes;
    *ret_value = bytes ? (int64_t)(value << unused) >> unused : 0;
    return 0;
}

static int modrm_take(struct decoding *d)
{
    int b = next(d);
    int64_t displacement = 0;

    if (b < 0)
        return -ENODATA;
    d->modrm = (uint8_t)b;
    unsigned int mod = d->modrm >> 6, rm = d->modrm & 7;
    if (mod == 3)
        return 0;
    size_t bytes = mod == 1 ? 1 : mod == 2 ? 4 : 0;
    if (rm == 4) {
        int sib = next(d);
        if (sib < 0)
            return -ENODATA;
        if (mod == 0 && (sib & 7) == 5)
            bytes = 4;
    } else if (mod == 0 && rm == 5) {
        d->rip_relative = true;
        bytes = 4;
    }
    int err = take_signed(d, bytes, &displacement);
    d->displacement = (int32_t)displacement;
    return err;
}

static size_t immediate_bytes(const struct decoding *d, char form)
{
    size_t full = d->short_operand ? 2 : 4;

    switch (form) {
    case MODRM_IMM8:
    case IMM8:
    case REL8:
        return 1;
    case IMM16:
        return 2;
    case IMM16_8:
        return 3;
    case REL32:
        return 4;
    case MODRM_IMM:
    case IMM:
        return full;
    case IMM64:
        return d->rex & 8 ? 8 : full;
    case FAR:
        return d->short_address ? 4 : 8;
    case MODRM_TEST:
        return (d->modrm >> 3 & 7) > 1 ? 0 : d->opcode & 1 ? full : 1;
    default:
        return 0;
    }
}

static void fill_jump(const struct decoding *d, struct tp_elf_instruction *insn)
{
    uint8_t op = d->opcode, group = d->modrm >> 3 & 7;
    uint64_t to = d->address + d->at + (uint64_t)d->immediate;

    if (d->map == 1 && op >= 0x80 && op <= 0x8f) {
        insn->kind = TP_INSN_BRANCH;
        insn->value = to;
    } else if (d->map == 0 && (op == 0xe8 || op == 0xe9 || op == 0xeb)) {
        insn->kind = op == 0xe8 ? TP_INSN_CALL : TP_INSN_JUMP;
        insn->value = to;
    } else if (d->map == 0 && ((op >= 0x70 && op <= 0x7f) || (op >= 0xe0 && op <= 0xe3))) {
        insn->kind = TP_INSN_BRANCH;
        insn->value = to;
    } else if (d->map == 0 && op == 0xff && group >= 2 && group <= 5) {
        insn->kind = group <= 3 ? TP_INSN_CALL : TP_INSN_JUMP;
    } else if (d->map == 0 && (op == 0xc3 || op == 0xc2)) {
        insn->kind = TP_INSN_RETURN;
    } else if ((d->map == 0 && op == 0xcc) || (d->map == 1 && op == 0x0b)) {
        insn->kind = TP_INSN_TRAP;
    }
}

static void fill_value(const struct decoding *d, struct tp_elf_instruction *insn)
{
    uint8_t op = d->opcode, mod = d->modrm >> 6, rm = d->modrm & 7, reg = d->modrm >> 3 & 7;
    uint8_t base = (uint8_t)(d->rex & 1 ? 8 : 0), extra = (uint8_t)(d->rex & 4 ? 8 : 0);

    if (d->map != 0)
        return;
    insn->value = (uint64_t)d->immediate;
    if (op >= 0xb8 && op <= 0xbf) {
        insn->kind = TP_INSN_CONSTANT;
        insn->reg = (uint8_t)((op & 7) + base);
        if (!(d->rex & 8))
            insn->value = (uint32_t)insn->value;
    } else if (op == 0xc7 && mod == 3 && reg == 0) {
        insn->kind = TP_INSN_CONSTANT;
        insn->reg = (uint8_t)(rm + base);
    } else if ((op == 0x31 || op == 0x33) && mod == 3 && reg + extra == rm + base) {
        insn->kind = TP_INSN_CONSTANT;
        insn->reg = (uint8_t)(rm + base);
        insn->value = 0;
    } else if (op == 0x8d && d->rip_relative) {
        insn->kind = TP_INSN_ADDRESS;
        insn->reg = (uint8_t)(reg + extra);
        insn->value = d->address + d->at + (uint64_t)(int64_t)d->displacement;
    } else if (op == 0x6a || op == 0x68) {
        insn->kind = TP_INSN_PUSH;
    } else if (op >= 0x58 && op <= 0x5f) {
        insn->kind = TP_INSN_POP;
        insn->reg = (uint8_t)((op & 7) + base);
    } else {
        insn->value = 0;
    }
}

int tp_x86_decode(const uint8_t *data, size_t n, uint64_t address,
                  struct tp_elf_instruction *ret_insn)
{
    struct decoding d = {
        .data = data, .n = n < TP_X86_BYTES_MAX ? n : TP_X86_BYTES_MAX, .address = address};
    int err = opcode_take(&d);

    if (err)
        return n < TP_X86_BYTES_MAX ? err : -EILSEQ;
    char form = form_of(&d);
    if (form == BAD)
        return -EILSEQ;
    if (strchr("mbzt", form))
        err = modrm_take(&d);
    if (!err)
        err = take_signed(&d, immediate_bytes(&d, form), &d.immediate);
    if (err)
        return n < TP_X86_BYTES_MAX ? err : -EILSEQ;
    *ret_insn = (struct tp_elf_instruction){.address = address, .length = (uint8_t)d.at};
    if (!d.vector) {
        fill_value(&d, ret_insn);
        fill_jump(&d, ret_insn);
    }
    return 0;
}
