/* SPDX-License-Identifier: MIT */
#include "exported.h"

#include <errno.h>

static const struct {
    enum tp_tls_site_kind kind;
    const char *name;
} functions[] = {
    {TP_TLS_READ, "SSL_read"},         {TP_TLS_WRITE, "SSL_write"}, {TP_TLS_READ_EX, "SSL_read_ex"},
    {TP_TLS_WRITE_EX, "SSL_write_ex"}, {TP_TLS_NEW, "SSL_new"},     {TP_TLS_FREE, "SSL_free"},
    {TP_TLS_UP_REF, "SSL_up_ref"},
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

int exported_locate(const struct tp_elf_view *elf, struct tp_tls_site *ret_sites, size_t max)
{
    size_t found = 0;

    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        uint64_t offset;
        if (elf->symbol(elf->host, functions[i].name, &offset))
            continue;
        if (found == max)
            return -ENOSPC;
        ret_sites[found++] = (struct tp_tls_site){
            .kind = functions[i].kind, .file_offset = offset, .symbol = functions[i].name};
    }
    return (int)found;
}
