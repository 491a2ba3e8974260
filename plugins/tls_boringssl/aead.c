/* SPDX-License-Identifier: MIT
 * The AEAD functions of BoringSSL and AWS-LC (openssl/aead.h), where a program brings its own TLS
 * on top of them, as rustls does: one record each call.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aead.h"
#include "errors.h"

/* Reasons of the cipher library, from openssl/cipher.h. */
enum {
    BAD_DECRYPT = 101,
    BUFFER_TOO_SMALL = 103,
    CTRL_NOT_IMPLEMENTED = 104,
    INVALID_OPERATION = 112,
    NO_CIPHER_SET = 115,
    NO_DIRECTION_SET = 116,
    OUTPUT_ALIASES_INPUT = 117,
    TOO_LARGE = 118,
};

#define ENDING(text)                                                                               \
    {                                                                                              \
        text, sizeof(text) - 1, TP_MARK_ENDING                                                     \
    }
const struct tp_elf_mark aead_marks[] = {
    ENDING("/aead.cc.inc"), ENDING("/aead.cc"), ENDING("/aead.c"), {0}};

enum function { SEAL, SEAL_SCATTER, OPEN, OPEN_GATHER, SEAL_SPANS, FUNCTIONS };

/* How far apart the functions of one source file may be. */
#define APART_BYTES_MAX 0x2000u

#define CONTEXT .conn = TP_ARGUMENT(1)

static const struct tp_tls_site sites[] = {
    [SEAL] = {.name = "EVP_AEAD_CTX_seal",
              .kind = TP_TLS_SEAL,
              .result = TP_TLS_ALL,
              CONTEXT,
              .wire = TP_ARGUMENT(2),
              .nonce = TP_ARGUMENT(5),
              .data = TP_ON_STACK(8),
              .length = TP_ON_STACK(16),
              .ad = TP_ON_STACK(24),
              .ad_length = TP_ON_STACK(32)},
    [SEAL_SCATTER] = {.name = "EVP_AEAD_CTX_seal_scatter",
                      .kind = TP_TLS_SEAL,
                      .result = TP_TLS_ALL,
                      CONTEXT,
                      .wire = TP_ARGUMENT(2),
                      .nonce = TP_ARGUMENT(6),
                      .data = TP_ON_STACK(16),
                      .length = TP_ON_STACK(24),
                      .extra = TP_ON_STACK(32),
                      .extra_length = TP_ON_STACK(40),
                      .ad = TP_ON_STACK(48),
                      .ad_length = TP_ON_STACK(56)},
    [OPEN] = {.name = "EVP_AEAD_CTX_open",
              .kind = TP_TLS_OPEN,
              .result = TP_TLS_ALL,
              CONTEXT,
              .data = TP_ARGUMENT(2),
              .nonce = TP_ARGUMENT(5),
              .wire = TP_ON_STACK(8),
              .length = TP_ON_STACK(16),
              .ad = TP_ON_STACK(24),
              .ad_length = TP_ON_STACK(32)},
    [OPEN_GATHER] = {.name = "EVP_AEAD_CTX_open_gather",
                     .kind = TP_TLS_OPEN,
                     .result = TP_TLS_ALL,
                     CONTEXT,
                     .data = TP_ARGUMENT(2),
                     .nonce = TP_ARGUMENT(3),
                     .wire = TP_ARGUMENT(5),
                     .length = TP_ARGUMENT(6),
                     .tag = TP_ON_STACK(8),
                     .ad = TP_ON_STACK(24),
                     .ad_length = TP_ON_STACK(32)},
};

/* Which one it is, by the reasons that it gives; FUNCTIONS for none of them. */
static enum function function_of(const struct error_function *f)
{
    bool too_large = error_loaded(f, OUTPUT_ALIASES_INPUT) || error_loaded(f, TOO_LARGE);

    if (!error_loaded(f, NO_CIPHER_SET) && !error_loaded(f, NO_DIRECTION_SET))
        return FUNCTIONS;
    if (too_large && error_loaded(f, BUFFER_TOO_SMALL) && !error_loaded(f, BAD_DECRYPT))
        return SEAL;
    if (too_large && error_loaded(f, CTRL_NOT_IMPLEMENTED))
        return SEAL_SPANS;
    if (error_loaded(f, INVALID_OPERATION) && !error_loaded(f, BUFFER_TOO_SMALL))
        return SEAL_SCATTER;
    if (error_loaded(f, BAD_DECRYPT) && error_loaded(f, BUFFER_TOO_SMALL))
        return OPEN;
    if (error_loaded(f, CTRL_NOT_IMPLEMENTED) && !error_loaded(f, BAD_DECRYPT) &&
        !error_loaded(f, BUFFER_TOO_SMALL))
        return OPEN_GATHER;
    return FUNCTIONS;
}

static int refuse(struct tp_tls_location *ret, const char *why)
{
    ret->count = 0;
    snprintf(ret->reason, sizeof(ret->reason), "%s", why);
    return -ENOENT;
}

/* One of each, and close together. */
static int choose(const struct tp_elf_view *elf, const struct error_functions *all,
                  struct tp_tls_location *ret)
{
    const struct error_function *found[FUNCTIONS] = {0};
    uint64_t low = UINT64_MAX, high = 0;

    for (size_t i = 0; i < all->count; i++) {
        const struct error_function *f = &all->function[i];
        enum function n = function_of(f);
        if (n == FUNCTIONS)
            continue;
        if (found[n])
            return refuse(ret, "two functions look like the same one of its AEAD functions");
        found[n] = f;
        low = f->start < low ? f->start : low;
        high = f->start > high ? f->start : high;
    }
    if (found[SEAL_SPANS])
        return refuse(ret, "its AEAD functions take lists of pieces, which is not supported yet");
    for (enum function n = SEAL; n <= OPEN_GATHER; n++) {
        if (!found[n])
            return refuse(ret, "not all of its AEAD functions were found");
        if (!error_function_certain(elf, found[n]))
            return refuse(ret, "it is not certain where its AEAD functions begin");
        ret->sites[ret->count] = sites[n];
        if (elf->code(elf->host, found[n]->start, &ret->sites[ret->count++].file_offset))
            return refuse(ret, "its AEAD functions are not in the file");
    }
    if (high - low > APART_BYTES_MAX)
        return refuse(ret, "what looks like its AEAD functions is not in one place");
    ret->confidence = 80;
    return 1;
}

static enum aead_maker maker_of(const struct tp_elf_view *elf, uint64_t target)
{
    char text[256] = {0};

    for (size_t n = sizeof(text) - 1; n >= 8; n--)
        if (elf->read(elf->host, target, text, n) == 0)
            break;
    if (!strstr(text, "cipher") && !strstr(text, "aead/"))
        return AEAD_NOBODY;
    return strstr(text, "boringssl") ? AEAD_GOOGLE : AEAD_AWS;
}

int aead_locate(const struct tp_elf_view *elf, enum aead_maker maker, struct tp_tls_location *ret)
{
    int result = 0;

    for (size_t i = 0; aead_marks[i].text && result <= 0; i++) {
        struct tp_elf_reference first;
        struct error_functions *all;
        if (elf->references(elf->host, &aead_marks[i], &first, 1) <= 0 ||
            maker_of(elf, first.target) != maker || errors_collect(elf, &aead_marks[i], &all))
            continue;
        int chosen = all->count > 0 ? choose(elf, all, ret) : 0;
        result = chosen ? chosen : result;
        free(all);
    }
    return result;
}
