/* SPDX-License-Identifier: MIT
 * GnuTLS, by its public functions (gnutls/gnutls.h). Some call others of them: the outer call
 * counts.
 */
#include <tokprof/plugin.h>

#define BUFFER                                                                                     \
    .result = TP_TLS_LONG, .conn = TP_ARGUMENT(1), .data = TP_ARGUMENT(2), .length = TP_ARGUMENT(3)

static const struct tp_tls_site functions[] = {
    {.name = "gnutls_record_send", .kind = TP_TLS_WRITE, BUFFER},
    {.name = "gnutls_record_send2", .kind = TP_TLS_WRITE, BUFFER},
    {.name = "gnutls_record_send_early_data", .kind = TP_TLS_WRITE, BUFFER},
    {.name = "gnutls_record_recv", .kind = TP_TLS_READ, BUFFER},
    {.name = "gnutls_record_recv_seq", .kind = TP_TLS_READ, BUFFER},
    {.name = "gnutls_deinit", .kind = TP_TLS_FREE, .conn = TP_ARGUMENT(1)},
};

static int locate(const struct tp_elf_view *elf, struct tp_tls_location *ret)
{
    uint64_t offset;

    if (elf->symbol(elf->host, "gnutls_record_send", &offset) ||
        elf->symbol(elf->host, "gnutls_record_recv", &offset))
        return 0;
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        if (elf->symbol(elf->host, functions[i].name, &offset))
            continue;
        ret->sites[ret->count] = functions[i];
        ret->sites[ret->count++].file_offset = offset;
    }
    ret->confidence = 100;
    return 1;
}

static const struct tp_tls_ops ops = {
    .stack = "gnutls",
    .library = "gnutls",
    .layer = TP_TLS_STREAM,
    .locate = locate,
};

static const struct tp_plugin plugin = {
    .magic = TP_PLUGIN_MAGIC,
    .abi = TP_PLUGIN_ABI,
    .size = sizeof(struct tp_plugin),
    .kind = TP_PLUGIN_TLS,
    .name = "tls_gnutls",
    .version = "1",
    .summary = "GnuTLS, shared or with symbols",
    .ops.tls = &ops,
};

TP_PLUGIN(plugin);
