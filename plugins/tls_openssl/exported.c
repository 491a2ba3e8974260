/* SPDX-License-Identifier: MIT */
#include "exported.h"

#include <stdio.h>

#define CONN .conn = TP_ARGUMENT(1)
#define BUFFER .conn = TP_ARGUMENT(1), .data = TP_ARGUMENT(2), .length = TP_ARGUMENT(3)

static const struct tp_tls_site functions[] = {
    {.name = "SSL_read", .kind = TP_TLS_READ, .result = TP_TLS_INT, BUFFER},
    {.name = "SSL_write", .kind = TP_TLS_WRITE, .result = TP_TLS_INT, BUFFER},
    {.name = "SSL_read_ex",
     .kind = TP_TLS_READ,
     .result = TP_TLS_COUNT_AT,
     BUFFER,
     .count = TP_ARGUMENT(4)},
    {.name = "SSL_write_ex",
     .kind = TP_TLS_WRITE,
     .result = TP_TLS_COUNT_AT,
     BUFFER,
     .count = TP_ARGUMENT(4)},
    {.name = "SSL_new", .kind = TP_TLS_NEW},
    {.name = "SSL_free", .kind = TP_TLS_FREE, CONN},
    {.name = "SSL_up_ref", .kind = TP_TLS_UP_REF, CONN},
};

bool exported_has(const struct tp_elf_view *elf, const char *name)
{
    uint64_t offset;
    return elf->symbol(elf->host, name, &offset) == 0;
}

bool exported_has_both_ways(const struct tp_elf_view *elf)
{
    return exported_has(elf, "SSL_read") && exported_has(elf, "SSL_write");
}

int exported_locate(const struct tp_elf_view *elf, int confidence, struct tp_tls_location *ret)
{
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        uint64_t offset;
        if (elf->symbol(elf->host, functions[i].name, &offset))
            continue;
        ret->sites[ret->count] = functions[i];
        ret->sites[ret->count++].file_offset = offset;
    }
    ret->confidence = confidence;
    return 1;
}
