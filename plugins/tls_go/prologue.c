/* SPDX-License-Identifier: MIT */
#include "prologue.h"

#include <errno.h>
#include <string.h>

/* The longest that is looked at. */
#define BYTES 32u

/* What is next of the code that was read; reading on past its end finds no match. */
struct code {
    const uint8_t *at;
    size_t left;
};

static bool next_is(struct code *c, const char *bytes, size_t n)
{
    if (c->left < n || memcmp(c->at, bytes, n) != 0)
        return false;
    c->at += n;
    c->left -= n;
    return true;
}
#define NEXT_IS(c, text) next_is(c, text, sizeof(text) - 1)

static bool take(struct code *c, void *ret, size_t n)
{
    if (c->left < n)
        return false;
    memcpy(ret, c->at, n);
    c->at += n;
    c->left -= n;
    return true;
}

/* lea REGISTER, [rsp - small or large frame] */
static bool frame_is(struct code *c, const char *small, const char *large)
{
    uint8_t bytes[4];
    return next_is(c, small, 4) ? take(c, bytes, 1) : next_is(c, large, 4) && take(c, bytes, 4);
}

/* Goroutine in r14: cmp rsp or r12, [r14 + 16]. */
static bool is_registers(struct code c)
{
    if (NEXT_IS(&c, "\x49\x3b\x66\x10"))
        return true;
    return frame_is(&c, "\x4c\x8d\x64\x24", "\x4c\x8d\xa4\x24") && NEXT_IS(&c, "\x4d\x3b\x66\x10");
}

/* mov rcx, fs:[offset], or the same in two instructions; then cmp rsp or rax, [rcx + 16]. */
static bool is_stack(struct code c, int32_t *ret_offset)
{
    if (NEXT_IS(&c, "\x64\x48\x8b\x0c\x25")) {
        if (!take(&c, ret_offset, 4))
            return false;
    } else if (!NEXT_IS(&c, "\x48\xc7\xc1") || !take(&c, ret_offset, 4) ||
               !NEXT_IS(&c, "\x64\x48\x8b\x09")) {
        return false;
    }
    if (*ret_offset >= 0 || *ret_offset < INT16_MIN)
        return false;
    if (NEXT_IS(&c, "\x48\x3b\x61\x10"))
        return true;
    return frame_is(&c, "\x48\x8d\x44\x24", "\x48\x8d\x84\x24") && NEXT_IS(&c, "\x48\x3b\x41\x10");
}

int prologue_read(const struct tp_elf_view *elf, uint64_t address, struct prologue *ret)
{
    uint8_t bytes[BYTES];
    const struct code c = {bytes, sizeof(bytes)};
    int32_t offset = 0;

    if (elf->read(elf->host, address, bytes, sizeof(bytes)))
        return -ENOENT;
    if (is_registers(c))
        *ret = (struct prologue){.convention = PROLOGUE_REGISTERS};
    else if (is_stack(c, &offset))
        *ret = (struct prologue){.convention = PROLOGUE_STACK, .goroutine = (int16_t)offset};
    else
        return -ENOENT;
    return 0;
}

bool prologue_is_repeated(const struct tp_elf_view *elf, uint64_t start, uint64_t end)
{
    uint8_t bytes[BYTES * 2];
    size_t all = end - start < sizeof(bytes) ? (size_t)(end - start) : sizeof(bytes), n = all;
    int32_t distance;

    if (n <= 5 || elf->read(elf->host, end - n, bytes, n))
        return false;
    while (n > 5 && bytes[n - 1] == 0xcc) /* int3 */
        n--;
    memcpy(&distance, bytes + n - 4, sizeof(distance));
    uint64_t after = end - all + n;
    return bytes[n - 5] == 0xe9 && after + (uint64_t)(int64_t)distance == start;
}
