/* SPDX-License-Identifier: MIT */
#include "collector/elf_hash.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define NAME_BYTES_MAX 256
#define CHAIN_MAX 4096 /* symbols of one bucket that are looked at; real ones have a few */

struct header {
    uint32_t buckets;
    uint32_t first_symbol; /* lower ones are not in the table */
    uint32_t bloom_words;
    uint32_t bloom_shift;
};

static bool read_at(const struct tp_elf_hash *h, const struct tp_elf_place *place, uint64_t at,
                    void *to, size_t n)
{
    if (at > place->size || n > place->size - at || place->offset > INT64_MAX / 2 ||
        at > INT64_MAX / 2)
        return false;
    return pread(h->fd, to, n, (off_t)(place->offset + at)) == (ssize_t)n;
}

static uint32_t hash_of(const char *name)
{
    uint32_t h = 5381;

    for (; *name; name++)
        h = h * 33 + (uint8_t)*name;
    return h;
}

static bool has_name(const struct tp_elf_hash *h, const Elf64_Sym *symbol, const char *name)
{
    char text[NAME_BYTES_MAX];
    size_t n = strlen(name) + 1;

    return n <= sizeof(text) && read_at(h, &h->strings, symbol->st_name, text, n) &&
           memcmp(text, name, n) == 0;
}

static bool is_defined_function(const Elf64_Sym *symbol)
{
    return ELF64_ST_TYPE(symbol->st_info) == STT_FUNC && symbol->st_shndx != SHN_UNDEF &&
           symbol->st_value != 0;
}

/* The chain's words are the symbols' hashes; the lowest bit marks the last one. */
static int chain_find(const struct tp_elf_hash *h, uint64_t chains, const struct header *head,
                      uint32_t symbol, const char *name, Elf64_Sym *ret_symbol)
{
    uint32_t want = hash_of(name), word;

    for (int i = 0; i < CHAIN_MAX; i++, symbol++) {
        uint64_t at = chains + 4 * (uint64_t)(symbol - head->first_symbol);
        Elf64_Sym found;
        if (!read_at(h, &h->table, at, &word, sizeof(word)))
            return -EINVAL;
        if ((word | 1) == (want | 1)) {
            if (!read_at(h, &h->symbols, symbol * (uint64_t)sizeof(found), &found, sizeof(found)))
                return -EINVAL;
            if (is_defined_function(&found) && has_name(h, &found, name)) {
                *ret_symbol = found;
                return 0;
            }
        }
        if (word & 1)
            return -ENOENT;
    }
    return -EINVAL;
}

int tp_elf_hash_find(const struct tp_elf_hash *hash, const char *name, Elf64_Sym *ret_symbol)
{
    struct header head;
    uint64_t filter;
    uint32_t symbol, want = hash_of(name);

    if (!read_at(hash, &hash->table, 0, &head, sizeof(head)) || head.buckets == 0 ||
        head.bloom_words == 0 || head.bloom_shift > 31)
        return -EINVAL;
    uint64_t bloom = sizeof(head), buckets = bloom + 8 * (uint64_t)head.bloom_words;
    uint64_t chains = buckets + 4 * (uint64_t)head.buckets;
    if (!read_at(hash, &hash->table, bloom + 8 * (uint64_t)(want / 64 % head.bloom_words), &filter,
                 sizeof(filter)))
        return -EINVAL;
    if (!(filter >> want % 64 & 1) || !(filter >> (want >> head.bloom_shift) % 64 & 1))
        return -ENOENT;
    if (!read_at(hash, &hash->table, buckets + 4 * (uint64_t)(want % head.buckets), &symbol,
                 sizeof(symbol)))
        return -EINVAL;
    if (symbol == 0)
        return -ENOENT;
    if (symbol < head.first_symbol)
        return -EINVAL;
    return chain_find(hash, chains, &head, symbol, name, ret_symbol);
}
